"""The script of long runs: its corrupt files are exact, its account finds a row that is wrong, and its slope is right."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from innersight.inference.batch import score_list
from innersight.inference.scorers import create_scorers

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("long_run")
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_each_row_is_scored_or_has_an_error_and_a_wrong_row_is_found(script: ModuleType, tmp_path: Path) -> None:
    made = script.make(tmp_path, 300, 0.01)
    assert made.corrupt_files == 3  # of 360
    out = tmp_path / "out.csv"
    score_list(made.pairs, create_scorers(["psnr"]), out)
    assert script.account(made, out) == (300 - len(made.corrupt_rows), len(made.corrupt_rows))
    header, *rows = out.read_text().splitlines()
    for wrong in (rows[:-1], [*rows, rows[-1]], [rows[1], rows[0], *rows[2:]], [*rows[:-1], "r59.png,d299.jpg,,"]):
        out.write_text("\n".join([header, *wrong]) + "\n")
        with pytest.raises(SystemExit):
            script.account(made, out)
    out.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(SystemExit, match="must fail exactly if one of its files is corrupt"):
        script.account(made._replace(corrupt_rows=frozenset()), out)


def test_the_interval_of_the_slope_covers_a_leak_and_no_leak(script: ModuleType) -> None:
    rows = np.arange(10, 10_001, 10)
    noise = np.random.default_rng(0).normal(0, 1e4, len(rows)) + 1e6
    warm_up = np.minimum(rows, 1000) * 1e5
    leaking, steady = (script.slope(rows, warm_up + noise + leak * rows) for leak in (50, 0))
    assert leaking.low < 50_000 < leaking.high
    assert leaking.low > 0
    assert steady.low < 0 < steady.high
