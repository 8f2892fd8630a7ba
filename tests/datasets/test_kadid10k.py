"""KADID-10k is loaded from its archive layout; its DMOS is higher-is-better."""

from __future__ import annotations

from pathlib import Path

import pytest

from innersight.datasets.kadid10k import KINDS, load
from innersight.errors import ArgumentError
from made_sets import make_kadid10k


def test_a_part_of_the_data_set(tmp_path: Path) -> None:
    make_kadid10k(tmp_path)
    found = load(tmp_path)
    assert found.opinion_direction == "higher-is-better"
    first = found.pairs[0]
    assert (first.reference, first.distorted) == ("images/I01.png", "images/I01_01_01.png")
    assert (first.opinion, first.opinion_std, first.kind) == (4.49, 0.1, "01")
    assert {pair.kind for pair in found.pairs} == set(KINDS)
    assert found.summary == (
        "kadid10k: 50 of 10125 pairs (2 of 81 references); DMOS, higher is better; images of 10075 pairs are missing"
    )


def test_a_data_set_in_a_subfolder(tmp_path: Path) -> None:
    make_kadid10k(tmp_path / "kadid10k", references=1, levels=5)
    assert len(load(tmp_path).pairs) == 125


def test_a_missing_opinion_file_and_a_wrong_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"expected the folders \(images\) and the file 'dmos\.csv'"):
        load(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(ArgumentError, match=r"not their opinions, 'dmos\.csv'"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dist_img,ref_img,dmos\na,b,1\n", r"line 2: expected the columns \(dist_img, ref_img, dmos, var\), but got"),
        ("dist_img,ref_img,dmos,var\nI01.png,I01.png,1,1\n", r"line 2: expected a name such as 'I01_01_01\.png'"),
        ("dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,,1\n", "line 2: `dmos` must be a finite number"),
        ("dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,3,-1\n", "line 2: `var` must be .* of at least 0"),
        ("dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,3\n", "line 2: more or fewer cells"),
        ("dist_img,ref_img,dmos,var\n", "lists no images"),
    ],
)
def test_an_invalid_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    make_kadid10k(tmp_path, references=1)
    (tmp_path / "dmos.csv").write_text(text)
    with pytest.raises(ArgumentError, match=message):
        load(tmp_path)


def test_names_with_digits_of_other_scripts_are_refused_fault_32(tmp_path: Path) -> None:
    make_kadid10k(tmp_path, references=1)
    rows = "dist_img,ref_img,dmos,var\nI01_01_0\u0661.png,I01.png,3,1\n"
    (tmp_path / "dmos.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(ArgumentError, match="line 2: expected a name such as"):
        load(tmp_path)
