"""A short list of small pairs, its rows from an uninterrupted run, and the command as a process."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

COMMAND = str(Path(sys.executable).parent / "innersight")
ROWS = 12


class Faulty:
    """A folder with list.csv and the files that it names, in which `innersight` runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        photographs = [data.chelsea(), data.coffee(), data.astronaut()]
        lines = ["reference,distorted"]
        for row in range(ROWS):
            image = Image.fromarray(photographs[row % 3][40:104, 60 + row // 3 : 124 + row // 3])
            image.save(folder / f"r{row // 2}.png")
            image.save(folder / f"d{row}.jpg", quality=5 + 5 * row)
            lines.append(f"r{row // 2}.png,d{row}.jpg")
        (folder / "list.csv").write_text("\n".join(lines) + "\n")

    def start(self, *options: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        """Start `innersight batch list.csv --quiet OPTIONS`."""
        return self.popen([COMMAND, "batch", "list.csv", "--quiet", *options], before)

    def popen(self, command: list[str], before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs without it
            if before is not None:
                before()

        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )

    def run(self, *options: str, before: Callable[[], object] | None = None) -> tuple[int, str]:
        """Run `innersight batch list.csv`; return the exit status and standard error."""
        return ended(self.start(*options, before=before))

    def run_with(self, patch: str, *options: str) -> tuple[int, str]:
        """Run `innersight batch list.csv` after the statements of `patch`."""
        arguments = ["innersight", "batch", "list.csv", "--quiet", *options]
        code = f"import sys\n{patch}\nfrom innersight.cli.app import main\nsys.argv = {arguments!r}\nmain()\n"
        return ended(self.popen([sys.executable, "-c", code]))

    def rows(self, out: str) -> list[dict[str, str]]:
        with (self.folder / out).open(newline="") as file:
            return list(csv.DictReader(file))

    def resumes(self, out: str, *options: str) -> None:
        """Check that --resume gives the rows of an uninterrupted run."""
        status, errors = self.run("--out", out, "--resume", *options)
        assert status == 0, errors
        whole = "whole.csv"
        if not (self.folder / whole).exists():
            assert self.run("--out", whole) == (0, "")
        assert self.rows(out) == self.rows(whole)
        assert len(self.rows(out)) == ROWS
        assert not (self.folder / f"{out}.journal").exists()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def one_line(errors: str) -> None:
    assert errors.startswith("innersight: "), errors
    assert errors.count("\n") == 1, errors


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    return Faulty(tmp_path)
