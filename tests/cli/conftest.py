"""Fixtures that run the installed command as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from innersight.cli.app import main

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `innersight ARGS` in `tmp_path`. Its keywords are environment variables."""

    def run_command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / "innersight", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},
            timeout=300,
        )

    return run_command


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that does what `run` does in this process, which saves the start of Python and torch."""

    def run_command(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["innersight", *map(str, arguments)])
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)  # set by the command
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        output = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, int(str(status)), output.out, output.err)

    return run_command


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with ref.png, dis.jpg of the same size, other.png of another size, and two files that are no images."""
    Image.fromarray(data.chelsea()).save(tmp_path / "ref.png")
    Image.fromarray(data.chelsea()).save(tmp_path / "dis.jpg", quality=15)
    Image.fromarray(data.chelsea()).crop((0, 0, 200, 200)).save(tmp_path / "other.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "ref.png").read_bytes()[:20000])
    return tmp_path
