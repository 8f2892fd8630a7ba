"""Lists of pairs are read row by row with all columns. A row that cannot be scored carries its error."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.inference.pair_lists import list_rows, open_list


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_json_lines_and_parquet_give_the_same_rows_with_all_columns(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", 'reference,distorted,"note, long"\na.png,b.png,"x ""y"""\nü.png,c.png,\n')
    lines = write(
        tmp_path / "a.jsonl",
        '{"reference": "a.png", "distorted": "b.png", "note, long": "x \\"y\\""}\n\n'
        '{"reference": "ü.png", "distorted": "c.png", "note, long": ""}\n',
    )
    parquet.write_table(
        pyarrow.Table.from_pylist([row.values for row in open_list(lines).rows()]), columnar := tmp_path / "a.parquet"
    )
    for path in (table, lines, columnar):
        opened = open_list(path)
        rows = list(opened.rows())
        assert rows == list(opened.rows())
        assert rows[0].values == {"reference": "a.png", "distorted": "b.png", "note, long": 'x "y"'}
        assert opened.paths(rows[1]) == (tmp_path / "ü.png", tmp_path / "c.png")


def test_a_parquet_list_that_is_damaged_or_without_its_library_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "a.parquet", "PAR1 no more")
    with pytest.raises(ArgumentError, match=r"a\.parquet' cannot be read as parquet: "):
        open_list(path)
    monkeypatch.setattr("innersight.io.tables.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"need pyarrow: pip install 'innersight\[parquet\]'"):
        open_list(path)


def test_the_names_of_the_two_columns_can_be_chosen(tmp_path: Path) -> None:
    opened = open_list(write(tmp_path / "a.csv", "ref,dis\na.png,b.png\n"), "ref", "dis")
    assert opened.paths(next(opened.rows())) == (tmp_path / "a.png", tmp_path / "b.png")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reference,distorted\na.png,b.png\n")
    before = open_list(path).digest
    assert open_list(path).digest == before
    write(path, "reference,distorted\na.png,c.png\n")
    assert open_list(path).digest != before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", r"one of \(\.csv, \.jsonl, \.parquet\), but got"),
        ("a.csv", "", "has no rows"),
        ("a.csv", "reference,distorted\n", "has no rows"),
        (
            "a.csv",
            "ref,distorted\na,b\n",
            r"line 2: no path in the column 'reference'\. The columns are \(ref, distorted\)\. Name the columns with",
        ),
        ("a.csv", "reference,distorted\na\n", "line 2: more or fewer cells than the 2 of the header"),
        ("a.csv", "reference,distorted\na,b,c\n", "line 2: more or fewer cells than the 2 of the header"),
        ("a.csv", "reference,distorted\n,b\n", "line 2: no path in the column 'reference'"),
        ("a.jsonl", "[1]\n", "line 1: the line must be a JSON object"),
        ("a.jsonl", '{"reference": 1, "distorted": "b"}\n', "line 1: no path in the column 'reference'"),
        ("a.jsonl", "{reference}\n", "cannot be read as jsonl"),
    ],
)
def test_a_list_without_a_row_that_can_be_scored_is_refused_with_the_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        open_list(write(tmp_path / name, text))


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="No such list"):
        open_list(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("a.csv", "a.png,b\0.png\n", "a path must not hold a NUL byte, but 'distorted' does. Correct that path."),
        ("a.csv", ",b.png\n", "no path in the column 'reference'. The columns are (reference, distorted)"),
        ("a.csv", "a.png\n", "more or fewer cells"),
        ("a.jsonl", '{"reference": "a.png", "distorted": NaN}\n', "numbers must be finite"),
        ("a.jsonl", '{"reference": "a.png"}\n', "no path in the column 'distorted'. The columns are (reference)"),
        ("a.jsonl", '{"reference": "a.png", "distorted": 5}\n', "no path in the column 'distorted'"),
        ("a.jsonl", '{"reference": "a\\u0000.png", "distorted": "b.png"}\n', "must not hold a NUL byte"),
        ("a.jsonl", "7\n", "must be a JSON object"),
    ],
)
def test_a_row_that_cannot_be_scored_carries_its_error_fault_33(tmp_path: Path, name: str, row: str, said: str) -> None:
    """Also if it is the first row."""
    head, good = ("reference,distorted\n", "a.png,b.png\n")
    if name.endswith("jsonl"):
        head, good = "", '{"reference": "a.png", "distorted": "b.png"}\n'
    opened = open_list(write(tmp_path / name, head + row + good + row + good))
    rows = list(opened.rows())
    assert [row.error is None for row in rows] == [False, True, False, True]
    assert said in str(rows[0].error)
    assert f"{name}', line {rows[0].number}: " in str(rows[0].error)
    assert opened.first == opened.paths(rows[3]) == (tmp_path / "a.png", tmp_path / "b.png")
    assert opened.columns == ("reference", "distorted")
    with pytest.raises(ArgumentError) as error:
        open_list(write(tmp_path / f"bad-{name}", head + row))
    assert said in str(error.value)


def test_a_list_in_memory_names_the_row_fault_33() -> None:
    pairs = list_rows([{"reference": "a", "distorted": ""}, {"reference": "a", "distorted": "b"}])
    assert [row.error is None for row in pairs.rows()] == [False, True]
    assert "Row 1: no path in the column 'distorted'. The columns are (reference, distorted)" in str(
        next(pairs.rows()).error
    )
    with pytest.raises(ArgumentError, match=r"The list has no rows\. Add at least one pair"):
        list_rows([])


def test_a_list_that_changes_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reference,distorted\na,b\n")
    opened = open_list(path)
    opened.refuse_changed()
    write(path, "reference,distorted\nc,d\n")
    with pytest.raises(ArgumentError, match=r"a\.csv' changed while its pairs were scored\. Use --overwrite"):
        opened.refuse_changed()
