"""A list in, a file of scores out; ended early, it goes on to the same file."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import innersight
from innersight.errors import ArgumentError, ImageError
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import PairList, open_list


@pytest.fixture
def pairs(tmp_path: Path) -> PairList:
    image = Image.fromarray(data.chelsea()).crop((0, 0, 160, 120))
    image.save(tmp_path / "ref.png")
    lines = ["reference,distorted,quality"]
    for quality in (80, 40, 20, 10, 5):
        image.save(tmp_path / f"{quality}.jpg", quality=quality)
        lines.append(f"ref.png,{quality}.jpg,{quality}")
    lines.insert(3, "ref.png,missing.jpg,0")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return open_list(tmp_path / "list.csv")


def test_an_interrupted_run_goes_on_to_the_same_file(pairs: PairList, tmp_path: Path) -> None:
    metrics = {"lite": innersight.create_metric("lite")}
    outcome = score_list(pairs, metrics, tmp_path / "whole.csv")
    assert (outcome.rows, outcome.resumed, outcome.failed) == (6, 0, 1)

    def interrupt(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_list(pairs, metrics, tmp_path / "out.csv", on_row=interrupt)
    assert not (tmp_path / "out.csv").exists()
    outcome = score_list(pairs, metrics, tmp_path / "out.csv", resume=True)
    assert (outcome.rows, outcome.resumed, outcome.failed) == (6, 4, 1)
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert not list(tmp_path.glob("*.journal"))


def test_a_changed_configuration_does_not_resume(pairs: PairList, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_list(pairs, {"lite": innersight.create_metric("lite")}, tmp_path / "out.csv", on_row=interrupt)
    other = {"lite": innersight.create_metric("lite", distance="rel-l2")}
    with pytest.raises(ArgumentError, match=r"metrics\.lite\.distance was 'l2', is 'rel-l2'"):
        score_list(pairs, other, tmp_path / "out.csv", resume=True)
    assert score_list(pairs, other, tmp_path / "out.csv", overwrite=True).rows == 6


def test_fail_fast_stops_at_the_row(pairs: PairList, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"Row 3: No such file: '.*missing\.jpg'"):
        score_list(pairs, {"lite": innersight.create_metric("lite")}, tmp_path / "out.csv", fail_fast=True)
