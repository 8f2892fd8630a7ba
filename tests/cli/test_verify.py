"""`innersight verify-paper` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from tests.cli.conftest import Run

from made_sets import make_tid2013


def test_a_part_of_a_set_is_computed_and_said_not_to_be_a_check(run: Run, tmp_path: Path) -> None:
    make_tid2013(
        tmp_path / "tid",
        lambda path: Image.new("RGB", (32, 32), (sum(path.name.encode()) % 251, 9, 90)).save(path),
        references=1,
    )
    done = run("verify-paper", "--tid2013", "tid", "--only", "psnr", "--out", "out")
    assert done.returncode == 1
    assert "24 of 3000 pairs (1 of 25 references)" in done.stderr
    assert "not checked: a part of the set, and no published scores to compare with" in done.stdout
    (check,) = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert (check["claim"], check["pairs"], check["srcc_published"]) == ("psnr", 24, 0.687)


def test_without_a_set_the_way_out_is_named(run: Run) -> None:
    done = run("verify-paper", "--out", "out")
    assert done.returncode == 2
    assert "Pass at least one data set: --live DIR, --tid2013 DIR or --pipal DIR." in done.stderr
