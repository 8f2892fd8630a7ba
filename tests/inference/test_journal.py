"""A journal survives a kill at any moment, belongs to one run, and is held by one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.inference import journal as module
from innersight.inference.extractor import RowScore
from innersight.inference.journal import Journal, RunRecord, file_states, read_record, write_record
from journals import ORDER, ROWS, RUN, STATES, written

RESULTS = list(zip(ROWS, STATES, strict=True))


def resumed(out: Path) -> Journal:
    return Journal(out, RUN, resume=True, overwrite=False)


def test_a_journal_cut_at_any_byte_resumes_with_the_complete_rows_before_it_fault_44(tmp_path: Path) -> None:
    """Other libraries don't give this: an SQLite file that is cut is unreadable as a whole."""
    out = tmp_path / "out.csv"
    whole = written(out).path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        (tmp_path / "out.csv.journal").write_bytes(whole[:cut])
        journal = resumed(out)
        assert journal.done == max(0, sum(end <= cut for end in ends) - 1)
        assert [row in journal for row in ORDER] == [True] * journal.done + [False] * (3 - journal.done)
        for row in ORDER[journal.done :]:
            journal.add(row, ROWS[row], STATES[row])
        assert list(journal.results()) == RESULTS
        journal.close()
        assert journal.path.read_bytes() == whole


def test_a_cut_first_line_of_another_run_or_another_file_is_not_resumed_fault_44(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.journal"
    for content in (b'{"list": "sha256:2", "met', b"my notes"):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match="line 1: the line is cut off, and is not the start of the line that"):
            resumed(tmp_path / "out.csv")
        assert path.read_bytes() == content


