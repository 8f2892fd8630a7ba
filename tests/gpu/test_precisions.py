"""Precisions stay within their tolerances of float64, and a caller's autocast has no effect."""

from __future__ import annotations

import pytest
import torch

import innersight
from gpu_device import DEVICE, IS_CUDA, SIXTEEN_BITS, SIZES, difference, frozen, on_device, pair, skip_without_device
from innersight import FeatureMetric

skip_without_device()

TOLERANCE = {"fp64": 1e-9, "fp32": 1e-5, "fp16": 3e-2, "bf16": 3e-1}
"""Largest relative difference from float64 on the CPU, for strong distortions."""


@pytest.mark.parametrize("precision", ["fp64", "fp32", *SIXTEEN_BITS])
def test_scores_are_within_the_tolerance_of_float64(exact: FeatureMetric, precision: str) -> None:
    metric = innersight.create_metric("lite", device=DEVICE, precision=precision)
    for index in range(len(SIZES)):
        images = pair(index)
        found = frozen(metric, *(image.to(metric.dtype) for image in images))
        wanted = frozen(exact, *(image.double() for image in images))
        assert difference(found, wanted) < TOLERANCE[precision], index


@pytest.mark.parametrize("precision", SIXTEEN_BITS)
def test_gradients_through_16_bits_are_finite_and_autocast_is_off_afterwards(precision: str) -> None:
    metric = innersight.create_metric("lite", device=DEVICE, precision=precision)
    images = [image.requires_grad_() for image in on_device(*pair(2))]
    for gradient in torch.autograd.grad(metric(*images).sum(), images):
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0
    assert not torch.is_autocast_enabled(DEVICE.type)


def test_a_caller_s_autocast_changes_nothing_and_stays_as_it_is(there: FeatureMetric) -> None:
    reference, distorted = on_device(*pair(0))
    calls = (there, there.per_layer, there.map)
    wanted = [call(reference, distorted) for call in calls]
    dtype = torch.float16 if IS_CUDA else torch.bfloat16
    square = torch.ones(2, 2, device=DEVICE)
    with torch.autocast(DEVICE.type, dtype):
        found = [call(reference, distorted) for call in calls]
        apart = there.compare_features(there.extract_features(reference), there.extract_features(distorted))
        assert torch.is_autocast_enabled(DEVICE.type)
        assert torch.get_autocast_dtype(DEVICE.type) == dtype
        assert (square @ square).dtype == dtype
    for inside, outside in zip(found, wanted, strict=True):
        assert (inside - outside).abs().max() <= 1e-6 * outside.abs().max()
    assert difference(apart, wanted[0]) < 1e-5
