"""The installed command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `innersight ARGS` in the test's folder; environment variables by keyword."""

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
def files(tmp_path: Path) -> Path:
    """A folder with ref.png, dis.jpg of the same size, other.png of another, and files that are no images."""
    Image.fromarray(data.chelsea()).save(tmp_path / "ref.png")
    Image.fromarray(data.chelsea()).save(tmp_path / "dis.jpg", quality=15)
    Image.fromarray(data.chelsea()).crop((0, 0, 200, 200)).save(tmp_path / "other.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "ref.png").read_bytes()[:20000])
    return tmp_path
