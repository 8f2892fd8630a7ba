"""A list is cut into shards: every row once, rows of a reference together, with the types of the whole list."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.distributed.plan import default_shards, make_plan, read_plan
from innersight.distributed.storage import Folder
from innersight.errors import ArgumentError
from innersight.inference.pair_lists import list_rows, open_list


def tables(plan, out: Folder) -> list[pa.Table]:
    return [pq.read_table(io.BytesIO(out.read(plan.list_of(number)))) for number in range(len(plan.shards))]


@given(references=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), data=st.data())
def test_every_row_is_in_one_shard_and_references_are_together(references: list[str], data: st.DataObject) -> None:
    shards = data.draw(st.integers(1, len(references)))
    pairs = list_rows([{"reference": name, "distorted": f"{row}.png"} for row, name in enumerate(references)])
    out = Folder("memory://plan")
    plan = make_plan(pairs, "images", {}, shards, out)
    rows = [row for table in tables(plan, out) for row in table.to_pylist()]
    assert sorted(row["row"] for row in rows) == list(range(len(references)))
    assert all(row["distorted"] == f"{row['row']}.png" for row in rows)
    assert max(plan.shards) - min(plan.shards) <= 1
    order = [row["reference"] for row in rows]
    assert sum(one != other for one, other in pairwise(order)) == len(set(references)) - 1
    assert read_plan(out) == plan


def test_all_shards_have_the_types_of_the_list(tmp_path: Path) -> None:
    rows = [{"reference": "r", "distorted": str(n), "mos": None if n < 5 else 1.5, "n": n} for n in range(10)]
    pq.write_table(
        pa.Table.from_pylist(
            rows,
            schema=pa.schema(
                {"reference": pa.string(), "distorted": pa.string(), "mos": pa.float32(), "n": pa.int16()}
            ),
        ),
        tmp_path / "l.parquet",
    )
    for pairs in (list_rows(rows), open_list(tmp_path / "l.parquet")):
        out = Folder(str(tmp_path / "out"))
        first, second = tables(make_plan(pairs, "", {}, 2, out), out)
        assert first.schema == second.schema
    assert str(first.schema.field("n").type) == "int16"  # of the Parquet list


def test_rows_that_cannot_be_scored_keep_their_reason(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text('{"reference": "a", "distorted": "b"}\n{"reference": ""}\nno json\n')
    out = Folder(str(tmp_path / "out"))
    (table,) = tables(make_plan(open_list(tmp_path / "l.jsonl"), "", {}, 1, out), out)
    errors = {row["row"]: row["error"] for row in table.to_pylist()}
    assert errors[0] is None
    assert "line 2" in errors[1]
    assert "line 3" in errors[2]


def test_a_column_of_the_results_is_refused(tmp_path: Path) -> None:
    pairs = list_rows([{"reference": "a", "distorted": "b", "row": 1}])
    with pytest.raises(ArgumentError, match="has a column 'row' already"):
        make_plan(pairs, "", {}, 1, Folder(str(tmp_path)))


def test_a_damaged_plan_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "_plan.json").write_text("{}")
    with pytest.raises(ArgumentError, match=r"is damaged \(.*\)\. Use --overwrite"):
        read_plan(Folder(str(tmp_path)))
    assert read_plan(Folder(str(tmp_path / "none"))) is None


def test_the_number_of_shards_follows_the_rows() -> None:
    assert [default_shards(rows, 2) for rows in (1, 7, 100, 10_000)] == [1, 7, 8, 10]


def test_too_little_memory_is_no_fault_of_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MemoryError of pyarrow is one of its own errors too."""

    def fail(*_: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(MemoryError, match="malloc of size 64 failed"):
        make_plan(list_rows([{"reference": "a", "distorted": "b"}]), "images", {}, 1, Folder("memory://memory"))
