"""The journal keeps what is done; the output is whole or not there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.scoring.engine import RowScore
from innersight.scoring.lists import open_list
from innersight.scoring.results import Journal, check_output, write_results

RUN = {"list": "sha256:1", "metrics": {"lite": {"layers": [0, 1], "weights": {"digest": "sha256:a"}}}}
ROWS = [
    RowScore({"lite": 0.1}, {}, None),
    RowScore({}, {}, 'can\'t: "quoted"\nline'),
    RowScore({"lite": 1 / 3}, {}, None),
]


def journal_of(out: Path, rows: list[RowScore]) -> Journal:
    journal = Journal(out, RUN, resume=False, overwrite=False)
    for row in rows:
        journal.add(row)
    journal.close()
    return journal


def test_a_journal_cut_at_any_byte_resumes_with_the_whole_rows_before_it(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    whole = journal_of(out, ROWS).path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[0], len(whole) + 1):
        (tmp_path / "out.csv.journal").write_bytes(whole[:cut])
        journal = Journal(out, RUN, resume=True, overwrite=False)
        assert journal.done == sum(end <= cut for end in ends) - 1
        for row in ROWS[journal.done :]:
            journal.add(row)
        assert list(journal.rows()) == ROWS
        journal.close()


def test_another_run_is_refused_with_what_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    journal_of(out, ROWS)
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


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_every_column_is_kept_and_every_score_to_its_last_digit(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "list.csv").write_text('reference,distorted,note\na,b,"x, y"\nc,d,\ne,f,ü\n', encoding="utf-8")
    pairs = open_list(tmp_path / "list.csv")
    out = tmp_path / f"out.{suffix}"
    write_results(out, pairs, journal_of(out, ROWS), ["lite"], with_layers=False)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file)) if suffix == "csv" else [json.loads(line) for line in file]
    assert [row["note"] for row in rows] == ["x, y", "", "ü"]
    assert [float(row["score"]) for row in (rows[0], rows[2])] == [0.1, 1 / 3]
    assert rows[1]["score"] in ("", None)
    assert rows[1]["error"] == ROWS[1].error
    assert not list(tmp_path.glob("*.partial"))


def test_an_output_that_will_not_do_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("reference,distorted,score\na,b,1\n")
    pairs = open_list(tmp_path / "list.csv")
    for name, columns, message in (
        ("out.txt", [], r"one of \(\.csv, \.jsonl\), but got"),
        ("none/out.csv", [], "no folder"),
        ("list.csv", [], "would replace the list"),
        ("out.csv", ["score", "error"], "has a column 'score' already"),
    ):
        with pytest.raises(ArgumentError, match=message):
            check_output(tmp_path / name, pairs, columns)