def test_a_row_can_be_scored_again_and_its_last_line_counts(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    journal = resumed(out)
    journal.drop(0)
    assert (journal.done, 0 in journal) == (2, False)
    again = RowScore({"lite": 0.5}, {}, None)
    journal.add(0, again, (11, 1, 20, 2))
    assert (journal.done, journal.files_of(0), journal.files_of(2)) == (3, (11, 1, 20, 2), STATES[2])
    journal.close()
    journal = resumed(out)
    assert list(journal.results()) == [(again, (11, 1, 20, 2)), *RESULTS[1:]]
    journal.drop(1)
    with pytest.raises(KeyError):
        journal.files_of(1)
    journal.close()


def test_another_run_is_refused_with_what_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    changed = {"list": "sha256:2", "metrics": {"lite": {"layers": [0], "weights": {"digest": "sha256:a"}}}}
    with pytest.raises(ArgumentError) as error:
        Journal(out, changed, resume=True, overwrite=False)
    assert "changed: list was 'sha256:1', is 'sha256:2'; metrics.lite.layers was [0, 1], is [0]." in str(error.value)


def test_a_changed_citation_is_shown_only_if_nothing_else_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.touch()
    before = {"lite": {"citation": "lite 1", "layers": 1}}
    write_record(out, {"metrics": before}, RunRecord(0, 0, ""))
    for layers, said in (
        (1, "metrics.lite.citation was 'lite 1', is 'lite 2'"),
        (2, "metrics.lite.layers was 1, is 2"),
    ):
        with pytest.raises(ArgumentError, match=f"changed: {said}. Use"):
            read_record(out, {"metrics": {"lite": {"citation": "lite 2", "layers": layers}}})


def test_nothing_is_overwritten_without_the_option(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    with pytest.raises(
        ArgumentError, match=r"out\.csv' is there already: --resume goes on from it, --overwrite drops it"
    ):
        Journal(out, RUN, resume=False, overwrite=False)
    with pytest.raises(ArgumentError, match="exclude each other"):
        Journal(out, RUN, resume=True, overwrite=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "precious"}
    out.unlink()
    kept = written(out).path.read_bytes()
    with pytest.raises(ArgumentError, match=r"out\.csv\.journal' is there already: --resume goes on from it"):
        Journal(out, RUN, resume=False, overwrite=False)
    assert (tmp_path / "out.csv.journal").read_bytes() == kept


def test_a_finished_run_leaves_a_record_of_what_decided_it(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    record = RunRecord(3, 1, "sha256:f")
    assert read_record(out, RUN) is None
    out.write_text("a,b\n")
    with pytest.raises(ArgumentError, match=r"exists without a record of its run\. Use --overwrite"):
        read_record(out, RUN)
    write_record(out, RUN, record)
    assert json.loads((tmp_path / "out.csv.run.json").read_text())["run"] == RUN
    assert read_record(out, RUN) == record
    with pytest.raises(ArgumentError, match="belongs to another run; changed: list was 'sha256:1', is 'sha256:2'"):
        read_record(out, {**RUN, "list": "sha256:2"})
    journal = resumed(out)
    assert journal.finished == record
    journal.remove()
    assert out.read_text() == "a,b\n"


@pytest.mark.parametrize("number", ["Infinity", "1e999", "NaN"])
def test_a_record_with_a_number_that_is_not_finite_is_no_record(tmp_path: Path, number: str) -> None:
    out = tmp_path / "out.csv"
    out.touch()
    write_record(out, RUN, RunRecord(31, 1, "sha256:f"))
    path = tmp_path / "out.csv.run.json"
    path.write_text(path.read_text().replace("31", number))
    with pytest.raises(ArgumentError, match=r"exists without a record of its run\. Use --overwrite"):
        read_record(out, RUN)


def test_a_line_of_a_very_late_row_takes_little_memory(tmp_path: Path) -> None:
    """A damaged line of 90 bytes took 2 GB, 8 bytes for each row before it."""
    path = written(tmp_path / "out.csv").path
    line = json.dumps({"row": (1 << 28) - 1, "scores": {"lite": 1.0}, "per_layer": {}, "error": None, "files": []})
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    tracemalloc.start()
    try:
        journal = resumed(tmp_path / "out.csv")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert journal.done == 4
    assert list(journal.results()) == RESULTS
    journal.close()


def test_the_state_of_a_file_shows_that_it_changed_fault_36(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    missing = file_states([path])
    path.write_bytes(b"one")
    first = file_states([path])
    os.utime(path, ns=(0, first[1] + 1))
    touched = file_states([path])
    path.write_bytes(b"four")
    os.utime(path, ns=(0, first[1]))
    longer = file_states([path])
    assert missing == file_states([Path("nul\0byte")]) == (None, None)
    assert len({missing, first, touched, longer}) == 4


LINE = '{"row": %s, "scores": %s, "per_layer": {}, "error": %s, "files": []}'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"null",
        (LINE % ("-1", '{"lite": 1.0}', "null")).encode(),
        (LINE % ("true", '{"lite": 1.0}', "null")).encode(),
        (LINE % ("99999999999999999999", '{"lite": 1.0}', "null")).encode(),
        b'{"row": 1}',
        b'{"row": 1, "scores": {"lite": 1.0}, "per_layer": {}, "files": []}',
        (LINE % ("1", "7", "null")).encode(),
        b'{"row": 1, "scores": {"lite": 1.0}, "per_layer": {}, "error": null, "files": ["now"]}',
        b'{"row": 1, "scores": {"lite": 1.0}, "per_layer": {"lite": [1.0]}, "error": null, "files": []}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_of_a_journal_is_one_clear_error_fault_35(tmp_path: Path, line: bytes) -> None:
    refuse_line(tmp_path, line, (1, 3))


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        ("{}", "null"),
        ("{}", '""'),
        ('{"lite": NaN}', "null"),
        ('{"lite": Infinity}', "null"),
        ('{"lite": null}', "null"),
        ('{"lite": "0.1"}', "null"),
        ('{"lite": 1%s}' % ("0" * 400), "null"),
        ('{"other": 0.1}', "null"),
        ('{"lite": 0.1, "other": 0.1}', "null"),
        ('{"lite": 0.1}', '"No such file"'),
    ],
)
def test_a_line_must_have_the_scores_of_the_run_or_an_error_fault_44(tmp_path: Path, scores: str, error: str) -> None:
    refuse_line(tmp_path, (LINE % ("1", scores, error)).encode(), (3,))


def refuse_line(tmp_path: Path, line: bytes, numbers: tuple[int, ...]) -> None:
    path = written(tmp_path / "out.csv").path
    whole = path.read_bytes().splitlines()
    for number in numbers:
        path.write_bytes(b"\n".join([*whole[: number - 1], line, *whole[number:]]) + b"\n")
        before = path.read_bytes()
        with pytest.raises(ArgumentError, match="--overwrite") as error:
            resumed(tmp_path / "out.csv")
        assert "\n" not in str(error.value)
        assert f"line {number}: " in str(error.value) or (number == 1 and "another run" in str(error.value))
        assert path.read_bytes() == before


def test_changed_settings_are_shown_in_short_fault_35(tmp_path: Path) -> None:
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
        journal.add(3, ROWS[0], STATES[0])
    journal.close()
    journal.remove()
    assert not journal.path.exists()
    journal.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        Journal(tmp_path / "out.csv", RUN, resume=False, overwrite=True)


@pytest.mark.parametrize("with_fcntl", [True, False])
def test_a_second_run_of_one_output_is_refused_fault_21(tmp_path: Path, monkeypatch, with_fcntl: bool) -> None:
    """The lock also works on file systems without locks."""
    if not with_fcntl:
        monkeypatch.setattr(module, "fcntl", None)
    out = tmp_path / "out.csv"
    first = Journal(out, RUN, resume=False, overwrite=False)
    first.add(0, ROWS[0], STATES[0])
    kept = first.path.read_bytes()
    for options in ({"resume": True, "overwrite": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(ArgumentError, match=r"out\.csv\.journal' is in use: one run at a time") as error:
            Journal(out, RUN, **options)
        assert "\n" not in str(error.value)
        assert ("remove '" in str(error.value)) is not with_fcntl
    assert first.path.read_bytes() == kept
    first.add(1, ROWS[1], STATES[1])
    first.close()
    second = resumed(out)
    assert list(second.results()) == RESULTS[:2]
    second.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["", ".journal"])
def test_a_file_that_appears_before_the_lock_is_taken_is_not_overwritten_fault_44(
    tmp_path: Path, monkeypatch, ending: str
) -> None:
    """Another run ends, or is killed, between the start of this one and its lock."""
    pytest.importorskip("fcntl")
    appearing = tmp_path / f"out.csv{ending}"
    exclusive = module.fcntl.flock

    def later(*arguments: object) -> None:
        appearing.write_text("precious\n")
        exclusive(*arguments)

    monkeypatch.setattr(module.fcntl, "flock", later)
    with pytest.raises(ArgumentError, match=rf"out\.csv{ending}' is there already"):
        Journal(tmp_path / "out.csv", RUN, resume=False, overwrite=False)
    assert appearing.read_text() == "precious\n"


def test_of_two_processes_without_options_one_writes_the_output_fault_44(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from innersight.errors import ArgumentError\n"
        "from innersight.inference.journal import Journal\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
        "(folder / f'{name}.ready').touch()\n"
        "while len(list(folder.glob('*.ready'))) < 2:\n"
        "    time.sleep(0.001)\n"
        "for number in range(300):\n"
        "    out = folder / f'{number}.csv'\n"
        "    try:\n"
        "        journal = Journal(out, {'metrics': {}}, resume=False, overwrite=False)\n"
        "    except ArgumentError:\n"
        "        continue\n"
        "    with out.open('a') as file:\n"
        "        file.write(name)\n"
        "    journal.remove()\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stderr=subprocess.PIPE) for name in "ab"
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (0, b"")
    contents = [(tmp_path / f"{number}.csv").read_text() for number in range(300)]
    assert set(contents) <= {"a", "b"}
    assert not list(tmp_path.glob("*.journal"))
