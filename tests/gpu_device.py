"""The device that the tests in `tests/gpu` check, the images that they use, and differences of scores.

The environment variable INNERSIGHT_TEST_DEVICE names the device: `cuda` (the default), `cuda:1`, or `cpu`. With `cpu`
they run without a GPU, which checks the tests, not the package.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch

from innersight.export.check import distort, photograph
from innersight.metrics.base import FullReferenceMetric

NAME = os.environ.get("INNERSIGHT_TEST_DEVICE", "cuda")
SetTF32: TypeAlias = Callable[[bool], None]
IS_CUDA = torch.device(NAME).type == "cuda"
DEVICE = torch.device("cuda", torch.device(NAME).index or 0) if IS_CUDA else torch.device(NAME)

SIZES = ((192, 256), (151, 129), (101, 203), (64, 64), *(((720, 1280), (1080, 1920)) if IS_CUDA else ()))
"""(height, width) of the pairs; the tests of a CPU leave out large images, which take long."""

cuda_only = pytest.mark.skipif(not IS_CUDA, reason=f"NOT RUN: {NAME} has no such property")
SIXTEEN_BITS = [pytest.param(name, marks=cuda_only) for name in ("fp16", "bf16")]


def skip_without_device() -> None:
    """Skip a test module if there is no device to check."""
    if IS_CUDA and torch.cuda.device_count() <= (DEVICE.index or 0):
        pytest.skip("NOT RUN: no CUDA device", allow_module_level=True)


def on_device(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Copy tensors to the device."""
    return [tensor.to(DEVICE) for tensor in tensors]


def pair(index: int, size: tuple[int, int] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a reference and a distorted image on the CPU, (1, 3, H, W) in [0, 1]. Some pixels are saturated."""
    reference = photograph(index, *(size or SIZES[index]))
    return reference, distort(index, reference).clamp(0, 1)


def batch(count: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw `count` pairs of a size."""
    references, distorted = zip(*(pair(index, size) for index in range(count)), strict=True)
    return torch.cat(references), torch.cat(distorted)


def untied_pair(index: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a pair without saturated pixels and without equal neighbours: (1, 3, H, W) in [0.175, 0.825], float64."""
    draw = torch.Generator().manual_seed(index)

    def spread(image: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(image.shape, generator=draw, dtype=torch.float64) - 0.5
        return 0.2 + 0.6 * image.double() + 0.05 * noise

    reference, distorted = pair(index, size)
    return spread(reference), spread(distorted)


def frozen(metric: FullReferenceMetric, *images: torch.Tensor) -> torch.Tensor:
    """Score images that are on the CPU, on the device of the metric."""
    with torch.inference_mode():
        scores: torch.Tensor = metric(*(image.to(metric.device) for image in images))
        return scores


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest relative difference of single values."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return ((found - expected).abs() / expected.abs().clamp(min=1e-30)).max().item()


def map_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the mean absolute difference of maps, relative to the mean of the expected ones."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return ((found - expected).abs().mean() / expected.mean()).item()
