"""The loss cannot be driven to 0 by a pattern on the grid of the network while the PSNR falls."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from innersight import as_loss
from innersight.metrics.loss import MetricLoss
from processes import PHOTOGRAPH

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHARE = 0.2


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("loss_patterns")
    finally:
        sys.path.remove(str(BENCHMARKS))


def make(pixels: float) -> MetricLoss:
    """The network gets the image at its own size, so that patterns meet its strides."""
    return as_loss("lite", pixels=pixels, jitter=8, reduction="none", changes={"views.main.input": "short=96"})


@pytest.fixture(scope="module")
def loss() -> MetricLoss:
    return make(SHARE)


@pytest.fixture(scope="module")
def loss_without_pixels() -> MetricLoss:
    return make(0)


def psnr(images: torch.Tensor) -> float:
    return -10 * float((images - PHOTOGRAPH).square().mean().log10())


def tiled(period: int, channel: int, amplitude: float = 0.15) -> torch.Tensor:
    """The photograph with a checkerboard of this period in one channel."""
    row = (torch.arange(PHOTOGRAPH.shape[-1]) // (period // 2) % 2) * 2.0 - 1
    images = PHOTOGRAPH.clone()
    images[:, channel] += amplitude * row * row[:, None]
    return images.clamp(0, 1)


@torch.no_grad()
def value(loss: MetricLoss, images: torch.Tensor) -> torch.Tensor:
    return loss(images, PHOTOGRAPH)


@pytest.mark.parametrize(
    ("period", "decibels"),
    [(2, 30), pytest.param(2, 45, marks=pytest.mark.thorough)]
    + [pytest.param(period, 30, marks=pytest.mark.thorough) for period in (None, 4, 8, 14, 16, 32)],
)
def test_no_pattern_has_a_low_loss_and_a_low_psnr(
    script: ModuleType, loss: MetricLoss, loss_without_pixels: MetricLoss, period: int | None, decibels: float
) -> None:
    """Of the images of the loss of white noise, the search finds one of the lowest PSNR."""
    noise = script.noisy(PHOTOGRAPH, decibels)
    lowest = psnr(noise) + 10 * math.log10(SHARE) - 0.5  # 7.5 dB below; the share varies a little with the image
    limit = value(loss, noise)
    found = script.search(loss, PHOTOGRAPH, limit, period, steps=50)
    assert psnr(found) >= 10 * math.log10(loss.pixel_weight / float(limit)) >= lowest
    # The search is strong enough to find images far below, where nothing prevents it.
    hidden = script.search(loss_without_pixels, PHOTOGRAPH, value(loss_without_pixels, noise), period, steps=50)
    assert psnr(hidden) < lowest - 4


@pytest.mark.thorough
def test_descent_removes_a_hidden_pattern(
    script: ModuleType, loss: MetricLoss, loss_without_pixels: MetricLoss
) -> None:
    """Without the term of pixels, the loss becomes nearly 0 and the pattern stays."""
    limit = value(loss_without_pixels, script.noisy(PHOTOGRAPH, 30))
    hidden = script.search(loss_without_pixels, PHOTOGRAPH, limit, 2, steps=50)
    end = script.descend(loss_without_pixels, hidden, PHOTOGRAPH, steps=50)
    assert float(value(loss_without_pixels, end)) < 0.2 * float(limit)
    assert psnr(end) < psnr(hidden) + 3
    end = script.descend(loss, hidden, PHOTOGRAPH, steps=50)
    assert float(value(loss, end)) < 0.2 * float(value(loss, hidden))
    assert psnr(end) > psnr(hidden) + 6


@pytest.mark.parametrize(
    "start", ["noise", *(pytest.param(period, marks=pytest.mark.thorough) for period in (2, 4, 8, 16, 32))]
)
def test_the_psnr_rises_as_the_loss_falls(script: ModuleType, loss: MetricLoss, start: int | str) -> None:
    starts = [script.noisy(PHOTOGRAPH, 15)] if start == "noise" else [tiled(start, channel) for channel in range(3)]
    for images in starts:
        first, best = float(value(loss, images)), psnr(images)
        for _ in range(3):
            images = script.descend(loss, images, PHOTOGRAPH, steps=4)
            assert psnr(images) > best
            best = psnr(images)
        assert float(value(loss, images)) < 0.7 * first


@pytest.mark.parametrize("period", [2, 4, 8, 16, 32])
def test_the_loss_bounds_the_error(loss: MetricLoss, period: int) -> None:
    for channel in range(3):
        images = tiled(period, channel)
        assert psnr(images) >= 10 * math.log10(loss.pixel_weight / float(value(loss, images)))
