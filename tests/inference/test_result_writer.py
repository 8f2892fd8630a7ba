"""The output keeps all columns of the list, appears complete or not at all, and is checked before the work."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.inference.extractor import RowScore
from innersight.inference.journal import Journal
from innersight.inference.pair_lists import list_rows, open_list
from innersight.inference.result_writer import check_output, write_results
from innersight.io.tables import read_table
from journals import ROWS, RUN, written


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
    assert write_results(out, pairs, written(out), ["lite"], with_layers=False).failed == 1
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


def test_columns_that_parquet_cannot_hold_are_refused_before_the_work_fault_33(tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(
        "".join(json.dumps({"reference": "r", "distorted": "d", "a": value}) + "\n" for value in (1, "text", 2))
    )
    with pytest.raises(ArgumentError, match=r"don't fit the types of Parquet: .* Write \.csv or \.jsonl\."):
        check_output(tmp_path / "out.parquet", open_list(tmp_path / "list.jsonl"), ["score", "error"])
    assert [path.name for path in tmp_path.iterdir()] == ["list.jsonl"]


@pytest.mark.parametrize("value", ["1" * 30, "{}"])
def test_values_that_parquet_cannot_hold_are_refused_before_the_work_fault_33(tmp_path: Path, value: str) -> None:
    (tmp_path / "list.jsonl").write_text('{"reference": "r", "distorted": "d", "a": ' + value + "}\n")
    with pytest.raises(ArgumentError, match=r"don't fit the types of Parquet: .* Write \.csv or \.jsonl\.") as error:
        check_output(tmp_path / "out.parquet", open_list(tmp_path / "list.jsonl"), ["score", "error"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_refused_before_the_work_fault_33(tmp_path: Path, value: float) -> None:
    table = {"reference": ["a", "c", "e"], "distorted": ["b", "d", "f"], "mos": [1.0, value, 3.0]}
    parquet.write_table(pyarrow.table(table), tmp_path / "list.parquet")
    pairs = open_list(tmp_path / "list.parquet")
    with pytest.raises(
        ArgumentError, match=r"Row 2: JSON has no NaN and no infinity, but column 'mos' holds one\. Wri"
    ):
        check_output(tmp_path / "out.jsonl", pairs, ["score", "error"])
    for suffix in ("csv", "parquet"):
        check_output(tmp_path / f"out.{suffix}", pairs, ["score", "error"])
        write_results(tmp_path / f"out.{suffix}", pairs, written(tmp_path / f"out.{suffix}"), ["lite"], False)
        assert str(float(read_rows(tmp_path / f"out.{suffix}")[1]["mos"])) == str(value)


@pytest.mark.parametrize(
    "content", [b'reference,distorted\na,b\nc,"d\n', b'reference,distorted\na,b\nc,"' + b"d" * 200_000 + b'"\n']
)
def test_a_list_that_cannot_be_parsed_to_its_end_is_refused_before_the_work_fault_33(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(ArgumentError, match=r"list\.csv', line 3: cannot be read as csv: "):
        check_output(tmp_path / "out.csv", open_list(tmp_path / "list.csv"), ["score", "error"])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_invalid_rows_and_text_are_written_in_every_format_fault_20(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "list.csv").write_bytes(b"reference,distorted,note\na,b,\xff\nc\ne,f,x\n")
    pairs = open_list(tmp_path / "list.csv")
    out = tmp_path / f"out.{suffix}"
    check_output(out, pairs, ["score", "error"])
    written(out)
    journal = Journal(out, RUN, resume=True, overwrite=False)
    journal.add(1, RowScore({}, {}, "No such file: '\udcff.png'"))
    journal.close()
    record = write_results(out, pairs, journal, ["lite"], with_layers=False)
    assert (record.rows, record.failed) == (3, 1)
    rows = read_rows(out)
    assert [row["reference"] for row in rows] == ["a", "c", "e"]
    assert [row["note"] or "" for row in rows] == [r"\udcff", "", "x"]
    assert rows[1]["error"] == r"No such file: '\udcff.png'"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_text_comes_back_as_it_is_in_the_list_fault_45(tmp_path: Path, suffix: str) -> None:
    """Cells that a spreadsheet can run as formulas too, and carriage returns. In .csv files they get an apostrophe."""
    notes = ["=1+1", "-1.5", "+x", "@SUM(A1)", "'=1", "a\rb", "a\r\nb", "\ta", '"', " x "]
    pairs = list_rows({"reference": "=r", "distorted": "-d", "=note": note} for note in notes)
    out = tmp_path / f"out.{suffix}"
    journal = Journal(out, RUN, resume=False, overwrite=False)
    for row in range(len(notes)):
        journal.add(row, RowScore({}, {}, "=an error"))
    write_results(out, pairs, journal, ["lite"], with_layers=False)
    journal.close()
    written_rows = read_rows(out)
    first = ("'=r", "'-d", "'=1+1", "'=an error") if suffix == "csv" else ("=r", "-d", "=1+1", "=an error")
    note = "'=note" if suffix == "csv" else "=note"
    assert tuple(written_rows[0][name] for name in ("reference", "distorted", note, "error")) == first
    assert written_rows[1][note] == "-1.5"
    found = [row.values for row in read_table(out)]
    assert [row["=note"] for row in found] == notes
    assert {(row["reference"], row["distorted"], row["error"]) for row in found} == {("=r", "-d", "=an error")}


def test_lists_of_dates_are_text_in_csv_and_json_lines(tmp_path: Path) -> None:
    days = [[datetime.date(2026, 11, 23)]] * 3
    table = pyarrow.table({"reference": ["a", "c", "e"], "distorted": ["b", "d", "f"], "days": days})
    parquet.write_table(table, tmp_path / "list.parquet")
    pairs = open_list(tmp_path / "list.parquet")
    for suffix, expected in (("csv", '["2026-11-23"]'), ("jsonl", ["2026-11-23"])):
        out = tmp_path / f"out.{suffix}"
        check_output(out, pairs, ["score", "error"])
        write_results(out, pairs, written(out), ["lite"], with_layers=False)
        assert read_rows(out)[0]["days"] == expected


def test_a_list_that_changed_during_the_run_gives_no_output(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("reference,distorted\na,b\nc,d\ne,f\n")
    pairs = open_list(path)
    path.write_text("reference,distorted\ne,f\nc,d\na,b\n")
    journal = written(tmp_path / "out.csv")
    with pytest.raises(ArgumentError, match=r"list\.csv' changed while its pairs were scored"):
        write_results(tmp_path / "out.csv", pairs, journal, ["lite"], with_layers=False)
    assert not (tmp_path / "out.csv").exists()


def test_the_record_depends_on_the_state_of_each_image_fault_36(tmp_path: Path) -> None:
    pairs = list_rows({"reference": "r", "distorted": "d"} for _ in range(3))
    digests = set()
    for number, changed in enumerate([None, 0, 2]):
        out = tmp_path / f"{number}.csv"
        journal = written(out)
        if changed is not None:
            journal = Journal(out, RUN, resume=True, overwrite=False)
            journal.add(changed, RowScore({"lite": 0.5}, {}, None), (0, 0, 0, 0))
            journal.close()
        digests.add(write_results(out, pairs, journal, ["lite"], with_layers=False).files)
    assert len(digests) == 3


def test_an_output_that_cannot_be_used_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("reference,distorted,score\na,b,1\n")
    pairs = open_list(tmp_path / "list.csv")
    for name, columns, message in (
        ("out.txt", [], r"The output file must be one of \(\.csv, \.jsonl, \.parquet\), but got"),
        ("none/out.csv", [], "no folder"),
        ("nul\0.csv", [], r"must not hold a NUL byte, but got '.*nul\\x00\.csv'"),
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
        with pytest.raises(ArgumentError, match="Results cannot be written to '"):
            check_output(out, pairs, ["score"])
    with pytest.raises(ArgumentError, match="Results cannot be written to '"):
        check_output(tmp_path / "half\ud800\ud800.csv", pairs, ["score"])
    check_output(tmp_path / "out.csv", pairs, ["score"])
    assert [path.name for path in tmp_path.iterdir()] == ["list.csv"]


def test_too_little_memory_is_no_fault_of_the_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The MemoryError of pyarrow is one of its own errors too."""
    (tmp_path / "list.csv").write_text("reference,distorted\na,b\nc,d\ne,f\n")

    def fail(*_: object) -> None:
        raise pyarrow.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", fail)
    out = tmp_path / "out.parquet"
    with pytest.raises(MemoryError, match="malloc of size 64 failed"):
        write_results(out, open_list(tmp_path / "list.csv"), written(out), ["lite"], with_layers=False)
    assert not out.exists()
