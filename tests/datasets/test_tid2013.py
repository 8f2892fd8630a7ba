"""TID2013 is loaded from its archive layout, in any case of names, whole or in part."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from innersight.datasets.tid2013 import KINDS, load
from innersight.errors import ArgumentError
from made_sets import make_tid2013


def test_names_are_found_in_any_case_and_missing_images_are_counted(tmp_path: Path) -> None:
    make_tid2013(tmp_path, references=2, levels=2)
    found = load(tmp_path)
    assert (found.name, found.opinion_name, found.opinion_direction) == ("tid2013", "MOS", "higher-is-better")
    assert (len(found.pairs), found.of) == (2 * 24 * 2, 3000)
    first = found.pairs[0]
    assert (first.reference, first.distorted) == ("reference_images/I01.BMP", "distorted_images/i01_01_1.bmp")
    assert (first.opinion, first.opinion_std, first.kind) == (6.01, None, "01")
    assert {pair.kind for pair in found.pairs} == set(KINDS)
    assert all((found.root / path).is_file() for pair in found.pairs for path in (pair.reference, pair.distorted))
    assert found.summary == (
        "tid2013: 96 of 3000 pairs (2 of 25 references); MOS, higher is better; images of 2904 pairs are missing"
    )


def test_the_full_data_set_in_png_files_in_a_subfolder(tmp_path: Path) -> None:
    make_tid2013(tmp_path / "tid2013", references=25, levels=5, suffix=".png")
    found = load(tmp_path)
    assert found.root == tmp_path / "tid2013"
    assert found.summary == "tid2013: 3000 pairs (25 references); MOS, higher is better"
    assert found.pairs[-1].reference == "reference_images/i25.PNG"


def test_standard_deviations_are_read_if_the_file_exists(tmp_path: Path) -> None:
    make_tid2013(tmp_path, references=1)
    (tmp_path / "mos_std.txt").write_text("".join(f"0.{line:04d}\n" for line in range(3000)))
    assert [pair.opinion_std for pair in load(tmp_path).pairs[:2]] == [0.0, 0.0005]


def test_a_wrong_number_of_standard_deviations_is_refused(tmp_path: Path) -> None:
    make_tid2013(tmp_path, references=1)
    (tmp_path / "mos_std.txt").write_text("0.1\n")
    with pytest.raises(
        ArgumentError,
        match=r"mos_std\.txt' must have one line for each line of 'mos_with_names\.txt', which has 3000, but has 1",
    ):
        load(tmp_path)
    (tmp_path / "mos_std.txt").write_text("-0.1\n")
    with pytest.raises(ArgumentError, match=r"mos_std\.txt', line 1: `standard deviation` must be .* of at least 0"):
        load(tmp_path)


def test_a_missing_opinion_file_is_refused(tmp_path: Path) -> None:
    make_tid2013(tmp_path, references=1)
    (tmp_path / "mos_with_names.txt").unlink()
    with pytest.raises(ArgumentError, match=r"not their opinions, 'mos_with_names\.txt'"):
        load(tmp_path)


@pytest.mark.parametrize(
    "line", ["5.5", "5.5 I01_01.bmp", "5.5 0.1 I01_01_1.bmp", "x I01_01_1.bmp", "nan I01_01_1.bmp"]
)
def test_an_invalid_line_is_named(tmp_path: Path, line: str) -> None:
    make_tid2013(tmp_path, references=1)
    (tmp_path / "mos_with_names.txt").write_text(f"5.5 I01_01_1.bmp\n{line}\n")
    with pytest.raises(ArgumentError, match=r"mos_with_names\.txt', line 2: "):
        load(tmp_path)


def test_a_wrong_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    message = r"expected the folders \(reference_images, distorted_images\) and the file 'mos_with_names\.txt'.*found \(photos\)"
    with pytest.raises(ArgumentError, match=message):
        load(tmp_path)


def test_real_images_of_the_data_set(shared: Path) -> None:
    root = shared / "data" / "tid2013"
    found = load(root)
    with (root / "opinions.csv").open() as file:
        listed = list(csv.DictReader(file))
    key = {(row["reference"], row["distorted"], float(row["opinion"]), row["kind"]) for row in listed}
    assert {(pair.reference, pair.distorted, pair.opinion, pair.kind) for pair in found.pairs} == key
    assert found.summary == (
        "tid2013: 310 of 3000 pairs (16 of 25 references); MOS, higher is better; images of 2690 pairs are missing"
    )


def test_names_with_digits_of_other_scripts_are_refused_fault_32(tmp_path: Path) -> None:
    make_tid2013(tmp_path, references=1)
    (tmp_path / "mos_with_names.txt").write_text("5.5 I01_01_\u0661.bmp\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="line 1: expected an opinion and a name"):
        load(tmp_path)
