"""Disks that are full or read-only, files that cannot be read, and files that change during a run."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reliability.conftest import ROWS, Faulty, one_line

resource = pytest.importorskip("resource")


@pytest.fixture
def small_disk(faulty: Faulty) -> Iterator[Path]:
    """A folder `disk` on a file system of 64 KiB."""
    disk = faulty.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("NOT RUN: a small disk can be mounted only as root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def obey_permissions() -> None:
    """Permissions do not apply to root: the process gives up that power. For other users there is none to give up."""
    if os.geteuid() == 0:
        for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if ctypes.CDLL(None).prctl(24, power, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError("the power of root could not be dropped")


@pytest.mark.thorough
@pytest.mark.parametrize("size", [0, 1, 2000, 2500, 3000])
def test_a_limit_of_any_size_on_results_and_journal_is_one_line_and_resumes(faulty: Faulty, size: int) -> None:
    status, errors = faulty.run(
        "--out", "scores.csv", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    assert status == 2
    one_line(errors)
    assert not (faulty.folder / "scores.csv").exists()
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize("left", [0, 4, 8])
def test_a_full_disk_under_results_and_journal_is_one_line_and_resumes(
    faulty: Faulty, small_disk: Path, left: int
) -> None:
    (small_disk / "other").write_bytes(b"x" * 1024 * (64 - left))
    status, errors = faulty.run("--out", "disk/scores.csv", "--per-layer")
    assert status == (2 if left < 8 else status)
    if status:
        one_line(errors)
        assert "No space left on device" in errors
    (small_disk / "other").unlink()
    status, errors = faulty.run("--out", "disk/scores.csv", "--per-layer", "--resume")
    assert (status, errors) == (0, "")
    assert len(faulty.rows("disk/scores.csv")) == ROWS


@pytest.mark.thorough
def test_a_full_disk_under_the_cache_is_one_line_and_resumes(faulty: Faulty, small_disk: Path) -> None:
    status, errors = faulty.run("--out", "scores.csv", "--cache", "disk/cache")
    assert status == 2
    one_line(errors)
    assert not list(small_disk.rglob("*.partial"))
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize("option", ["--report=disk/page.html", "--summary=disk/summary.json"])
def test_a_full_disk_under_report_and_summary_is_one_line_and_keeps_the_rows(
    faulty: Faulty, small_disk: Path, option: str
) -> None:
    (small_disk / "other").write_bytes(b"x" * 1024 * 64)
    status, errors = faulty.run("--out", "scores.csv", option)
    assert status == 2
    one_line(errors)
    assert [path.name for path in small_disk.iterdir()] == ["other"]
    (small_disk / "other").unlink()
    assert len(faulty.rows("scores.csv")) == ROWS
    faulty.resumes("scores.csv")


def test_an_output_folder_that_cannot_be_written_to_is_one_line_before_the_first_pair(faulty: Faulty) -> None:
    folder = faulty.folder / "closed"
    folder.mkdir(mode=0o555)
    status, errors = faulty.run("--out", "closed/scores.csv", before=obey_permissions)
    assert status == 2
    one_line(errors)
    assert "Permission denied" in errors
    assert not list(folder.iterdir())


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["scores.csv.journal", "scores.csv.run.json", "scores.csv.partial"])
def test_a_file_of_the_output_that_cannot_be_written_to_is_one_line(faulty: Faulty, name: str) -> None:
    (faulty.folder / name).write_bytes(b"")
    (faulty.folder / name).chmod(0o444)
    status, errors = faulty.run("--out", "scores.csv", before=obey_permissions)
    assert status == 2
    one_line(errors)
    assert name in errors


@pytest.mark.thorough
def test_an_image_that_cannot_be_read_is_the_error_of_its_row_only(faulty: Faulty) -> None:
    (faulty.folder / "d3.jpg").chmod(0)
    status, errors = faulty.run("--out", "scores.csv", before=obey_permissions)
    assert status == 1
    one_line(errors)
    found = [row["error"] for row in faulty.rows("scores.csv")]
    assert [number for number, error in enumerate(found) if error] == [3]
    assert "permission denied" in found[3]


def test_a_list_that_cannot_be_read_is_one_line(faulty: Faulty) -> None:
    (faulty.folder / "list.csv").chmod(0)
    status, errors = faulty.run("--out", "scores.csv", before=obey_permissions)
    assert status == 2
    one_line(errors)
    assert "ermission" in errors


DURING = (
    "import os, innersight.inference.journal as j\n"
    "add, seen = j.Journal.add, []\n"
    "def changed(self, row, *a):\n"
    "    add(self, row, *a)\n"
    "    if not seen: seen.append(1); {}\n"
    "j.Journal.add = changed"
)


@pytest.mark.thorough
def test_an_image_that_vanishes_during_the_run_is_the_error_of_its_row(faulty: Faulty) -> None:
    code = DURING.format("os.rename('d11.jpg', 'away.jpg')")
    status, errors = faulty.run_with(code, "--out", "scores.csv", "--workers", "1", "--batch-size", "1")
    assert status in (0, 1)  # the row can be scored already
    if status:
        one_line(errors)
    rows = faulty.rows("scores.csv")
    assert len(rows) == ROWS
    assert [bool(row["score"]) for row in rows] == [*[True] * 11, status == 0]
    assert "Traceback" not in rows[11]["error"]


@pytest.mark.thorough
def test_a_list_that_changes_during_the_run_is_one_line_and_is_not_mixed_up(faulty: Faulty) -> None:
    text = (faulty.folder / "list.csv").read_text()
    code = DURING.format("open('list.csv', 'a').write('r0.png,d1.jpg\\n')")
    status, errors = faulty.run_with(code, "--out", "scores.csv")
    assert status == 2
    one_line(errors)
    assert "changed while its pairs were scored" in errors
    (faulty.folder / "list.csv").write_text(text)
    faulty.resumes("scores.csv")


@pytest.mark.thorough
def test_a_list_that_vanishes_during_the_run_is_one_line(faulty: Faulty) -> None:
    code = DURING.format("os.rename('list.csv', 'away.csv')")
    status, errors = faulty.run_with(code, "--out", "scores.csv")
    assert status == 2
    one_line(errors)
    (faulty.folder / "away.csv").rename(faulty.folder / "list.csv")
    faulty.resumes("scores.csv")
