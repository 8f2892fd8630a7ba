"""The trials' own terms: what is compared in the place of a term of `lite`, and that the rest is `lite`."""

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
from standins import tensor_pair

RESEARCH = Path(__file__).parents[2] / "research"
ORDER_FREE = [
    "deviations",
    "means",
    "means and deviations, half each",
    "sorted channels (Wasserstein)",
    "Gram matrix",
]


@pytest.fixture(scope="module")
def trials() -> Iterator[ModuleType]:
    """Imported as it runs: its folder first on the path, for it takes from its neighbours."""
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
def test_weighed_as_lite_they_are_lites_score(trials: ModuleType) -> None:
    reference, distorted = tensor_pair(300, 280, 1)
    metric = innersight.create_metric("lite:layers=all:colour=1:tint=1")
    found = trials.measure({"smooth": metric.look}, [(reference, distorted)], {})
    lite = innersight.create_metric("lite")
    assert trials.weighed(found)[0] / lite.weight == pytest.approx(lite(reference, distorted).item(), rel=1e-5)


@torch.inference_mode()
def test_every_choice_is_0_for_equal_features_and_sees_noise(trials: ModuleType, maps: tuple) -> None:
    metric = innersight.create_metric("lite:layers=all:colour=1:tint=1")
    photograph = trials.Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))
    structure = trials.structures(metric, [photograph])
    first = metric.look(tensor_pair(96, 128, 0)[0]).features.layers[0]
    for name, choice in structure.items():
        assert choice(first, first).item() == 0, name
        assert choice(first, 1.5 * first).item() > 0, name
    r, d = maps
    for name, choice in trials.SPREAD.items():
        assert choice(r, r).item() == pytest.approx(0, abs=1e-9), name
        assert choice(r, d).item() > 1e-4, name


@pytest.mark.parametrize("name", ORDER_FREE)
def test_order_free_choices_are_blind_to_where_things_are(trials: ModuleType, maps: tuple, name: str) -> None:
    r, _ = maps
    assert trials.SPREAD[name](r, r.roll((3, 4), (2, 3))).item() == pytest.approx(0, abs=1e-9)


def test_the_others_are_not(trials: ModuleType, maps: tuple) -> None:
    r, _ = maps
    for name in trials.SPREAD.keys() - {*ORDER_FREE}:
        assert trials.SPREAD[name](r, r.roll((3, 4), (2, 3))).item() > 1e-3, name


def test_the_nearest_position_forgives_a_shift_by_one(trials: ModuleType, maps: tuple) -> None:
    r, _ = maps
    wide = torch.nn.functional.pad(r, (1, 1, 1, 1), mode="replicate")  # so that nothing new comes in at the border
    assert trials.nearest(wide[..., 1:], wide[..., :-1]).item() == 0
    assert trials.nearest(wide[..., 2:], wide[..., :-2]).item() > 0
