"""Rows of untrusted lists: `--root`, pipes and devices, in every format of a list."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from skimage import data
from tests.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "in"
    inner.mkdir()
    photograph = Image.fromarray(data.coffee()).resize((96, 64))
    photograph.save(tmp_path / "secret.png")
    for name in ("r.png", "d.png"):
        photograph.save(inner / name)
    Image.new("L", (96, 64), 255).save(inner / "mask.png")
    (inner / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(inner / "pipe.png")
    return tmp_path


def write_list(path: Path, rows: list[dict[str, str]]) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def errors_of(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["error"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_only_files_in_the_root_are_read(run_here: Run, folder: Path, suffix: str) -> None:
    named = [
        ("r.png", "d.png", ""), ("r.png", "link.png", ""), ("../secret.png", "d.png", ""),
        ("r.png", str(folder / "secret.png"), ""), ("r.png", "d.png", "../secret.png"), ("r.png", "d.png", "mask.png"),
        ("r.png", "file:///etc/passwd", ""), ("r.png", "none.png", ""),
    ]  # fmt: skip
    listed = folder / "in" / f"list.{suffix}"
    write_list(listed, [dict(zip(("reference", "distorted", "mask"), names, strict=True)) for names in named])
    done = run_here("batch", str(listed), "--out", "out.csv", "--root", str(folder / "in"))
    assert done.returncode == 1, done.stderr
    found = errors_of(folder / "out.csv")
    outside = [f"outside the root '{folder / 'in'}'" in error for error in found]
    assert outside == [False, True, True, True, True, False, True, False]
    assert found[0] == found[5] == ""
    assert f"'{folder / 'in' / 'link.png'}' is outside" in found[1]
    assert found[7].startswith("No such file: ")


def test_a_pipe_and_a_device_are_errors_at_once(run_here: Run, folder: Path) -> None:
    rows = [{"reference": "r.png", "distorted": name} for name in ("d.png", "pipe.png", "/dev/zero")]
    write_list(folder / "in" / "list.csv", rows)
    done = run_here("batch", "in/list.csv", "--out", "out.csv", "--metric", "psnr", "--report", "page.html")
    assert done.returncode == 1, done.stderr
    found = errors_of(folder / "out.csv")
    assert found[0] == ""
    assert all("is a pipe, a device or a socket, not a file." in error for error in found[1:])


def test_a_run_is_not_resumed_with_another_root(run_here: Run, folder: Path) -> None:
    write_list(folder / "in" / "list.csv", [{"reference": "r.png", "distorted": "d.png"}])
    assert run_here("batch", "in/list.csv", "--out", "out.csv", "--metric", "psnr").returncode == 0
    done = run_here("batch", "in/list.csv", "--out", "out.csv", "--metric", "psnr", "--root", "in", "--resume")
    assert done.returncode == 2
    assert "root" in done.stderr


def test_the_report_reads_only_files_inside(run_here: Run, folder: Path) -> None:
    rows = [{"reference": "r.png", "distorted": name, "score": "30"} for name in ("d.png", "link.png")]
    write_list(folder / "in" / "scores.csv", rows)
    done = run_here("report", "in/scores.csv", "--out", "page.html", "--metric", "psnr", "--inside", "in")
    assert done.returncode == 0, done.stderr
    assert "is outside the root" in (folder / "page.html").read_text(encoding="utf-8")


def test_two_folders_take_no_root(run_here: Run, folder: Path) -> None:
    done = run_here("batch", "--reference-dir", "in", "--distorted-dir", "in", "--out", "out.csv", "--root", "in")
    assert done.returncode == 2
    assert "Option --root needs a list of pairs." in done.stderr
