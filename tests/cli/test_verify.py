"""`innersight verify-paper`: its table, its file and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.conftest import Run

from made_sets import make_tid2013


@pytest.mark.thorough
def test_a_part_of_a_data_set_is_scored_but_not_compared(run: Run, tmp_path: Path) -> None:
    make_tid2013(
        tmp_path / "tid",
        lambda path: Image.new("RGB", (32, 32), (sum(path.name.encode()) % 251, 9, 90)).save(path),
        references=1,
    )
    done = run("verify-paper", "--tid2013", "tid", "--only", "psnr", "--out", "out")
    assert done.returncode == 1
    assert "24 of 3000 pairs (1 of 25 references)" in done.stderr
    assert "not checked: the data set is not complete, and there are no published scores of its pairs" in done.stdout
    (check,) = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert (check["claim"], check["pairs"], check["srcc_published"]) == ("psnr", 24, 0.687)


@pytest.mark.thorough
def test_a_missing_data_set_is_one_line_that_names_the_options(run_here: Run) -> None:
    done = run_here("verify-paper", "--out", "out")
    assert done.returncode == 2
    assert "Pass at least one data set: --live DIR, --tid2013 DIR or --pipal DIR." in done.stderr
