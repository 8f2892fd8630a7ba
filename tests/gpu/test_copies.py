"""A metric moves to a device and back, and its copies keep device and score."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

import innersight
from gpu_device import DEVICE, IS_CUDA, cuda_only, difference, frozen, pair, skip_without_device
from innersight import FeatureMetric
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric

skip_without_device()

IMAGES = pair(2)


def is_same(metric: FullReferenceMetric, wanted: torch.Tensor) -> bool:
    """Compare scores: kernels of a GPU depend on layout and free memory, those of the CPU do not."""
    found = frozen(metric, *IMAGES)
    return difference(found, wanted) < 1e-6 if IS_CUDA else torch.equal(found, wanted)


@pytest.fixture(scope="module")
def wanted(there: FeatureMetric) -> torch.Tensor:
    return frozen(there, *IMAGES)


def test_to_moves_one_metric_there_and_back(here: FeatureMetric, wanted: torch.Tensor) -> None:
    moved, other = innersight.create_metrics(["lite", "lite:distance=channel-cos"]).values()
    moved.to(DEVICE)
    assert (moved.device, other.device) == (DEVICE, torch.device("cpu"))
    assert is_same(moved, wanted)
    assert is_same(moved.to("cpu"), frozen(here, *IMAGES))


def test_a_parent_module_moves_the_metric_and_its_half_keeps_float32(wanted: torch.Tensor) -> None:
    metric = innersight.create_metric("lite")
    parent = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), metric).to(DEVICE)
    assert len(list(parent.parameters())) == 2
    assert metric.device == DEVICE
    assert is_same(metric, wanted)
    parent.half()
    assert metric.dtype == torch.float32
    assert is_same(metric, wanted)


def test_copies_and_pickles_keep_device_and_score(there: FeatureMetric, wanted: torch.Tensor) -> None:
    for made in (copy.deepcopy(there), pickle.loads(pickle.dumps(there))):
        assert made.device == DEVICE
        assert is_same(made, wanted)


def test_torch_load_maps_a_saved_metric_to_the_cpu(there: FeatureMetric, here: FeatureMetric) -> None:
    saved = io.BytesIO()
    torch.save(there, saved)
    saved.seek(0)
    loaded = torch.load(saved, map_location="cpu", weights_only=False)
    assert loaded.device == torch.device("cpu")
    assert is_same(loaded, frozen(here, *IMAGES))


@cuda_only
def test_images_on_another_device_are_refused_in_one_line(there: FeatureMetric) -> None:
    with pytest.raises(ArgumentError, match=rf"`reference` must be on {DEVICE} as the metric is, but got cpu") as error:
        there(*IMAGES)
    assert len(str(error.value).splitlines()) == 1


def test_to_float64_on_the_device() -> None:
    metric = innersight.create_metric("lite", device=DEVICE).to(torch.float64)
    assert metric.dtype == torch.float64
    assert torch.isfinite(frozen(metric, *(image.double() for image in IMAGES))).all()
