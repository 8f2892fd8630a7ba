"""A process that ends at any moment loses no row, and says no more than one line."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time

import pytest
from tests.reliability.conftest import COMMAND, ROWS, Faulty, ended, one_line

KILLS = 50


def check_journal(faulty: Faulty, out: str) -> None:
    journal = faulty.folder / f"{out}.journal"
    if journal.exists():
        *whole, cut = journal.read_bytes().split(b"\n")
        values = [json.loads(line) for line in whole]
        assert all(0 <= value["row"] < ROWS for value in values[1:]), cut


@pytest.mark.thorough
def test_fifty_kills_at_random_moments_lose_and_repeat_no_row(faulty: Faulty) -> None:
    start = time.monotonic()
    assert faulty.run("--out", "whole.csv") == (0, "")
    longest = 1.1 * (time.monotonic() - start)
    whole = (faulty.folder / "whole.csv").read_bytes()
    out, record = faulty.folder / "scores.csv", faulty.folder / "scores.csv.run.json"
    seed = random.SystemRandom().randrange(1 << 32)
    draw, kills, complete = random.Random(seed), 0, 0
    said = f"seed {seed}"
    while kills < KILLS:
        process = faulty.start("--out", "scores.csv", "--resume")
        try:
            process.wait(draw.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
        status, errors = ended(process)
        assert status in (0, -signal.SIGKILL), f"{said}: {errors}"
        assert errors == "", said
        check_journal(faulty, "scores.csv")
        assert not out.exists() or out.read_bytes() == whole, said
        kills += status != 0
        if status == 0:
            complete += 1
            assert out.exists(), said
            out.unlink()
            record.unlink()
        assert complete < 10 * KILLS, said
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "place",
    [
        "innersight.inference.batch.write_results",
        "pathlib.Path.replace",
        "innersight.inference.batch.write_record",
        "innersight.inference.journal.Journal.remove",
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_beside_each_step_of_the_output_loses_no_row(faulty: Faulty, place: str, when: str) -> None:
    module, _, name = place.rpartition(".")
    code = (
        "import os, signal, pathlib, innersight.inference.batch, innersight.inference.journal\n"
        f"step = {place}\n"
        "def die(*a, **k):\n"
        f"    {'step(*a, **k)' if when == 'after' else 'pass'}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{module}.{name} = die"
    )
    assert faulty.run_with(code, "--out", "scores.csv") == (-signal.SIGKILL, "")
    check_journal(faulty, "scores.csv")
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_without_a_traceback_and_the_run_resumes(
    faulty: Faulty, number: signal.Signals, status: int
) -> None:
    code = (
        "import os, innersight.inference.journal as j\n"
        "add = j.Journal.add\n"
        "def signalled(self, row, *a):\n"
        "    add(self, row, *a)\n"
        f"    if self.done == 4: os.kill(os.getpid(), {int(number)})\n"
        "j.Journal.add = signalled"
    )
    found, errors = faulty.run_with(code, "--out", "scores.csv")
    assert found == status
    if number == signal.SIGINT:
        one_line(errors)
    else:
        assert errors == ""
    assert not (faulty.folder / "scores.csv").exists()
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command",
    ["batch list.csv --out scores.csv", "score r0.png d0.jpg", "score r0.png d0.jpg --json", "metrics"],
)
def test_a_reader_that_ends_early_gets_no_traceback(faulty: Faulty, command: str) -> None:
    process = subprocess.Popen(
        [COMMAND, *command.split()], cwd=faulty.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # as `true` does
    assert process.stderr.read() == ""
    assert process.wait(300) == 1
    process.stderr.close()
    if "batch" in command:
        faulty.resumes("scores.csv")
