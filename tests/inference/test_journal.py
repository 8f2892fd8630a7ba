"""A journal survives a kill at any moment, belongs to one run, and is held by one process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.inference import journal as module
from innersight.inference.journal import Journal, read_record, write_record
from journals import ORDER, ROWS, RUN, written


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
        monkeypatch.setattr(module, "fcntl", None)
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
