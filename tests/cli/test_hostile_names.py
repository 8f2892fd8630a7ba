"""Lists with hostile names: each row is a score or an error, the results stay one record a row, and nothing runs."""

from __future__ import annotations

import csv
import json
import os
import socket
import sys
from pathlib import Path

import pytest
from PIL import Image
from pyarrow import parquet
from skimage import data
from tests.cli.conftest import Run

from innersight.io.tables import read_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode, or there are no such files")

READ = {
    "plain.png": "",
    "a\nb.png": "",
    "a\r\nb.png": "",
    'comma, "quote" and \ttab.png': "",
    "=cmd|'calc'!A1.png": "",
    "@SUM(A1).png": "",
    "+1.png": "",
    "-1.png": "",
    "'=1.png": "",
    "<img src=x onerror=alert(1)>.png": "",
    "<!--<script>.png": "",
    "\u202egnp.png": "",
    "\x1b[31m.png": "",
    "$(id)`id`;id.png": "",
    "%s{0}\\n.png": "",
    "~.png": "",
}
"""Names of image files, which are read as they are."""

REFUSED = {
    "loop.png": "cannot be read: Too many levels of symbolic links",
    "there.png": "cannot be read: Too many levels of symbolic links",
    "pipe.png": "is a pipe, a device or a socket, not a file",
    "/dev/zero": "is a pipe, a device or a socket, not a file",
    "/dev/stdin/..": "",
    "socket": "is a pipe, a device or a socket, not a file",
    "x" * 300: "cannot be read: File name too long",
    "no\nsuch.png": "No such file: ",
    "=HYPERLINK(1).png": "No such file: ",
    ".": "is a folder, not an image file",
    "plain.png/..": "",
    "nul\0.png": "a path must not hold a NUL byte",
    "https://example.org/a.png": "",
    "file:///etc/passwd": "",
    "empty.png": "is not an image in a supported format",
}
"""Names that are errors, with a part of the error."""

NAMES = {**READ, **REFUSED}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph = Image.fromarray(data.coffee()).resize((96, 64))
    for name in READ:
        photograph.save(tmp_path / name, "PNG")
    (tmp_path / "loop.png").symlink_to(tmp_path / "there.png")
    (tmp_path / "there.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    with socket.socket(socket.AF_UNIX) as opened:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket has at most 107 bytes
        try:
            opened.bind("socket")
        finally:
            os.chdir(here)
    return tmp_path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_each_row_is_one_record_whatever_its_name(run_here: Run, folder: Path, suffix: str) -> None:
    lines = [json.dumps({"reference": "plain.png", "distorted": name}) for name in NAMES]
    (folder / "list.jsonl").write_text("\n".join(lines) + "\n")
    done = run_here("batch", "list.jsonl", "--out", f"out.{suffix}", "--metric", "psnr", "--quiet")
    assert done.returncode == 1, done.stderr
    found = list(read_table(folder / f"out.{suffix}"))
    assert [row.values["distorted"] for row in found] == list(NAMES)
    assert all(row.error is None for row in found)
    for row, (name, error) in zip(found, NAMES.items(), strict=True):
        said = row.values["error"] or ""
        assert error in said, name
        assert bool(said) == (name in REFUSED), (name, said)
        assert said.isprintable() or not said, name
    if suffix == "jsonl":
        assert len((folder / "out.jsonl").read_bytes().splitlines()) == len(NAMES)
    elif suffix == "parquet":
        assert parquet.read_metadata(folder / "out.parquet").num_rows == len(NAMES)
    else:
        with (folder / "out.csv").open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert {cell[:1] for cell in cells}.isdisjoint("=+-@\t\r\n")


def test_bytes_that_are_no_text_are_the_error_of_their_row(run_here: Run, folder: Path) -> None:
    Image.fromarray(data.coffee()).resize((96, 64)).save(folder / os.fsdecode(b"\xff.png"))
    lines = [b"reference,distorted", b"plain.png,\xff.png", b"plain.png,plain.png", b"plain.png,\xed\xa0\x80.png"]
    (folder / "list.csv").write_bytes(b"\n".join(lines) + b"\n")
    for suffix in ("csv", "jsonl", "parquet"):
        done = run_here("batch", "list.csv", "--out", f"out.{suffix}", "--metric", "psnr", "--quiet")
        assert done.returncode == 1, done.stderr
        found = [row.values for row in read_table(folder / f"out.{suffix}")]
        assert [bool(row["error"]) for row in found] == [True, False, True]
        assert found[0]["distorted"] == r"\udcff.png"
        assert "text must be valid UTF-8" in found[0]["error"]


def test_names_are_text_in_the_report(run_here: Run, folder: Path) -> None:
    rows = [{"reference": "plain.png", "distorted": name, "note": "</script><b>x"} for name in NAMES]
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run_here("batch", "list.jsonl", "--out", "out.csv", "--metric", "psnr", "--report", "page.html", "--quiet")
    assert done.returncode == 1, done.stderr
    page = (folder / "page.html").read_text(encoding="utf-8")
    for text in ("<img src=x onerror", "<!--<script>", "</script><b>x"):
        assert text not in page
    assert page.count("</script>") == page.count("<script")


def test_folders_with_hostile_names_are_scored_or_refused_by_row(run_here: Run, folder: Path, tmp_path: Path) -> None:
    for side in ("ref", "dis"):
        (tmp_path / side).mkdir()
        for name in (*READ, os.fsdecode(b"\xff.png")):
            (tmp_path / side / name).write_bytes((folder / "plain.png").read_bytes())
        (tmp_path / side / "loop.png").symlink_to("loop.png")
        (tmp_path / side / "round").symlink_to(tmp_path / side)  # a folder that holds itself
        os.mkfifo(tmp_path / side / "pipe.png")
    done = run_here("batch", "--reference-dir", "ref", "--distorted-dir", "dis", "--out", "out.csv", "--metric", "psnr")
    assert done.returncode == 1, done.stderr
    found = [row.values for row in read_table(tmp_path / "out.csv")]
    assert len(found) == len(READ) + 1
    assert [row["error"] for row in found if row["error"]] == [
        row["error"] for row in found if r"\udcff.png" in row["distorted"]
    ]
