"""A pipe is read once, to its end, and never waited for without a limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import innersight
from image_files import RGB8
from innersight.errors import ArgumentError, ImageError
from innersight.io import image_sources
from innersight.io.images import read_image, read_size

COMMAND = str(Path(sys.executable).with_name("innersight"))

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture
def png(tmp_path: Path) -> Path:
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def fifo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(image_sources, "_PATIENCE", 2.0)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def written(fifo: Path, png: Path) -> Iterator[Path]:
    """A pipe that another thread writes a PNG file to, in two parts."""
    content = png.read_bytes()

    def write() -> None:
        with fifo.open("wb", buffering=0) as stream:
            stream.write(content[:50])
            time.sleep(0.1)
            stream.write(content[50:])

    thread = threading.Thread(target=write)
    thread.start()
    yield fifo
    thread.join()


def test_a_pipe_is_read_to_its_end_fault_19(written: Path, png: Path) -> None:
    assert read_size(written) is None  # it is not consumed
    np.testing.assert_array_equal(read_image(written), read_image(png))


def test_a_pipe_is_scored_fault_19(written: Path, png: Path) -> None:
    assert innersight.score(written, png) == 0


def test_a_pipe_without_a_writer_ends_with_an_error_fault_19(fifo: Path) -> None:
    with pytest.raises(ImageError, match=r"pipe' is a pipe that gave no data for 2 seconds\. Pass a file\."):
        read_image(fifo)


def test_a_pipe_whose_writer_leaves_at_once_is_an_empty_file(fifo: Path) -> None:
    thread = threading.Thread(target=lambda: fifo.open("wb").close())
    thread.start()
    with pytest.raises(ImageError, match="is not an image in a supported format"):
        read_image(fifo)
    thread.join()


def test_a_pipe_has_a_largest_size(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_sources, "MOST_BYTES", 60)
    with pytest.raises(ImageError, match="gives more than 60 bytes"):
        read_image(written)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_fault_38(device: str) -> None:
    with pytest.raises(ImageError, match=f"'{device}' is a device or a socket, not a file"):
        read_image(device)


def run(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


class TestCommandLine:
    def test_a_dash_is_the_standard_input_fault_50(self, png: Path) -> None:
        for pair in (("-", png), (png, "-")):
            done = run("score", *pair, stdin=png.read_bytes())
            assert (done.returncode, done.stdout[:8]) == (0, b"0.000000"), done.stderr

    def test_two_dashes_are_refused(self) -> None:
        done = run("score", "-", "-", stdin=b"")
        assert done.returncode == 2
        assert b"must not both be `-`" in done.stderr

    def test_an_empty_standard_input_is_refused(self, png: Path) -> None:
        done = run("score", "-", png, stdin=b"")
        assert done.returncode == 2
        assert b"The standard input is not an image in a supported format" in done.stderr

    @pytest.mark.skipif(not Path("/bin/bash").is_file(), reason="needs bash")
    def test_process_substitution_is_read_fault_19(self, png: Path, tmp_path: Path) -> None:
        map_ = tmp_path / "map.png"
        line = f"{COMMAND} score <(cat {png}) {png} --map {map_}"
        done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stdout[:8]) == (0, b"0.000000"), done.stderr
        assert Image.open(map_).size == Image.open(png).size

    def test_a_pipe_in_a_list_is_an_error_of_its_row_fault_19(self, fifo: Path, png: Path, tmp_path: Path) -> None:
        (tmp_path / "list.csv").write_text(f"reference,distorted\n{png},{png}\n{fifo},{png}\n{png},{fifo}\n")
        done = run("batch", tmp_path / "list.csv", "--out", tmp_path / "out.csv")
        assert b"3 rows, 2 with an error" in done.stdout, done.stderr
        assert (tmp_path / "out.csv").read_text().count("is a pipe, a device or a socket") == 2


def test_names_that_cannot_be_printed_are_escaped_in_errors_fault_30(tmp_path: Path) -> None:
    name = "a\nb\x1b[31m\u202e.png"
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / name)
    assert r"a\nb\x1b[31m\u202e.png" in str(caught.value)
    assert str(ArgumentError("ä 漢 'x'")) == "ä 漢 'x'"
