"""The style is used in figures only: no setting of matplotlib changes, and pyplot is not loaded."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from innersight.errors import ArgumentError
from innersight.report.figures.style import COLOURS, MARKERS, add_legend, check_width, figure_style, new_figure


def settings() -> dict[str, object]:
    """Return all settings but the backend: to read it chooses one."""
    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


def test_the_settings_of_the_user_are_replaced_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mpl.rcParams, "text.color", "red")
    before = settings()
    with figure_style():
        assert mpl.rcParams["text.color"] == "black"
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert settings() == before


def test_the_settings_are_restored_after_an_error() -> None:
    before = settings()
    with pytest.raises(ZeroDivisionError), figure_style():
        raise ZeroDivisionError
    assert settings() == before


@pytest.mark.thorough
def test_pyplot_is_not_loaded_and_no_display_is_needed() -> None:
    code = (
        "import sys; from innersight.report.figures import draw_scatter, save_figure; "
        "figure = draw_scatter([1, 2, 3, 4, 5], [1, 2, 4, 3, 5], opinion_direction='lower-is-better'); "
        "figure.draw_without_rendering(); print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False False"


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_colours_stand_out_from_white_and_the_pairs_with_markers_differ() -> None:
    assert max(map(luminance, COLOURS)) < 0.5  # the yellow of the palette has 0.82
    assert math.gcd(len(COLOURS), len(MARKERS)) == 1
    pairs = {(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i in range(42)}
    assert len(pairs) == 42


@pytest.mark.parametrize("width", [1.9, 20.1, math.nan, math.inf, -3.5])
def test_a_width_that_is_no_width_of_a_paper_is_refused(width: float) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `width` must be 2 to 20 inches, but got .*7\.16 inches"):
        check_width(width)
    with pytest.raises(ArgumentError, match="`width` must be 2 to 20"):
        new_figure(width, 2)


@pytest.mark.thorough
@pytest.mark.parametrize("width", [2.0, 3.5, 7.16])
def test_a_legend_fits_and_its_entries_are_in_rows(width: float) -> None:
    with figure_style():
        figure = new_figure(width, 2)
        figure.add_subplot()
        add_legend(figure, {f"kind {index:02}": Line2D([], []) for index in range(25)})
        figure.draw_without_rendering()
    (legend,) = figure.legends
    boxes = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    assert len(boxes) == 25
    places = sorted(boxes, key=lambda name: (-round(boxes[name].y0), boxes[name].x0))
    assert places == sorted(boxes)  # from left to right, from top to bottom
    assert min(box.x0 for box in boxes.values()) > 0
    assert max(box.x1 for box in boxes.values()) < figure.bbox.width
    assert figure.axes[0].get_window_extent().height > 0.5 * figure.dpi  # room was made for the legend
