"""A shard has the rows that the local engine gives."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from innersight import DecodingLimits, create_scorers
from innersight.distributed.plan import make_plan
from innersight.distributed.shard import ShardOptions, ShardResult, score_shard
from innersight.distributed.storage import Folder
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import PairList, list_rows, open_list
from innersight.inference.regions import Region
from innersight.io.confinement import Root


def rows_of(out: Folder, pairs: PairList, images: str, options: ShardOptions | None = None) -> list[dict]:
    """Score a list as one shard."""
    scorers = create_scorers(["lite"])
    plan = make_plan(pairs, images, {}, 1, out)
    result = score_shard(0, plan, scorers, options or ShardOptions(), out)
    rows = pq.read_table(io.BytesIO(out.read(plan.output_of(0)))).to_pylist()
    assert result == ShardResult(0, len(rows), sum(row["error"] is not None for row in rows))
    return sorted(rows, key=lambda row: row["row"])


def local_rows(listed: Path, out: Path, **options) -> list[dict[str, str]]:
    score_list(open_list(listed), create_scorers(["lite"]), out, **options)
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_scores_and_errors_are_those_of_the_local_engine(listed: Path, tmp_path: Path) -> None:
    expected = local_rows(listed, tmp_path / "local.csv", with_layers=True)
    out = Folder(str(tmp_path / "out"))
    found = rows_of(out, open_list(listed), str(listed.parent), ShardOptions(with_layers=True))
    assert [row["row"] for row in found] == list(range(26))
    for one, other in zip(found, expected, strict=True):
        assert (one["reference"], one["distorted"], one["note"]) == (
            other["reference"],
            other["distorted"],
            other["note"],
        )
        assert one["error"] == (other["error"] or None)
        assert one["score"] == (pytest.approx(float(other["score"]), rel=1e-5, abs=1e-6) if other["score"] else None)
        assert (one["per_layer"] is None) == (one["score"] is None)


def test_images_of_another_store_are_copied_and_errors_name_their_place(listed: Path, tmp_path: Path) -> None:
    store = Folder(f"memory://{uuid.uuid4().hex}")
    for file in listed.parent.iterdir():
        store.write(file.name, file)
    expected = local_rows(listed, tmp_path / "local.csv")
    found = rows_of(Folder(f"memory://{uuid.uuid4().hex}"), open_list(listed), store.url)
    assert found[24]["error"] == f"No such file: '{store.url}/missing.png'."
    assert found[25]["error"] == expected[25]["error"]
    scores = [float(row["score"]) for row in expected[:24]]
    assert [row["score"] for row in found[:24]] == pytest.approx(scores, rel=1e-5)


def test_a_shard_without_a_row_that_can_be_scored_is_written(tmp_path: Path) -> None:
    pairs = list_rows([{"reference": "a.png", "distorted": "b.png"}], tmp_path)
    bad = PairList(
        None,
        ({"reference": "", "distorted": ""},),
        tmp_path,
        "reference",
        "distorted",
        "",
        1,
        ("reference", "distorted"),
    )
    (row,) = rows_of(Folder(str(tmp_path / "one")), bad, str(tmp_path))
    assert "no path in the column" in row["error"]
    (row,) = rows_of(Folder(str(tmp_path / "two")), pairs, str(tmp_path))
    assert row["error"] == f"No such file: '{tmp_path}/a.png'."


def test_the_region_and_the_masks_of_rows_count(listed: Path, tmp_path: Path) -> None:
    Image.new("L", (72, 64), 255).save(listed.parent / "mask.png")
    for name, mask in (("l1.csv", "mask.png"), ("l2.csv", "")):
        (listed.parent / name).write_text(f"reference,distorted,mask\nr0.png,d0-10.jpg,{mask}\n")
    options = ShardOptions(region=Region(crop_border=4))
    (cut,) = local_rows(listed.parent / "l2.csv", tmp_path / "local.csv", region=Region(crop_border=4))
    for name in ("l1.csv", "l2.csv"):
        (row,) = rows_of(Folder(str(tmp_path / name)), open_list(listed.parent / name), str(listed.parent), options)
        assert row["score"] == pytest.approx(float(cut["score"]), rel=1e-4)


def test_images_outside_the_root_are_neither_copied_nor_scored(listed: Path, tmp_path: Path) -> None:
    (listed.parent / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    Image.open(listed.parent / "r0.png").save(tmp_path / "secret.jpg")
    names = ["d0-10.jpg", "link.jpg", "file:///etc/passwd"]
    pairs = list_rows([{"reference": "r0.png", "distorted": name} for name in names], listed.parent)
    options = ShardOptions(root=Root(str(listed.parent)))
    found = rows_of(Folder(str(tmp_path / "out")), pairs, str(listed.parent), options)
    assert [row["error"] and "is outside the root" in row["error"] for row in found] == [None, True, True]


def test_images_are_decoded_within_limits(tmp_path: Path) -> None:
    for name, size in (("a", 40), ("b", 80)):
        Image.effect_noise((size, size), 30).save(tmp_path / f"{name}.png")
    pairs = list_rows([{"reference": f"{name}.png", "distorted": f"{name}.png"} for name in "ab"], tmp_path)
    options = ShardOptions(limits=DecodingLimits(pixels=2000, memory=None))
    found = rows_of(Folder(str(tmp_path / "out")), pairs, str(tmp_path), options)
    assert [row["score"] for row in found] == [0.0, None]
    assert "has 80 x 80 pixels, more than the limit of 2,000." in found[1]["error"]
