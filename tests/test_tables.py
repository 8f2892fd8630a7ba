"""Tables are read row by row, whatever their format; tests/scoring/test_lists.py holds the errors of each."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.tables import check_table, read_rows


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
