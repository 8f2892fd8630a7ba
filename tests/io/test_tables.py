"""Tables of three formats are read row by row. An invalid row carries its error, and the next row is read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.io import tables
from innersight.io.tables import check_table, checked_row, read_rows, read_table


def test_the_same_rows_come_from_every_format(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "t.jsonl").write_text('{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y"}\n')
    parquet.write_table(pyarrow.table({"a": ["1", "2"], "b": ["x", "y"]}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        assert [row for _, row in read_rows(tmp_path / name)] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"A list must be one of \(.csv, .jsonl, .parquet\), but got '.*t.txt'"):
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
    with pytest.raises(ArgumentError, match="must have its own name, but 'a' occurs more than once"):
        list(read_rows(tmp_path / name))


def test_a_repeated_column_name_in_parquet_is_refused_fault_10(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["1"]), pyarrow.array(["2"])], names=["a", "a"])
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ArgumentError, match="must have its own name, but 'a' occurs more than once"):
        list(read_rows(tmp_path / "t.parquet"))


def test_a_column_name_in_parquet_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"reference": ["a"], "nameless": ["b"]}), path := tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes().replace(b"nameless", b"\xff\xfe\xfd\xfcless"))
    with pytest.raises(ArgumentError, match="cannot be read as parquet: 'utf-8' codec can't decode"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("NaN", "numbers must be finite, but got NaN"),
        ("-Infinity", "numbers must be finite, but got -Infinity"),
        ('[1, {"b": 1e999}]', "numbers must be finite, but got 1e999"),
        ("1" * 5000, "integers must have at most 1000 digits, but got 1111"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ("[" * 10_000 + "]" * 10_000, "nested deeper than 64 levels"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
        ('"\\ud800"', "text must be valid UTF-8, but column 'a' holds"),
        ('{"\\ud800": 1}', "text must be valid UTF-8, but column 'a' holds"),
        ("{b}", "the line cannot be read as jsonl: Expecting"),
        ('1, "a": 2', "must have its own name, but 'a' occurs more than once"),
    ],
)
def test_an_invalid_line_of_json_lines_is_the_error_of_that_row_only_fault_33(
    tmp_path: Path, value: str, said: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": "\\ud83d\\ude00"}\n{"a": ' + value + '}\n{"a": ' + "[" * 63 + "]" * 63 + "}\n")
    good, bad, after = read_table(path)
    assert (good.number, good.values, good.error) == (1, {"a": "\U0001f600"}, None)
    assert (after.number, list(after.values), after.error) == (3, ["a"], None)
    assert bad.error is not None
    assert bad.error.startswith(f"'{path}', line 2: ")
    assert said in bad.error
    assert len(bad.error) < 300 + len(str(path))
    json.dumps(bad.values, allow_nan=False, ensure_ascii=False).encode()
    rows = read_rows(path)
    assert next(rows) == (1, {"a": "\U0001f600"})
    with pytest.raises(ArgumentError) as error:
        next(rows)
    assert str(error.value) == bad.error


def test_the_valid_values_of_an_invalid_line_are_kept_fault_33(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "x", "b": NaN, "c": [1, Infinity], "d": 2}\n')
    (row,) = read_table(tmp_path / "t.jsonl")
    assert row.values == {"a": "x", "b": None, "c": [1, None], "d": 2}


def test_a_row_of_another_length_is_the_error_of_that_row_only_fault_33(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2\n3,y,z\n4,w\n")
    rows = list(read_table(tmp_path / "t.csv"))
    assert [row.error is None for row in rows] == [True, False, False, True]
    assert "t.csv', line 3: more or fewer cells than the 2 of the header" in str(rows[1].error)
    assert [row.values["a"] for row in rows] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_bytes_that_are_not_utf_8_are_the_error_of_that_row_only_fault_20(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    names = [b"\xc3\xbc.png", b"\xff.png", b"c.png"]
    if suffix == "csv":
        path.write_bytes(b"a\n" + b"\n".join(names) + b"\n")
    elif suffix == "jsonl":
        path.write_bytes(b"".join(b'{"a": "' + name + b'"}\n' for name in names))
    else:
        text = pyarrow.Array.from_buffers(pyarrow.string(), 3, pyarrow.array(names, pyarrow.binary()).buffers())
        parquet.write_table(pyarrow.table({"a": text}), path)
    rows = list(read_table(path))
    assert [row.error is None for row in rows] == [True, False, True]
    assert "column 'a'" in str(rows[1].error)
    assert [rows[0].values["a"], rows[2].values["a"]] == ["\u00fc.png", "c.png"]
    for row in rows:
        f"{row.values} {row.error}".encode()


def test_a_header_that_is_not_utf_8_is_refused_fault_20(tmp_path: Path) -> None:
    for content in (b"a,\xff\n1,2\n", "a,b\n1,2\n".encode("utf-16")):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(ArgumentError, match="the header must be UTF-8 text, but it is not"):
            list(read_table(tmp_path / "t.csv"))


def test_a_csv_file_that_cannot_be_parsed_is_refused_with_the_line_fault_33(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,x\n2,"y\n3,z\n')
    with pytest.raises(ArgumentError, match=r"t\.csv', line 4: cannot be read as csv: unexpected end of data"):
        list(read_table(tmp_path / "t.csv"))


def test_a_parquet_value_outside_the_range_of_python_is_the_error_of_its_row_fault_33(tmp_path: Path) -> None:
    day = pyarrow.array([0, 2**31 - 1, 1], pyarrow.int32()).cast(pyarrow.date32())
    parquet.write_table(pyarrow.table({"a": day, "b": [1, 2, 3]}), tmp_path / "t.parquet")
    rows = list(read_table(tmp_path / "t.parquet"))
    assert [row.error is None for row in rows] == [True, False, True]
    assert "t.parquet', row 2: the value of column 'a' cannot be read" in str(rows[1].error)
    assert [row.values["b"] for row in rows] == [1, 2, 3]


def test_text_that_is_not_valid_unicode_is_escaped_and_an_earlier_error_stays() -> None:
    row = checked_row(1, {"a": ["\udcff", {"\udcfe": 1}], "b": 2}, "Row 1")
    assert row.values == {"a": ["\\udcff", {"\\udcfe": 1}], "b": 2}
    assert "Row 1: text must be valid UTF-8, but column 'a' holds" in str(row.error)
    assert checked_row(1, {"a": "\udcff"}, "Row 1", "earlier").error == "earlier"


def test_too_little_memory_is_no_fault_of_a_parquet_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The MemoryError of pyarrow is one of its own errors too."""
    parquet.write_table(pyarrow.table({"a": ["x"]}), tmp_path / "t.parquet")

    def fail(_: object) -> None:
        raise pyarrow.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(tables, "_python_rows", fail)
    with pytest.raises(MemoryError, match="malloc of size 64 failed"):
        list(read_rows(tmp_path / "t.parquet"))
