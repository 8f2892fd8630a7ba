"""The contract that metrics of this package and of other libraries satisfy."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric

MAKERS: dict[str, Callable[[], FullReferenceMetric]] = {
    "lite": lambda: innersight.create_metric("lite"),
    "lite cos": lambda: innersight.create_metric("lite", distance="cos"),
    "ssim": lambda: innersight.create_metric("ssim"),
    "gmsd": lambda: innersight.create_metric("gmsd"),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys())
def metric(request: pytest.FixtureRequest) -> FullReferenceMetric:
    made: FullReferenceMetric = request.param()
    return made


class Least(FullReferenceMetric):
    """Defines what a subclass must define, and nothing else."""

    name = "least"
    higher_is_better = False
    device = torch.device("cpu")
    runtime_name = "torch"
    citation = "least"

    def describe(self) -> dict[str, Any]:
        return {"citation": self.citation}

    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        return (reference - distorted).abs().flatten(1).sum(1)


def test_every_part_of_the_contract_has_its_type(metric: FullReferenceMetric) -> None:
    image = torch.rand(2, 3, 96, 112)
    scores = metric(image, image)
    assert scores.shape == (2,)
    assert (scores.dtype, scores.device) == (metric.dtype, metric.device)
    for flag in (metric.higher_is_better, metric.is_differentiable, metric.has_map, metric.has_layers):
        assert isinstance(flag, bool)
    for text in (metric.name, metric.citation, metric.runtime_name):
        assert text
        assert "\n" not in text


def test_the_description_is_json_and_holds_the_citation(metric: FullReferenceMetric) -> None:
    record = metric.describe()
    assert json.loads(json.dumps(record)) == record
    assert record["name"] == metric.name
    assert record["citation"] == metric.citation
    assert record["device"] == str(metric.device)
    assert record["runtime"] == metric.runtime_name
    assert record["versions"]["torch"] == version("torch")


def test_flags_say_whether_layers_and_a_map_can_be_computed(metric: FullReferenceMetric) -> None:
    pair = torch.rand(1, 3, 96, 112), torch.rand(1, 3, 96, 112)
    if metric.has_layers:
        assert metric.per_layer(*pair).shape == (1, len(metric.layer_names))
    else:
        assert metric.layer_names == ()
        with pytest.raises(ArgumentError, match=f"The metric {metric.name} has no layers: use a metric of features"):
            metric.per_layer(*pair)
    if metric.has_map:
        assert metric.map(*pair).shape == (1, 96, 112)
    else:
        with pytest.raises(ArgumentError, match=rf"{metric.name}.* has no map|A map needs a term"):
            metric.map(*pair)


def test_a_subclass_may_define_only_what_is_abstract() -> None:
    least = Least()
    image = torch.rand(1, 3, 8, 8)
    assert least(image, image).item() == 0
    assert (least.dtype, least.is_differentiable, least.has_layers, least.has_map) == (
        torch.float32,
        False,
        False,
        False,
    )
    with pytest.raises(ArgumentError, match="The metric least has no map: use a metric of features, such as 'lite'"):
        least.map(image, image)


def test_a_subclass_without_an_abstract_part_cannot_be_made() -> None:
    partial = type("Partial", (FullReferenceMetric,), {"forward": Least.forward})
    with pytest.raises(TypeError, match="abstract"):
        partial()


def test_the_engine_scores_any_metric_of_the_contract(tmp_path: Path) -> None:
    from PIL import Image

    for name, sigma in (("a.png", 20), ("b.png", 60)):
        Image.effect_noise((40, 30), sigma).convert("RGB").save(tmp_path / name)
    (row,) = innersight.score_pairs([(tmp_path / "a.png", tmp_path / "b.png")], {"mine": Least()})
    reference, distorted = (
        torch.from_numpy(innersight.read_image(tmp_path / name))[None] for name in ("a.png", "b.png")
    )
    assert row.scores["mine"] == pytest.approx(Least()(reference, distorted).item())
