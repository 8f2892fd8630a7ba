"""The images, the map and the colour bar are those of the data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.report.figures.maps import draw_map

RANDOM = np.random.default_rng(2)
REFERENCE, DISTORTED = (RANDOM.random((3, 40, 60), dtype=np.float32) for _ in range(2))
VALUES = RANDOM.random((40, 60), dtype=np.float32) * 5


def test_the_panels_show_the_images_and_the_map() -> None:
    figure = draw_map(REFERENCE, DISTORTED, VALUES, score=7.251)
    first, second, third, bar = figure.axes
    assert [axes.get_title() for axes in (first, second, third)] == ["reference", "distorted", "map, score 7.25"]
    for axes, image in ((first, REFERENCE), (second, DISTORTED)):
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_array_equal(shown, (image * 255).round().astype(np.uint8).transpose(1, 2, 0))
    np.testing.assert_array_equal(third.images[0].get_array(), VALUES)
    assert third.images[0].get_clim() == (0, VALUES.max())
    assert bar.get_ylim() == pytest.approx((0, VALUES.max()))
    assert bar.get_ylabel() == "score before pooling"


def test_one_top_makes_two_figures_comparable() -> None:
    figures = [draw_map(REFERENCE, DISTORTED, VALUES * factor, top=4.0) for factor in (0.5, 1)]
    assert [figure.axes[2].images[0].get_clim() for figure in figures] == [(0, 4), (0, 4)]
    bars = [figure.axes[2].images[0].colorbar for figure in figures]
    assert [bar.extend for bar in bars] == ["neither", "max"]  # an arrow says that larger values have the last colour


def test_a_map_of_equal_images_is_dark() -> None:
    figure = draw_map(REFERENCE, REFERENCE, np.zeros((40, 60), dtype=np.float32), score=0.0)
    drawn = figure.axes[2].images[0]
    assert drawn.get_clim() == (0, 1)
    assert drawn.to_rgba(0.0)[:3] == pytest.approx((0, 0, 0), abs=0.02)


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (50, 50)])
@pytest.mark.parametrize("width", [3.0, 3.5, 5.5, 7.16])
def test_nothing_overlaps_or_is_cut(size: tuple[int, int], width: float) -> None:
    image, values = np.zeros((3, *size), dtype=np.float32), np.full(size, 4.0, dtype=np.float32)
    figure = draw_map(image, image, values, score=12.34, label="lite score before pooling", width=width)
    figure.draw_without_rendering()
    first, second, third, bar = figure.axes
    titles = [axes.title.get_window_extent() for axes in (first, second, third)]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(titles))
    panels = [axes.get_window_extent() for axes in (first, second, third)]
    assert panels[0].width == pytest.approx(panels[2].width, rel=0.03)
    assert panels[0].width / panels[0].height == pytest.approx(size[1] / size[0], rel=0.03)
    assert 3 * panels[0].width > 0.75 * figure.bbox.width
    beside = bool(bar.get_ylabel())
    assert beside == (width > 7 or (width == 5.5 and size[0] >= size[1]))
    label = (bar.yaxis if beside else bar.xaxis).label.get_window_extent()
    for box in (*titles, label):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height


def test_errors() -> None:
    with pytest.raises(ArgumentError, match=r"`distorted` must have the size of the map, \(3, 40, 60\), but got"):
        draw_map(REFERENCE, DISTORTED[:, :30], VALUES)
    with pytest.raises(ArgumentError, match="`top` must be above 0, but got 0"):
        draw_map(REFERENCE, DISTORTED, VALUES, top=0)
    with pytest.raises(ArgumentError, match="`width` must be 3 to 20 inches, but got 2"):
        draw_map(REFERENCE, DISTORTED, VALUES, width=2)
