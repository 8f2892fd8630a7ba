"""The journal keeps what is done; the output is whole or not there."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.inference.pair_lists import open_list
from innersight.inference.result_writer import check_output, write_results
from journals import ROWS, written


def read_rows(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_column_is_kept_and_every_score_to_its_last_digit(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "list.csv").write_text('reference,distorted,note\na,b,"x, y"\nc,d,\ne,f,ü\n', encoding="utf-8")
    pairs = open_list(tmp_path / "list.csv")
    out = tmp_path / f"out.{suffix}"
    assert write_results(out, pairs, written(out), ["lite"], with_layers=False) == 1
    rows = read_rows(out)
    assert [row["note"] for row in rows] == ["x, y", "", "ü"]
    assert [float(row["score"]) for row in (rows[0], rows[2])] == [0.1, 1 / 3]
    assert rows[1]["score"] in ("", None)
    assert rows[1]["error"] == ROWS[1].error
    assert not list(tmp_path.glob("*.partial"))


def test_parquet_to_parquet_keeps_the_types_of_all_columns(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 23)
    table = pyarrow.table(
        {
            "reference": ["a", "c", "e"],
            "distorted": ["b", "d", "f"],
            "votes": pyarrow.array([1, None, 3], pyarrow.int16()),
            "day": [day] * 3,
        }
    )
    parquet.write_table(table, tmp_path / "list.parquet")
    pairs = open_list(tmp_path / "list.parquet")
    for suffix in ("parquet", "jsonl", "csv"):
        out = tmp_path / f"out.{suffix}"
        write_results(out, pairs, written(out), ["lite"], with_layers=True)
        assert str(read_rows(out)[0]["day"]) == "2026-11-23"
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert {field.name: str(field.type) for field in schema} == {
        "reference": "string",
        "distorted": "string",
        "votes": "int16",
        "day": "date32[day]",
        "score": "double",
        "per_layer": "list<element: double>",
        "error": "string",
    }


def test_rows_of_different_columns_keep_them_all(tmp_path: Path) -> None:
    lines = [{"a": 1}, {"b": [1, 2]}, {"a": 2.5}]
    (tmp_path / "list.jsonl").write_text(
        "".join(json.dumps({"reference": "r", "distorted": "d", **line}) + "\n" for line in lines)
    )
    pairs = open_list(tmp_path / "list.jsonl")
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"out.{suffix}"
        write_results(out, pairs, written(out), ["lite"], with_layers=False)
        rows = read_rows(out)
        assert list(rows[0]) == ["reference", "distorted", "a", "b", "score", "error"]
        assert [float(rows[0]["a"]), float(rows[2]["a"])] == [1, 2.5]
        assert rows[1]["b"] in ("[1, 2]", [1, 2])


def test_columns_that_parquet_cannot_hold_are_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(
        "".join(json.dumps({"reference": "r", "distorted": "d", "a": value}) + "\n" for value in (1, "text", 2))
    )
    out = tmp_path / "out.parquet"
    with pytest.raises(ArgumentError, match=r"don't fit the types of Parquet: .* Write \.csv or \.jsonl\."):
        write_results(out, open_list(tmp_path / "list.jsonl"), written(out), ["lite"], with_layers=False)
    assert not out.exists()


def test_an_output_that_will_not_do_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("reference,distorted,score\na,b,1\n")
    pairs = open_list(tmp_path / "list.csv")
    for name, columns, message in (
        ("out.txt", [], r"one of \(\.csv, \.jsonl, \.parquet\), but got"),
        ("none/out.csv", [], "no folder"),
        ("list.csv", [], "would replace the list"),
        ("out.csv", ["score", "error"], "has a column 'score' already"),
    ):
        with pytest.raises(ArgumentError, match=message):
            check_output(tmp_path / name, pairs, columns)


@pytest.mark.parametrize("ending", ["", ".journal", ".partial", ".run.json"])
def test_an_output_that_is_a_folder_is_refused_before_the_work_fault_34(tmp_path: Path, ending: str) -> None:
    (tmp_path / "list.csv").write_text("reference,distorted\na.png,b.png\n")
    (tmp_path / f"out.csv{ending}").mkdir()
    with pytest.raises(ArgumentError, match=rf"out\.csv{ending}' is a folder: move it"):
        check_output(tmp_path / "out.csv", open_list(tmp_path / "list.csv"), ["score"])


def test_an_output_that_cannot_be_made_is_refused_before_the_work_fault_34(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("reference,distorted\na.png,b.png\n")
    pairs = open_list(tmp_path / "list.csv")
    names = [tmp_path / ("x" * 300 + ".csv"), tmp_path / ("x" * 245 + ".csv"), tmp_path / ("y" * 300) / "x.csv"]
    if Path("/proc/self").is_dir():
        names.append(Path("/proc/x.csv"))
    for out in names:
        with pytest.raises(ArgumentError, match="Results can't be written to '"):
            check_output(out, pairs, ["score"])
    with pytest.raises(ArgumentError, match="Results can't be written to '"):
        check_output(tmp_path / "half\ud800\ud800.csv", pairs, ["score"])
    check_output(tmp_path / "out.csv", pairs, ["score"])
    assert [path.name for path in tmp_path.iterdir()] == ["list.csv"]
