"""Each example runs as a process and prints what its docstring says."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import innersight

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PHOTOGRAPHS = EXAMPLES / "photographs"
NUMBER = re.compile(r"-?\d+\.\d+|\d+")


def run(name: str, folder: Path) -> list[str]:
    """Run an example in another folder, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # tests that run beside it need the other cores
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []  # an example leaves no files
    return done.stdout.splitlines()


def numbers(line: str) -> list[float]:
    return [float(text) for text in NUMBER.findall(line)]


def photograph(name: str) -> torch.Tensor:
    return torch.from_numpy(innersight.read_image(PHOTOGRAPHS / f"{name}.jpg"))[None]


@pytest.mark.thorough
def test_torchmetrics_prints_the_means_over_the_photographs(tmp_path: Path) -> None:
    _, bicubic, nearest = run("torchmetrics_validation", tmp_path)
    score, metric = [], innersight.create_metric("lite")
    for name in ("astronaut", "cat", "coffee"):
        image = photograph(name)
        top, left = (image.shape[-2] - 240) // 2, (image.shape[-1] - 240) // 2
        target = image[..., top : top + 240, left : left + 240]
        small = torch.nn.functional.avg_pool2d(target, 3)
        score.append(metric(target, small.repeat_interleave(3, -1).repeat_interleave(3, -2)).item())
    assert numbers(nearest)[0] == pytest.approx(sum(score) / 3, abs=0.002)
    assert numbers(bicubic)[0] < numbers(nearest)[0]
    assert numbers(bicubic)[1] > numbers(nearest)[1] > 20


@pytest.mark.thorough
def test_the_loss_restores_the_photograph(tmp_path: Path) -> None:
    *steps, clamped = run("loss_denoising", tmp_path)
    rows = [numbers(line) for line in steps]
    assert [row[0] for row in rows] == [0, 10, 20, 30]
    for column, rises in ((1, False), (2, False), (3, True)):  # the loss, the score, PSNR
        values = [row[column] for row in rows]
        assert values == sorted(set(values), reverse=not rises)
    assert rows[-1][1] < 0.1 * rows[0][1]
    assert rows[-1][3] > rows[0][3] + 6  # dB
    assert re.fullmatch(r"\d\.\d% of the values were outside \[0, 1\] and clamped", clamped)


@pytest.mark.thorough
def test_the_drop_in_of_lpips_prints_linear_scores(tmp_path: Path) -> None:
    identical, *blurred, where = run("lpips_drop_in", tmp_path)
    assert identical == "identical  0.000"
    values = [numbers(line)[1] for line in blurred]
    assert values == sorted(set(values))
    from torchvision.transforms.functional import gaussian_blur

    cat = photograph("cat")
    expected = innersight.as_loss("lite", pixels=0)(gaussian_blur(cat, [25, 25], [4.0, 4.0]), cat)
    assert values[-1] == pytest.approx(expected.item(), rel=1e-3)
    height, width, corner, rest = numbers(where)
    assert (height, width) == (300, 451)
    assert corner > 1 > 100 * rest


@pytest.mark.thorough
def test_pyiqa_scores_files_with_the_presets(tmp_path: Path) -> None:
    if importlib.util.find_spec("pyiqa") is None:
        pytest.skip("NOT RUN: pyiqa is not installed (`make test` installs it)")
    registered, *facts, _header, first, second, third, fourth = run("pyiqa_metrics", tmp_path)
    for name in innersight.PRESETS:
        assert f"innersight-{name}" in registered
    assert facts == ["innersight-lite: lower is better", "ssim: higher is better", "psnr: higher is better"]
    rows = [numbers(line) for line in (first, second, third, fourth)]
    assert [row[0] for row in rows] == [90, 50, 20, 5]
    for column, rises in ((1, True), (2, False), (3, False)):
        values = [row[column] for row in rows]
        assert values == sorted(set(values), reverse=not rises)
    buffer = io.BytesIO()
    Image.open(PHOTOGRAPHS / "astronaut.jpg").save(buffer, "JPEG", quality=20)
    expected = innersight.Scorer("lite")(PHOTOGRAPHS / "astronaut.jpg", buffer.getvalue())
    assert rows[2][1] == pytest.approx(expected, abs=0.002)


def test_every_example_has_a_test_and_is_linked() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    tests = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"examples/{path.name}" in pages or path.stem == "demo", path  # the demo is `make demo`
        assert f'run("{path.stem}"' in tests or path.stem == "demo", path  # tests/test_docs.py runs it
        assert len(path.read_text().splitlines()) <= 60 or path.stem == "demo", path  # read in a minute
