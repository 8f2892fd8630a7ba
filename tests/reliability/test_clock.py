"""A clock that jumps by hours, between two runs or during one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from tests.reliability.conftest import ROWS, Faulty

from innersight.cli.progress import Progress
from innersight.inference.feature_cache import FeatureCache

HOURS = 5 * 3600.0
JUMPING = (
    "import time\n"
    "real, calls = time.time, [0]\n"
    "def jumping():\n"
    "    calls[0] += 1\n"
    "    return real() + (-1) ** calls[0] * 18000\n"
    "time.time = jumping"
)


@pytest.mark.thorough
def test_a_clock_that_jumps_at_each_reading_changes_no_row(faulty: Faulty) -> None:
    assert faulty.run_with(JUMPING, "--out", "scores.csv", "--cache", "cache") == (0, "")
    assert faulty.run("--out", "whole.csv") == (0, "")
    assert faulty.rows("scores.csv") == faulty.rows("whole.csv")
    assert len(faulty.rows("scores.csv")) == ROWS


@pytest.mark.thorough
@pytest.mark.parametrize("jump", [-HOURS, HOURS])
def test_files_of_a_past_or_future_clock_are_resumed_and_cached_as_others(faulty: Faulty, jump: float) -> None:
    for path in faulty.folder.iterdir():
        os.utime(path, (time.time() + jump, time.time() + jump))
    stop = "import innersight.inference.batch as b, os\nb.write_results = lambda *a: os._exit(9)"
    assert faulty.run_with(stop, "--out", "scores.csv", "--cache", "cache")[0] == 9
    for path in (faulty.folder / "cache").iterdir():
        os.utime(path, (time.time() + jump, time.time() + jump))
    no_work = (
        "from innersight.inference.planner import Engine\n"
        "Engine.run = lambda self, rows: iter([(row.number, 1 / 0) for row in rows])"  # no row is left
    )
    assert faulty.run_with(no_work, "--out", "scores.csv", "--cache", "cache", "--resume") == (0, "")
    faulty.resumes("scores.csv")
    assert faulty.run("--out", "again.csv", "--cache", "cache") == (0, "")
    assert faulty.rows("again.csv") == faulty.rows("scores.csv")


def test_a_cache_survives_that_another_process_clears_a_file_in_writing_after_a_jump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, key = FeatureCache(tmp_path, 1 << 20), "a" * 64
    replace = Path.replace

    def replace_late(self: Path, target: Path) -> Path:
        monkeypatch.setattr(time, "time", lambda: self.stat().st_mtime + HOURS)
        FeatureCache(tmp_path, 1 << 20)  # the other process takes the file for one that was left behind
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_late)
    cache.save(key, {"a": np.ones(3)}, {})  # it is not saved, and the run goes on
    assert cache.load(key) is None
    monkeypatch.undo()
    cache.save(key, {"a": np.ones(3)}, {})
    assert cache.load(key) is not None


def test_progress_shows_no_negative_time_after_a_jump(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("innersight.cli.progress._SECONDS_BETWEEN_LINES", 0.0)
    progress = Progress(100)
    with progress:
        for done in range(1, 6):
            jump = (-1) ** done * HOURS
            monkeypatch.setattr(time, "time", lambda jump=jump: jump)
            progress.show(done)
    shown = capsys.readouterr().err
    assert shown.count(" rows/s") == 4
    assert "-" not in shown
