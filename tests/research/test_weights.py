"""research/weights.py weights the numbers of research/terms.py as the metric does, and refuses numbers that it lacks."""

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


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The scripts terms and weights as modules. Their folder comes first on the path, because one imports the other."""
    sys.path.insert(0, str(RESEARCH))
    try:
        yield importlib.import_module("terms"), importlib.import_module("weights")
    finally:
        sys.path.remove(str(RESEARCH))


@pytest.mark.thorough
@torch.inference_mode()
@pytest.mark.parametrize(
    "text",
    [
        "lite",
        "lite:terms.moments.order=8:terms.moments.layers=all",
        "lite:layers=all:terms.features.pooling=mean:terms.thumbnail.pooling=mean",
    ],
)
def test_the_weighted_numbers_order_pairs_as_the_metric_does(scripts: tuple[ModuleType, ModuleType], text: str) -> None:
    terms, weights = scripts
    extractor = innersight.create_metric(f"lite:{terms.ALL_FEATURES}")
    metric = innersight.create_metric(text)
    saved: dict[str, list[float]] = {}
    scores = []
    for seed in range(4):
        pair = tensor_pair(96, 120, seed)
        views = [extractor.extract_features(image).views[0] for image in pair]
        for name, number in terms.numbers(*views):
            for shown in terms.SHOWN:
                saved.setdefault(f"{shown} lite {name}", []).append(float(np.log1p(number / 1e-5)))
        scores.append(metric(*pair).item())
    arrays = {name: np.array(values) for name, values in saved.items()}
    config = weights.read(text)
    for shown in terms.SHOWN:
        arrays[f"{shown} worse"] = np.array(scores)
    assert len(set(scores)) == 4
    assert weights.agreement(config, weights.saved_views(arrays), arrays) == pytest.approx([1, 1, 1])
    total = sum(
        term.weight * np.mean([arrays[f"LIVE lite {name}"] for name in weights.numbers_of(term, 5)], axis=0)
        for term in config.active_terms
    )
    expected = np.array(scores) * sum(term.weight for term in config.active_terms)
    assert total == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("change", ["distance=rel-l2", "terms.chroma.power=2", "terms.thumbnail.cells=4"])
def test_a_term_whose_numbers_are_not_saved_is_refused(scripts: tuple[ModuleType, ModuleType], change: str) -> None:
    _, weights = scripts
    with pytest.raises(SystemExit, match="numbers of this term are not saved"):
        for term in weights.read(f"lite:{change}").active_terms:
            weights.numbers_of(term, 5)


def test_a_metric_that_is_no_mean_of_logarithms_is_refused(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, weights = scripts
    for text in ("paper", "psnr", "lite:scale=linear"):
        with pytest.raises(SystemExit, match=f"The metric '{text}' is not a weighted mean of logarithms"):
            weights.read(text)


def test_a_view_whose_numbers_are_not_saved_is_refused(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, weights = scripts
    with pytest.raises(SystemExit, match="numbers of this view are not saved"):
        weights.agreement(weights.read("lite:input=short=192"), {"lite": weights.read("lite").views[0]}, {})
