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
from innersight.scoring import results
from innersight.scoring.lists import open_list
from innersight.scoring.results import Journal, check_output, read_record, write_record, write_results
from innersight.scoring.sights import RowScore

RUN = {"list": "sha256:1", "metrics": {"lite": {"layers": [0, 1], "weights": {"digest": "sha256:a"}}}}
ROWS = [
    RowScore({"lite": 0.1}, {}, None),
    RowScore({}, {}, 'can\'t: "quoted"\nline'),
    RowScore({"lite": 1 / 3}, {}, None),
]


ORDER = [2, 0, 1]  # in which they are done


def written(out: Path) -> Journal:
    journal = Journal(out, RUN, resume=False, overwrite=False)
    for row in ORDER:
        journal.add(row, ROWS[row])
    journal.close()
    return journal


def test_a_journal_cut_at_any_byte_resumes_with_the_whole_rows_before_it(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    whole = written(out).path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[0], len(whole) + 1):
        (tmp_path / "out.csv.journal").write_bytes(whole[:cut])
        journal = Journal(out, RUN, resume=True, overwrite=False)
        assert journal.done == sum(end <= cut for end in ends) - 1
        assert [row in journal for row in ORDER] == [True] * journal.done + [False] * (3 - journal.done)
        for row in ORDER[journal.done :]:
            journal.add(row, ROWS[row])
        assert list(journal.results()) == ROWS
        journal.close()


def test_another_run_is_refused_with_what_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    changed = {"list": "sha256:2", "metrics": {"lite": {"layers": [0], "weights": {"digest": "sha256:a"}}}}
    with pytest.raises(ArgumentError) as error:
        Journal(out, changed, resume=True, overwrite=False)
    assert "changed: list was 'sha256:1', is 'sha256:2'; metrics.lite.layers was [0, 1], is [0]." in str(error.value)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    with pytest.raises(
        ArgumentError, match=r"out\.csv' is there already: --resume goes on from it, --overwrite drops it"
    ):
        Journal(out, RUN, resume=False, overwrite=False)
    with pytest.raises(ArgumentError, match="exclude each other"):
        Journal(out, RUN, resume=True, overwrite=True)
    assert out.read_text() == "precious"


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


def test_a_finished_run_leaves_a_record_of_what_decided_it(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert read_record(out, RUN) is None
    out.write_text("a,b\n")
    with pytest.raises(ArgumentError, match="without a record of its run: use --overwrite"):
        read_record(out, RUN)
    write_record(out, RUN, rows=3, failed=1)
    assert json.loads((tmp_path / "out.csv.run.json").read_text())["run"] == RUN
    assert read_record(out, RUN) == (3, 1)
    with pytest.raises(ArgumentError, match="is of another run; changed: list was 'sha256:1', is 'sha256:2'"):
        read_record(out, {**RUN, "list": "sha256:2"})


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


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"null",
        b'{"row": -1, "scores": {}, "per_layer": {}, "error": null}',
        b'{"row": true, "scores": {}, "per_layer": {}, "error": null}',
        b'{"row": 99999999999999999999, "scores": {}, "per_layer": {}, "error": null}',
        b'{"row": 1}',
        b'{"row": 1, "scores": 7, "per_layer": {}, "error": null}',
        b'{"row": 2, "scores": {}, "per_layer": {}, "error": null}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_of_a_journal_is_one_clear_error_fault_35(tmp_path: Path, line: bytes) -> None:
    path = written(tmp_path / "out.csv").path
    whole = path.read_bytes().splitlines()
    for number in (1, 3):
        path.write_bytes(b"\n".join([*whole[: number - 1], line, *whole[number:]]) + b"\n")
        before = path.read_bytes()
        with pytest.raises(ArgumentError, match="--overwrite") as error:
            Journal(tmp_path / "out.csv", RUN, resume=True, overwrite=False)
        assert "\n" not in str(error.value)
        assert f"line {number}: " in str(error.value) or (number == 1 and "another run" in str(error.value))
        assert path.read_bytes() == before


def test_what_changed_is_shown_in_short_fault_35(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    with pytest.raises(ArgumentError) as error:
        Journal(out, {"list": "sha256:1", "metrics": [list(range(1000))]}, resume=True, overwrite=False)
    assert "metrics was {'lite': {'layers': [0, 1]" in str(error.value)
    assert len(str(error.value)) < 300 + len(str(out))


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_journal_on_a_full_disk_closes_fault_22(tmp_path: Path) -> None:
    journal = written(tmp_path / "out.csv")
    journal._file = Path("/dev/full").open("wb")  # noqa: SIM115
    with pytest.raises(OSError, match="No space left"):
        journal.add(3, ROWS[0])
    journal.close()
    journal.remove()
    assert not journal.path.exists()
    journal.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        Journal(tmp_path / "out.csv", RUN, resume=False, overwrite=True)


@pytest.mark.parametrize("with_fcntl", [True, False])
def test_a_second_run_of_one_output_is_refused_fault_21(tmp_path: Path, monkeypatch, with_fcntl: bool) -> None:
    if not with_fcntl:
        monkeypatch.setattr(results, "fcntl", None)
    out = tmp_path / "out.csv"
    first = Journal(out, RUN, resume=False, overwrite=False)
    first.add(0, ROWS[0])
    kept = first.path.read_bytes()
    for options in ({"resume": True, "overwrite": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(ArgumentError, match=r"out\.csv\.journal' is in use: one run at a time") as error:
            Journal(out, RUN, **options)
        assert "\n" not in str(error.value)
        assert ("remove '" in str(error.value)) is not with_fcntl
    assert first.path.read_bytes() == kept
    first.add(1, ROWS[1])
    first.close()
    second = Journal(out, RUN, resume=True, overwrite=False)
    assert list(second.results()) == ROWS[:2]
    second.remove()
    assert not list(tmp_path.iterdir())
