"""Tables are read row by row, whatever their format; tests/scoring/test_lists.py holds the errors of each."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.io.tables import check_table, read_rows


def test_the_same_rows_come_from_every_format(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "t.jsonl").write_text('{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y"}\n')
    parquet.write_table(pyarrow.table({"a": ["1", "2"], "b": ["x", "y"]}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        assert [row for _, row in read_rows(tmp_path / name)] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"A list is one of \(.csv, .jsonl, .parquet\), but got '.*t.txt'"):
        check_table(tmp_path / "t.txt")
    with pytest.raises(ArgumentError, match=r"No such list: '.*t.csv'"):
        check_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b,a\n1,x,2\n"),
        ("t.jsonl", '{"a": "1", "b": "x", "a": "2"}\n'),
        ("t.jsonl", '{"b": {"a": 1, "a": 2}}\n'),
    ],
)
def test_a_repeated_column_name_is_refused_fault_10(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ArgumentError, match="needs a name of its own, but 'a' is there more than once: rename one"):
        list(read_rows(tmp_path / name))


def test_a_repeated_column_name_in_parquet_is_refused_fault_10(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["1"]), pyarrow.array(["2"])], names=["a", "a"])
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ArgumentError, match="needs a name of its own, but 'a' is there more than once: rename one"):
        list(read_rows(tmp_path / "t.parquet"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("NaN", "numbers have to be finite, but got NaN"),
        ("-Infinity", "numbers have to be finite, but got -Infinity"),
        ("1e999", "numbers have to be finite, but got 1e999"),
        ("1" * 5000, "can't be read as jsonl"),
        ("[" * 10_000 + "]" * 10_000, "nested too deep"),
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('"\\ud800"', "half of a surrogate pair"),
    ],
)
def test_values_that_json_lines_cannot_hold_are_one_clear_error_fault_33(tmp_path: Path, value: str, said: str) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "\\ud83d\\ude00"}\n{"a": ' + value + "}\n")
    rows = read_rows(tmp_path / "t.jsonl")
    assert next(rows) == (1, {"a": "\U0001f600"})
    with pytest.raises(ArgumentError, match=f"line 2.*{said}"):
        next(rows)
