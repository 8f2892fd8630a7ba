"""A list is scored into a file. An interrupted run resumes to the same file."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from skimage import data

import innersight
from innersight import Region, create_scorers
from innersight.errors import ArgumentError, ImageError
from innersight.inference.batch import score_list
from innersight.inference.folders import pair_folders
from innersight.inference.pair_lists import PairList, list_rows, open_list

Metrics: TypeAlias = Mapping[str, Any]


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


@pytest.fixture(scope="module", params=["torch", "bundle"])
def metrics(request: pytest.FixtureRequest) -> Metrics:
    if request.param == "bundle":
        return {"lite": innersight.Scorer("lite", runtime="onnx")}
    return {"lite": innersight.create_metric("lite", runtime="torch")}


def interrupted(pairs: PairList, metrics: Metrics, out: Path, after: int) -> None:
    """Score the first rows in the order of the list, then stop."""

    def interrupt(done: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_list(pairs, metrics, out, on_row=interrupt, workers=1)
    assert not out.exists()


def read(out: Path) -> list[dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_interrupted_run_resumes_to_the_same_file(pairs: PairList, metrics: Metrics, tmp_path: Path) -> None:
    outcome = score_list(pairs, metrics, tmp_path / "whole.csv", workers=1)
    assert (outcome.rows, outcome.resumed, outcome.failed) == (6, 0, 1)

    interrupted(pairs, metrics, tmp_path / "out.csv", after=4)
    outcome = score_list(pairs, metrics, tmp_path / "out.csv", resume=True, workers=1)
    assert (outcome.rows, outcome.resumed, outcome.failed) == (6, 4, 1)
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert not list(tmp_path.glob("*.journal"))


def test_identical_images_score_exactly_0_also_in_a_resumed_run(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    Image.open(tmp_path / "ref.png").save(tmp_path / "copy.bmp")
    (tmp_path / "copy.png").write_bytes((tmp_path / "ref.png").read_bytes())
    names = ("copy.bmp", "ref.png", "5.jpg", "copy.png", "copy.bmp", "ref.png")
    (tmp_path / "same.csv").write_text(
        "\n".join(["reference,distorted", *(f"ref.png,{name}" for name in names)]) + "\n"
    )
    same = open_list(tmp_path / "same.csv")
    interrupted(same, metrics, tmp_path / "out.csv", after=2)
    assert score_list(same, metrics, tmp_path / "out.csv", resume=True, workers=3).resumed == 2
    scores = [float(row["score"]) for row in read(tmp_path / "out.csv")]
    assert scores.pop(2) > 1
    assert scores == [0.0] * 5


def test_what_decides_the_scores_of_a_bundle_is_in_the_record(pairs: PairList, tmp_path: Path) -> None:
    """A run that another bundle or another version of the runtime began is not continued."""
    scorer = innersight.Scorer("lite", runtime="onnx")
    score_list(pairs, {"lite": scorer}, tmp_path / "out.csv")
    record = json.loads((tmp_path / "out.csv.run.json").read_text())["run"]["metrics"]["lite"]
    assert record == scorer.describe()
    assert record["bundle"].startswith("sha256:")
    assert record["runtime"] == f"onnxruntime {record['versions']['onnxruntime']}"

    class Other(innersight.Scorer):
        def describe(self) -> dict[str, Any]:
            return {**super().describe(), "bundle": "sha256:0"}

    with pytest.raises(ArgumentError, match=r"changed: metrics\.lite\.bundle was 'sha256:"):
        score_list(pairs, {"lite": Other("lite")}, tmp_path / "out.csv", resume=True)


def test_a_changed_configuration_does_not_resume(pairs: PairList, tmp_path: Path) -> None:
    metrics = {"lite": innersight.create_metric("lite", runtime="torch")}
    interrupted(pairs, metrics, tmp_path / "out.csv", after=1)
    other = {"lite": innersight.create_metric("lite", distance="rel-l2", runtime="torch")}
    with pytest.raises(
        ArgumentError, match=r"changed: metrics\.lite\.terms\.\w+\.distance was 'l2', is 'rel-l2'\. Use"
    ):
        score_list(pairs, other, tmp_path / "out.csv", resume=True)
    assert score_list(pairs, other, tmp_path / "out.csv", overwrite=True).rows == 6


def test_fail_fast_stops_at_the_row(pairs: PairList, metrics: Metrics, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"Row 3: No such file: '.*missing\.jpg'"):
        score_list(pairs, metrics, tmp_path / "out.csv", fail_fast=True)
    (tmp_path / "list.jsonl").write_text(
        '{"reference": "ref.png", "distorted": "80.jpg"}\n{"reference": "ref.png", "distorted": NaN}\n'
    )
    with pytest.raises(ImageError, match=r"Row 2: '.*list\.jsonl', line 2: numbers must be finite"):
        score_list(open_list(tmp_path / "list.jsonl"), metrics, tmp_path / "other.csv", fail_fast=True)


def test_rows_whose_images_changed_are_scored_again_fault_36(pairs: PairList, metrics: Metrics, tmp_path: Path) -> None:
    """One image is replaced by another of the same size in bytes, and one that was missing is added."""
    interrupted(pairs, metrics, tmp_path / "out.csv", after=4)
    states = {path: path.stat() for path in tmp_path.glob("*.jpg")}
    content = (tmp_path / "5.jpg").read_bytes()
    size = states[tmp_path / "80.jpg"].st_size
    (tmp_path / "80.jpg").write_bytes(content + bytes(size - len(content)))
    assert (tmp_path / "80.jpg").stat().st_size == size
    (tmp_path / "missing.jpg").write_bytes(content)
    outcome = score_list(pairs, metrics, tmp_path / "out.csv", resume=True, workers=1)
    assert (outcome.rows, outcome.resumed, outcome.failed) == (6, 2, 0)
    rows = read(tmp_path / "out.csv")
    assert rows[0]["score"] == rows[2]["score"] == rows[5]["score"]
    score_list(pairs, metrics, tmp_path / "whole.csv", workers=1)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_changed_reference_scores_all_its_rows_again_fault_36(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    interrupted(pairs, metrics, tmp_path / "out.csv", after=4)
    Image.open(tmp_path / "5.jpg").save(tmp_path / "ref.png")
    assert score_list(pairs, metrics, tmp_path / "out.csv", resume=True).resumed == 0
    assert float(read(tmp_path / "out.csv")[5]["score"]) == 0


def test_a_finished_run_is_not_resumed_if_an_image_changed_fault_36(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    first = score_list(pairs, metrics, out)
    before = out.read_bytes()
    again = score_list(pairs, metrics, out, resume=True)
    assert (again.rows, again.resumed, again.failed) == (first.rows, first.rows, first.failed)
    (tmp_path / "missing.jpg").write_bytes((tmp_path / "5.jpg").read_bytes())
    with pytest.raises(ArgumentError, match=r"Images of the list changed since '.*out\.csv' was written") as error:
        score_list(pairs, metrics, out, resume=True)
    assert "\n" not in str(error.value)
    assert out.read_bytes() == before
    assert {path.name for path in tmp_path.glob("out.csv*")} == {"out.csv", "out.csv.run.json"}
    assert score_list(pairs, metrics, out, overwrite=True).failed == 0


@pytest.mark.thorough
def test_rows_of_a_list_that_cannot_be_read_do_not_stop_the_run_fault_33(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    bad = ["NaN", "1" * 5000, "[" * 10_000 + "]" * 10_000, '"\\ud800"', "{"]
    good = '{"reference": "ref.png", "distorted": "20.jpg", "note": 1}\n'
    lines = [f'{{"reference": "ref.png", "distorted": "5.jpg", "note": {value}}}\n' for value in bad]
    (tmp_path / "list.jsonl").write_text(good + good.join(lines) + good)
    for suffix in ("csv", "jsonl", "parquet"):
        listed = open_list(tmp_path / "list.jsonl")
        if suffix == "parquet":  # it needs one type a column
            (tmp_path / "typed.jsonl").write_text(good + good.join([*lines[:3], lines[4]]) + good)
            listed = open_list(tmp_path / "typed.jsonl")
        out = tmp_path / f"out.{suffix}"
        outcome = score_list(listed, metrics, out)
        assert outcome.rows == 2 * outcome.failed + 1
        if suffix == "csv":
            rows = read(out)
            assert [bool(row["score"]) for row in rows] == [True, False] * 5 + [True]
            assert [bool(row["error"]) for row in rows] == [False, True] * 5 + [False]
            assert [row["distorted"] for row in rows[1::2]] == ["5.jpg", "5.jpg", "", "5.jpg", ""]
        if suffix == "jsonl":
            assert [json.loads(line)["score"] is None for line in out.read_text().splitlines()] == [False, True] * 5 + [
                False
            ]


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are Unicode on this system")
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_name_that_is_not_utf_8_does_not_stop_the_run_fault_20(
    metrics: Metrics, tmp_path: Path, suffix: str
) -> None:
    for folder in ("ref", "dis"):
        (tmp_path / folder).mkdir()
        for name in (b"\xff.png", b"b.png"):
            Image.new("RGB", (64, 64)).save(tmp_path / folder / os.fsdecode(name))
    outcome = score_list(pair_folders(tmp_path / "ref", tmp_path / "dis"), metrics, tmp_path / f"out.{suffix}")
    assert (outcome.rows, outcome.failed) == (2, 1)
    assert (tmp_path / f"out.{suffix}").exists()


def test_a_folder_whose_name_is_not_utf_8_does_not_lose_the_errors_fault_20(metrics: Metrics, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    try:
        folder.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("NOT RUN: names are Unicode on this system")
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    (folder / "list.csv").write_text("reference,distorted\na.png,a.png\na.png,none.png\n")
    score_list(open_list(folder / "list.csv"), metrics, tmp_path / "out.csv")
    assert "none.png" in read(tmp_path / "out.csv")[1]["error"]


def test_an_output_that_cannot_hold_the_list_is_refused_before_the_first_pair_fault_33(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    table = {"reference": ["ref.png"] * 2, "distorted": ["80.jpg", "40.jpg"], "mos": [1.0, float("nan")]}
    parquet.write_table(pyarrow.table(table), tmp_path / "list.parquet")
    scored: list[int] = []
    with pytest.raises(ArgumentError, match=r"Row 2: JSON has no NaN and no infinity, but column 'mos' holds one"):
        score_list(open_list(tmp_path / "list.parquet"), metrics, tmp_path / "out.jsonl", on_row=scored.append)
    assert scored == []
    assert not list(tmp_path.glob("out.jsonl*"))


@pytest.mark.thorough
def test_workers_and_batches_change_scores_by_rounding_only_fault_13(
    pairs: PairList, metrics: Metrics, tmp_path: Path
) -> None:
    scores = []
    for number, (workers, batch_size) in enumerate([(1, 1), (2, 1), (3, 1), (1, 4)]):
        out = tmp_path / f"{number}.csv"
        score_list(pairs, metrics, out, workers=workers, batch_size=batch_size)
        scores.append([float(row["score"]) for row in read(out) if row["score"]])
    for other in scores[1:]:
        assert other == pytest.approx(scores[0], rel=1e-5)


class TestRegions:
    def test_the_column_mask_limits_a_row_and_is_in_the_states_of_files(self, tmp_path: Path) -> None:
        image = Image.fromarray(data.coffee()).crop((0, 0, 200, 120))
        image.save(tmp_path / "r.png")
        image.save(tmp_path / "d.jpg", quality=20)
        mask = Image.new("L", (200, 120))
        mask.paste(255, (0, 0, 100, 120))
        mask.save(tmp_path / "m.png")
        lines = ["reference,distorted,mask", "r.png,d.jpg,", "r.png,d.jpg,m.png", "r.png,d.jpg,none.png"]
        (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
        out = tmp_path / "out.csv"
        outcome = score_list(open_list(tmp_path / "list.csv"), create_scorers(["lite"]), out)
        assert (outcome.rows, outcome.failed) == (3, 1)
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        scorer = innersight.Scorer("lite")
        pair = tmp_path / "r.png", tmp_path / "d.jpg"
        assert float(rows[0]["score"]) == pytest.approx(scorer(*pair), rel=1e-6)
        assert float(rows[1]["score"]) == pytest.approx(scorer.score(*pair, mask=mask).score, rel=1e-6)
        assert rows[1]["mask"] == "m.png"
        assert "No such file" in rows[2]["error"]
        mask.save(tmp_path / "m.png", compress_level=0)
        with pytest.raises(ArgumentError, match="Images of the list changed"):
            score_list(open_list(tmp_path / "list.csv"), create_scorers(["lite"]), out, resume=True)

    def test_the_region_of_all_rows_is_in_the_record(self, tmp_path: Path) -> None:
        for name in ("r.png", "d.png"):
            Image.fromarray(data.coffee()).crop((0, 0, 64, 64)).save(tmp_path / name)
        pairs = list_rows([{"reference": "r.png", "distorted": "d.png"}], tmp_path)
        region = Region(ignore=((0, 0, 5, 5),), crop_border=2)
        out = tmp_path / "out.csv"
        score_list(pairs, create_scorers(["lite"]), out, region=region, background=(0.0, 0.0, 0.0))
        record = json.loads(Path(f"{out}.run.json").read_text())
        text = json.dumps(record)
        assert '"region": {"mask": null, "ignore": [[0, 0, 5, 5]], "crop_border": 2}' in text
        assert '"background": [0.0, 0.0, 0.0]' in text
        with pytest.raises(ArgumentError, match="region"):
            score_list(pairs, create_scorers(["lite"]), out, resume=True)

    def test_a_list_with_masks_needs_metrics_that_accept_them(self, tmp_path: Path) -> None:
        rows = [{"reference": "r.png", "distorted": "d.png", "mask": "m.png"}]
        with pytest.raises(ArgumentError, match="psnr cannot be limited to a mask"):
            score_list(list_rows(rows, tmp_path), create_scorers(["psnr"]), tmp_path / "out.csv")

    def test_rows_with_transparent_pixels_are_counted_fault_2(self, tmp_path: Path) -> None:
        Image.new("RGBA", (64, 64), (255, 255, 255, 0)).save(tmp_path / "r.png")
        Image.new("RGB", (64, 64), (255, 255, 255)).save(tmp_path / "d.png")
        rows = [{"reference": "d.png", "distorted": "d.png"}, {"reference": "r.png", "distorted": "d.png"}]
        outcome = score_list(list_rows(rows, tmp_path), create_scorers(["lite"]), tmp_path / "out.csv")
        assert (outcome.failed, outcome.transparent) == (0, 1)
