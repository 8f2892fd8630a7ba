"""The training part of PIPAL is loaded from all layouts in which its archives unpack."""

from __future__ import annotations

from pathlib import Path

import pytest

from innersight.datasets.pipal import KINDS, load
from innersight.errors import ArgumentError
from made_sets import make_pipal


def test_a_part_of_the_data_set(tmp_path: Path) -> None:
    make_pipal(tmp_path, references=2, levels=2)
    found = load(tmp_path)
    assert (found.split, found.opinion_name, found.opinion_direction) == ("train", "Elo", "higher-is-better")
    first = found.pairs[0]
    assert (first.reference, first.distorted) == ("Train_Ref/A0001.bmp", "Distortion_1/A0001_00_00.bmp")
    assert (first.opinion, first.kind) == (1600.0, "00")
    assert {pair.kind for pair in found.pairs} == set(KINDS)
    assert found.summary == (
        "pipal (train): 28 of 23200 pairs (2 of 200 references); Elo, higher is better; "
        "images of 23172 pairs are missing"
    )


@pytest.mark.parametrize(
    "merged", ["Train_Dist", "Train_Dis", "Train_Distort", "Dist_Imgs", "Distortion1", "Train_Dist/Train_Dist"]
)
def test_merged_and_nested_folders_and_png_files(tmp_path: Path, merged: str) -> None:
    make_pipal(tmp_path / "pipal", suffix=".png")
    (folder := tmp_path / "pipal" / merged).mkdir(parents=True)
    for path in (tmp_path / "pipal").glob("Distortion_*/*"):
        path.rename(folder / path.name)
    found = load(tmp_path)
    assert len(found.pairs) == 14
    assert found.pairs[0].distorted == f"{merged}/A0001_00_00.png"


def test_archives_unpacked_into_folders_of_their_names(tmp_path: Path) -> None:
    make_pipal(tmp_path)
    for name in ("Distortion_1", "Train_Ref", "Train_Label"):
        (tmp_path / name).rename(tmp_path / "moved")
        (tmp_path / name).mkdir()
        (tmp_path / "moved").rename(tmp_path / name / name)
    found = load(tmp_path)
    assert len(found.pairs) == 14
    assert found.pairs[0].distorted == "Distortion_1/Distortion_1/A0001_00_00.bmp"


def test_missing_labels_and_a_wrong_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"expected the folders \(train_ref, distortion\* or train_dis\* or dist_imgs\)"
    ):
        load(tmp_path)
    make_pipal(tmp_path, references=1)
    (tmp_path / "Train_Label" / "A0001.txt").rename(tmp_path / "Train_Label" / "readme.txt")
    with pytest.raises(ArgumentError, match=r"not their opinions, 'Train_Label/A0001\.txt' and so on"):
        load(tmp_path)


@pytest.mark.parametrize("line", ["A0001_00_00.bmp", "A0001.bmp,1500", "A0001_00_00.bmp,x", "A0001_00_00.bmp,1,2"])
def test_an_invalid_line_is_named(tmp_path: Path, line: str) -> None:
    make_pipal(tmp_path)
    with (tmp_path / "Train_Label" / "A0002.txt").open("a") as file:
        file.write(line)
    with pytest.raises(ArgumentError, match=r"A0002\.txt', line 117: "):
        load(tmp_path)


def test_names_with_digits_of_other_scripts_are_refused_fault_32(tmp_path: Path) -> None:
    make_pipal(tmp_path, references=1)
    (tmp_path / "Train_Label" / "A0001.txt").write_text("A0001_00_0\u0660.bmp,1500\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match="line 1: expected a name and an opinion"):
        load(tmp_path)
