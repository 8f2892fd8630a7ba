"""The alternatives of research/trials.py, and that without an alternative its score is that of `lite`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import innersight
from innersight.metrics.feature_batch import ViewFeatures
from standins import tensor_pair

RESEARCH = Path(__file__).parents[2] / "research"
ALL_FEATURES = "layers=all:terms.thumbnail.type=thumbnail:terms.chroma.type=chroma_range"
WITHOUT_POSITIONS = [
    "standard deviations",
    "means",
    "means and standard deviations, half each",
    "sorted channels (Wasserstein)",
    "Gram matrix",
]


@pytest.fixture(scope="module")
def trials() -> Iterator[ModuleType]:
    """The script as a module. Its folder comes first on the path, because it imports its neighbours."""
    sys.path.insert(0, str(RESEARCH))
    try:
        yield importlib.import_module("trials")
    finally:
        sys.path.remove(str(RESEARCH))


@pytest.fixture
def maps() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    r = torch.randn(1, 6, 12, 15, generator=draw)
    return r, r + 0.3 * torch.randn(r.shape, generator=draw)


@torch.inference_mode()
def test_without_an_alternative_the_weighted_sum_is_the_score_of_lite(trials: ModuleType) -> None:
    reference, distorted = tensor_pair(300, 280, 1)
    metric = innersight.create_metric(f"lite:{ALL_FEATURES}")

    def extract(image: torch.Tensor) -> ViewFeatures:
        return metric.extract_features(image).views[0]

    found = trials.measure({"smooth": extract}, [(reference, distorted)], {})
    lite = innersight.create_metric("lite")
    weight = sum(term.weight for term in lite.config.active_terms)
    assert trials.weighted(found)[0] / weight == pytest.approx(lite(reference, distorted).item(), rel=1e-5)


@torch.inference_mode()
def test_every_alternative_is_0_for_equal_features_and_positive_for_noise(trials: ModuleType, maps: tuple) -> None:
    metric = innersight.create_metric(f"lite:{ALL_FEATURES}")
    photograph = trials.Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))
    choices = trials.first_layer_choices(metric, [photograph])
    first = metric.extract_features(tensor_pair(96, 128, 0)[0]).views[0].tensors["layer 0"]
    assert len(choices) == 7
    for name, choice in choices.items():
        assert choice(first, first).item() == 0, name
        assert choice(first, 1.5 * first).item() > 0, name
    r, d = maps
    for name, choice in trials.DEEP_CHOICES.items():
        assert choice(r, r).item() == pytest.approx(0, abs=1e-9), name
        assert choice(r, d).item() > 1e-4, name


@pytest.mark.parametrize("name", WITHOUT_POSITIONS)
def test_alternatives_without_positions_ignore_a_shift(trials: ModuleType, maps: tuple, name: str) -> None:
    r, _ = maps
    assert trials.DEEP_CHOICES[name](r, r.roll((3, 4), (2, 3))).item() == pytest.approx(0, abs=1e-9)


def test_the_other_alternatives_respond_to_a_shift(trials: ModuleType, maps: tuple) -> None:
    r, _ = maps
    for name in trials.DEEP_CHOICES.keys() - {*WITHOUT_POSITIONS}:
        assert trials.DEEP_CHOICES[name](r, r.roll((3, 4), (2, 3))).item() > 1e-3, name


def test_the_nearest_position_ignores_a_shift_by_one(trials: ModuleType, maps: tuple) -> None:
    r, _ = maps
    wide = torch.nn.functional.pad(
        r, (1, 1, 1, 1), mode="replicate"
    )  # so that the shift brings no new values at the border
    assert trials.nearest(wide[..., 1:], wide[..., :-1]).item() == 0
    assert trials.nearest(wide[..., 2:], wide[..., :-2]).item() > 0
