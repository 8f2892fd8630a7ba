"""Two processes with one output, and two processes with one cache."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.reliability.conftest import Faulty, ended, one_line

from innersight.io.tables import read_table

PAUSED = (
    "import os, pathlib, time, innersight.inference.journal as j\n"
    "add = j.Journal.add\n"
    "def paused(self, row, *a):\n"
    "    add(self, row, *a)\n"
    "    if self.done == 3:\n"
    "        pathlib.Path('waits').touch()\n"
    "        while not os.path.exists('go'): time.sleep(0.01)\n"
    "j.Journal.add = paused"
)


@contextmanager
def first(faulty: Faulty, out: str) -> Iterator[subprocess.Popen[str]]:
    """A run that waits after its third row until the file `go` is there."""
    arguments = ["innersight", "batch", "list.csv", "--quiet", "--out", out]
    code = f"import sys\n{PAUSED}\nfrom innersight.cli.app import main\nsys.argv = {arguments!r}\nmain()\n"
    process = faulty.popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 120
        while not (faulty.folder / "waits").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_second_run_of_an_output_is_refused_and_the_first_is_not_harmed(faulty: Faulty, suffix: str) -> None:
    out = f"scores.{suffix}"
    with first(faulty, out) as process:
        journal = (faulty.folder / f"{out}.journal").read_bytes()
        for options in ([], ["--overwrite"], ["--resume"], ["--overwrite", "--report=p.html", "--summary=s.json"]):
            status, errors = faulty.run("--out", out, *options)
            assert status == 2
            one_line(errors)
            assert "is in use: one run at a time can write an output" in errors
        assert (faulty.folder / f"{out}.journal").read_bytes() == journal
        assert not (faulty.folder / "p.html").exists()
        assert not (faulty.folder / "s.json").exists()
        (faulty.folder / "go").touch()
        assert ended(process) == (0, "")
    assert faulty.run("--out", "whole.csv") == (0, "")
    scores = [float(row.values["score"]) for row in read_table(faulty.folder / out)]
    assert scores == [float(row["score"]) for row in faulty.rows("whole.csv")]


@pytest.mark.thorough
def test_the_lock_of_a_killed_run_does_not_block(faulty: Faulty) -> None:
    with first(faulty, "scores.csv") as process:
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    faulty.resumes("scores.csv")


@pytest.mark.thorough
def test_two_runs_with_one_cache_of_which_one_is_killed_give_equal_rows(faulty: Faulty) -> None:
    assert faulty.run("--out", "whole.csv") == (0, "")
    other = faulty.start("--out", "a.csv", "--cache", "cache")
    killed = faulty.start("--out", "b.csv", "--cache", "cache")
    deadline = time.monotonic() + 120
    while not list((faulty.folder / "cache").glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.kill()
    ended(killed)
    assert ended(other) == (0, "")
    assert faulty.rows("a.csv") == faulty.rows("whole.csv")
    faulty.resumes("b.csv", "--cache", "cache")
    assert faulty.run("--out", "c.csv", "--cache", "cache") == (0, "")
    assert faulty.rows("c.csv") == faulty.rows("whole.csv")
