"""CSIQ is loaded from the spreadsheet or the label file, and from all folder layouts in use."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from innersight.datasets.csiq import KINDS, load
from innersight.errors import ArgumentError
from made_sets import make_csiq

HEADER = ["image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"]


def write_sheet(path: Path, rows: Sequence[Sequence[object]], title: str = "all_by_image") -> None:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_the_full_data_set(tmp_path: Path) -> None:
    make_csiq(tmp_path, references=30, levels=5)
    found = load(tmp_path)
    assert found.summary == "csiq: 866 pairs (30 references); DMOS, lower is better"
    first = found.pairs[0]
    assert (first.reference, first.distorted) == ("src_imgs/1600.png", "dst_imgs/awgn/1600.AWGN.1.png")
    assert (first.opinion, first.opinion_std, first.kind) == (pytest.approx(1 / 6 + 0.01), 0.05, "awgn")
    assert {pair.kind for pair in found.pairs} == set(KINDS)


def test_the_label_file_gives_the_same_pairs_without_standard_deviations(tmp_path: Path) -> None:
    make_csiq(tmp_path / "sheet")
    make_csiq(tmp_path / "text", text=True)
    of_sheet, of_text = load(tmp_path / "sheet"), load(tmp_path / "text")
    assert [(pair.distorted, pair.kind) for pair in of_sheet.pairs] == [
        (pair.distorted, pair.kind) for pair in of_text.pairs
    ]
    assert [pair.opinion for pair in of_text.pairs] == pytest.approx(
        [pair.opinion for pair in of_sheet.pairs], abs=6e-4
    )
    assert {pair.opinion_std for pair in of_text.pairs} == {None}
    assert (len(of_text.pairs), of_text.of) == (12, 866)


def test_the_spreadsheet_is_preferred_to_the_label_file(tmp_path: Path) -> None:
    make_csiq(tmp_path)
    (tmp_path / "csiq_label.txt").write_text("nonsense\n")
    assert load(tmp_path).pairs[0].opinion_std == 0.05


@pytest.mark.parametrize("place", ["dst_imgs", "dst_imgs_all", "DST_IMGS/dst_imgs", "."])
def test_folder_layouts(tmp_path: Path, place: str) -> None:
    make_csiq(tmp_path, references=1)
    files = list((tmp_path / "dst_imgs").glob("*/*"))
    (tmp_path / "dst_imgs").rename(tmp_path / "before")
    for file in files:
        name = file.name.lower()
        target = tmp_path / place / (file.parent.name if place == "." else "") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "before" / file.parent.name / file.name).rename(target)
    assert len(load(tmp_path).pairs) == 6


def test_the_error_without_openpyxl_names_the_package_to_install(tmp_path: Path, monkeypatch) -> None:
    make_csiq(tmp_path, references=1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"needs openpyxl: pip install 'innersight\[datasets\]'"):
        load(tmp_path)


def test_missing_opinions_and_a_wrong_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"expected the folders \(src_imgs, dst_imgs or dst_imgs_all or awgn or "):
        load(tmp_path)
    make_csiq(tmp_path, references=1)
    (tmp_path / "csiq.DMOS.xlsx").unlink()
    with pytest.raises(ArgumentError, match=r"not their opinions, 'csiq\.DMOS\.xlsx'"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1600, 1, "haze", 1, 0.1, 0.5], "line 2: `dst_type` must be a distortion type of CSIQ, but is 'haze'"),
        ([1600, 1, "blur", "x", 0.1, 0.5], "line 2: `dst_lev` must be a finite number, but is 'x'"),
        ([1600, 1, "blur", 1, -0.1, 0.5], "line 2: `dmos_std` must be a finite number of at least 0"),
        ([1600, 1, "blur", 1, 0.1], "line 2: `dmos` must be a finite number, but is None"),
        ([None, 1, "blur", 1, 0.1, 0.5], "line 2: `image` must be the name of a reference image, but is empty"),
    ],
)
def test_an_invalid_row_of_the_spreadsheet_is_named(tmp_path: Path, row: list[object], message: str) -> None:
    make_csiq(tmp_path, references=1)
    write_sheet(tmp_path / "csiq.DMOS.xlsx", [HEADER, row])
    with pytest.raises(ArgumentError, match=message):
        load(tmp_path)


def test_names_and_levels_stored_as_fractional_numbers(tmp_path: Path) -> None:
    make_csiq(tmp_path, references=1)
    write_sheet(tmp_path / "csiq.DMOS.xlsx", [HEADER, [1600.0, 1, "BLUR ", 1.0, 0.1, 0.5], []])
    assert [pair.distorted for pair in load(tmp_path).pairs] == ["dst_imgs/blur/1600.BLUR.1.png"]


def test_a_spreadsheet_with_other_content_is_refused(tmp_path: Path) -> None:
    make_csiq(tmp_path, references=1)
    write_sheet(path := tmp_path / "csiq.DMOS.xlsx", [["image", "dmos"]])
    with pytest.raises(
        ArgumentError, match=r"expected a row with the column names \(image, dst_type, dst_lev, dmos_std, dmos\)"
    ):
        load(tmp_path)
    write_sheet(path, [HEADER], title="Sheet1")
    with pytest.raises(ArgumentError, match=r"expected a sheet 'all_by_image', but found \(Sheet1\)"):
        load(tmp_path)
    path.write_text("no spreadsheet")
    with pytest.raises(ArgumentError, match="cannot be read as a spreadsheet"):
        load(tmp_path)


@pytest.mark.parametrize("line", ["1600.AWGN.1.png", "1600.haze.1.png 0.5", "1600.AWGN.1.png x", "1600.AWGN.1.png 1 2"])
def test_an_invalid_line_of_the_label_file_is_named(tmp_path: Path, line: str) -> None:
    make_csiq(tmp_path, references=1, text=True)
    (tmp_path / "csiq_label.txt").write_text(f"1600.AWGN.1.png 0.5\n{line}\n")
    with pytest.raises(ArgumentError, match=r"csiq_label\.txt', line 2: "):
        load(tmp_path)


def test_names_with_digits_of_other_scripts_are_refused_fault_32(tmp_path: Path) -> None:
    make_csiq(tmp_path, references=1, text=True)
    (tmp_path / "csiq_label.txt").write_text("1600.AWGN.\u0661.png 0.5\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="line 1: expected a name and an opinion"):
        load(tmp_path)
