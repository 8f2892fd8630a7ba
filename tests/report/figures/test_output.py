"""Files of figures: fonts are embedded, there is no date, and the bytes are the same each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from innersight.errors import ArgumentError
from innersight.report.figures.output import check_figure, save_figure
from innersight.report.figures.scatter import draw_scatter

PROGRAM = """
import sys
from innersight.report.figures import draw_scatter, save_figure
figure = draw_scatter([1, 2, 3, 4, 5], [1, 2, 4, 3, 5], opinion_direction='lower-is-better', kinds=list('ababc'))
for path in sys.argv[1:]:
    save_figure(figure, path)
"""


@pytest.fixture(scope="module")
def figure() -> Figure:
    return draw_scatter([1, 2, 3, 4, 5], [1, 2, 4, 3, 5], opinion_direction="lower-is-better")


@pytest.mark.thorough
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        paths = [tmp_path / f"{seed}.{suffix}" for suffix in ("pdf", "svg", "png")]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "MPLCONFIGDIR": str(tmp_path), "TZ": f"UTC-{seed}"}
        subprocess.run([sys.executable, "-c", PROGRAM, *paths], env=environment, check=True)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]


def test_pdf_has_truetype_fonts_and_no_date(figure: Figure, tmp_path: Path) -> None:
    save_figure(figure, tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert not re.search(rb"Date|Matplotlib|Producer", content)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
    assert box is not None
    assert float(box[1]) == pytest.approx(3.5 * 72)


def test_svg_has_outlines_and_no_text_that_needs_a_font(figure: Figure, tmp_path: Path) -> None:
    save_figure(figure, tmp_path / "figure.SVG")
    content = (tmp_path / "figure.SVG").read_text()
    assert "<text" not in content
    assert "font-family" not in content
    assert "date" not in content.lower()
    assert 'width="252pt"' in content


def test_png_has_300_dots_per_inch(figure: Figure, tmp_path: Path) -> None:
    save_figure(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width == 1050
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
        assert "Software" not in image.info


@pytest.mark.thorough
def test_the_settings_of_the_user_do_not_change_the_file(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_figure(figure, tmp_path / "first.pdf")
    monkeypatch.setitem(mpl.rcParams, "pdf.fonttype", 3)
    monkeypatch.setitem(mpl.rcParams, "savefig.bbox", "tight")
    save_figure(figure, tmp_path / "second.pdf")
    assert (tmp_path / "first.pdf").read_bytes() == (tmp_path / "second.pdf").read_bytes()


def test_a_path_that_cannot_be_written_is_refused(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "scores.png").touch()
    with pytest.raises(ArgumentError, match=r"a figure must end in \.pdf, \.svg or \.png, but got '.*a\.jpg'"):
        save_figure(figure, tmp_path / "a.jpg")
    with pytest.raises(ArgumentError, match="The figure would replace the input"):
        check_figure(tmp_path / "scores.png", [tmp_path / "scores.png"])


def test_a_disk_that_fails_is_one_line(figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(ArgumentError, match=r"The figure cannot be written to '.*a\.pdf': .*No space left on device"):
        save_figure(figure, tmp_path / "a.pdf")
