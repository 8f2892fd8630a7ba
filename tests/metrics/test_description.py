"""The citation and the description hold what decided a score, and no parameter without effect."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import innersight
from innersight.metrics.description import cite, describe

VIT = "vit_tiny_patch16_224"


def test_the_citation_is_one_line_with_all_that_decides_a_score() -> None:
    metric = innersight.create_metric("lite", layers="last-2", changes={"views.main.normalisation": "backbone"})
    assert metric.citation == (
        f"innersight {innersight.__version__} lite: main = tf_efficientnet_lite0 (weights sha256:579344248a93; features "
        "intermediate, input short=256, chroma half, normalisation backbone); features 1 (layers 3-4, distance l2, "
        "pooling rms), moments 1.5 (layers 2-4, order 4), thumbnail 0.4 (distance l2, cells 8, pooling rms), chroma 0.2 "
        f"(power 4); scale log, mean of terms; float32, torch (torch {version('torch')})"
    )


def test_weights_from_a_file_are_not_cited_by_the_tag_of_others(cnn_weights: Path) -> None:
    metric = innersight.create_metric("lite", backbone="resnet18", weights=cnn_weights)
    assert ": main = resnet18 (weights sha256:" in metric.citation
    view = metric.describe()["views"]["main"]
    assert view["timm_name"] == "resnet18"
    assert view["weights"]["file"] == cnn_weights.name


def test_options_layers_and_windows_are_cited(vit_weights: Path) -> None:
    metric = innersight.create_metric(
        "paper",
        backbone=VIT,
        weights=vit_weights,
        distance="swd",
        layers=[0, 5],
        changes={"terms.features.options.seed": 7},
    )
    assert "features intermediate, input window=224,stride=200); " in metric.citation
    assert "features 1 (layers 0,5, distance swd, options seed=7" in metric.citation
    assert metric.describe()["terms"]["features"]["options"]["seed"] == 7


def test_a_parameter_without_effect_is_none(vit_weights: Path) -> None:
    metric = innersight.create_metric("paper", backbone=VIT, weights=vit_weights, distance="skld")
    record = metric.describe()
    assert record["terms"]["features"]["pooling"] is None
    assert record["views"]["main"]["resize"] is None
    assert record["views"]["main"]["window_pooling"] == "mean"
    assert innersight.create_metric("lite").describe()["views"]["main"]["window_pooling"] is None
    assert "pooling" not in metric.citation.partition("; features")[2]


def test_the_description_has_weights_layers_and_columns(vit_weights: Path) -> None:
    record = innersight.create_metric("paper", backbone=VIT, weights=vit_weights).describe()
    weights = record["views"]["main"]["weights"]
    assert weights["source"] == "file"
    assert weights["digest"].startswith("sha256:")
    assert record["terms"]["features"]["layers"] == list(range(12))
    assert record["per_layer"] == [f"layer {index}" for index in range(12)]
    assert (record["scale"], record["reduce"]) == ("linear", "sum")


def test_a_term_of_weight_zero_is_not_described() -> None:
    metric = innersight.create_metric("lite", changes={"terms.moments.weight": 0})
    assert list(metric.describe()["terms"]) == ["features", "thumbnail", "chroma"]
    assert "moments" not in metric.citation


@pytest.mark.thorough
def test_every_change_that_changes_a_score_changes_the_citation() -> None:
    texts = [
        "lite", "lite:layers=0,1", "lite:distance=rel-l2", "lite:input=native", "lite:scale=linear", "lite:reduce=sum",
        "lite:views.main.chroma=full", "lite:views.main.normalisation=backbone", "lite:terms.features.pooling=mean",
        "lite:terms.features.weight=2", "lite:terms.moments.order=8", "lite:terms.moments.layers=last-2",
        "lite:terms.thumbnail.cells=4", "lite:terms.thumbnail.distance=rel-l2", "lite:terms.thumbnail.pooling=mean",
        "lite:terms.chroma.power=2",
    ]  # fmt: skip
    made = innersight.create_metrics(texts)
    assert len({metric.citation for metric in made.values()}) == len(texts)
    image = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    other = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert len({metric(image, other).item() for metric in made.values()}) == len(texts)


def test_the_metric_returns_what_is_written_here() -> None:
    metric = innersight.create_metric("lite")
    assert metric.citation == cite(metric.config, metric.comparisons)
    record = describe(metric.config, metric.comparisons)
    assert record.items() <= metric.describe().items()
    assert set(metric.describe()) - set(record) == {"per_layer", "precision", "runtime", "device", "citation"}
    assert json.loads(json.dumps(metric.describe())) == metric.describe()
