"""Limits are proposed from runs of an unchanged system, and a gate reads them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from innersight import Scorer
from innersight.errors import ArgumentError, ImageError
from innersight.gate import read_cases, run_gate
from innersight.gate.calibrate import calibrate


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    photograph = data.chelsea()[:120, :160].astype(float)
    for run in ("1", "2", "3"):
        (tmp_path / "runs" / run / "sub").mkdir(parents=True)
        for name, strength in (("a.png", 1), ("sub/b.png", 4)):
            noisy = photograph + draw.normal(0, strength, photograph.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "runs" / run / name)
    return tmp_path / "runs"


def test_each_limit_is_a_tenth_above_the_largest_score_against_the_first_run(runs: Path) -> None:
    scorer = Scorer("lite")
    found = calibrate(runs, scorer)
    assert (found.runs, found.reference) == (3, runs / "1")
    for name in ("a", "sub/b"):
        scores = [scorer(runs / "1" / f"{name}.png", runs / run / f"{name}.png") for run in ("2", "3")]
        assert found.largest[name] == pytest.approx(max(scores), rel=1e-5)
        assert found.limit(found.largest[name]) == math.ceil(found.largest[name] * 110) / 100


def test_the_gate_reads_the_proposal_and_another_run_passes(runs: Path) -> None:
    scorer = Scorer("lite")
    text = calibrate(runs, scorer).to_toml(runs / "3")
    assert text.startswith("# Limits proposed from 3 runs")
    (runs / "cases.toml").write_text(text)
    cases = read_cases(runs / "cases.toml")
    assert [case.name for case in cases] == ["a", "sub/b"]
    assert cases[0].limits.max < cases[1].limits.max  # type: ignore[operator]
    assert run_gate(cases, scorer).passed


def test_runs_that_cannot_be_compared_are_refused(runs: Path, tmp_path: Path) -> None:
    scorer = Scorer("lite")
    with pytest.raises(ArgumentError, match="which psnr is not"):
        calibrate(runs, Scorer("psnr"))
    with pytest.raises(ArgumentError, match="No such folder"):
        calibrate(tmp_path / "none", scorer)
    with pytest.raises(ArgumentError, match="at least two folders of runs, but has 1"):
        calibrate(runs / "1", scorer)
    (runs / "2" / "a.png").write_bytes(b"x")
    with pytest.raises(ImageError, match="not an image"):
        calibrate(runs, scorer)
    (runs / "2" / "a.png").unlink()
    with pytest.raises(ArgumentError, match="The image 'a' must be in"):
        calibrate(runs, scorer)
