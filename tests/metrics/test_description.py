"""The citation and the description say what decided a score, and no more."""

from __future__ import annotations

from pathlib import Path

import innersight
from innersight.metrics.description import cite, describe


def test_the_citation_is_one_line_with_all_that_decides_a_score() -> None:
    metric = innersight.create_metric("lite", layers="last-2", normalisation="backbone")
    assert metric.citation == (
        f"innersight {innersight.__version__} lite: tf_efficientnet_lite0 (weights sha256:579344248a93), "
        "intermediate layers 3-4 of 5, input short=256, chroma half, normalisation backbone, "
        "l2, spread 1.5 (order 4, layers 2-4), log, colour 0.4, tint 0.2, rms over positions, mean over layers, float32"
    )


def test_weights_from_a_file_are_not_cited_by_the_tag_of_others(cnn_weights: Path) -> None:
    metric = innersight.create_metric("lite", backbone="resnet18", weights=cnn_weights)
    assert ": resnet18 (weights sha256:" in metric.citation
    assert metric.describe()["timm_name"] == "resnet18"


def test_seed_layers_and_windows_are_in_it(vit_weights: Path) -> None:
    metric = innersight.create_metric(
        "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance="swd", seed=7, layers=[0, 5]
    )
    assert "intermediate layers 0,5 of 12, input window=224,stride=200" in metric.citation
    assert metric.citation.endswith("swd (seed 7), float32")


def test_the_description_says_what_was_not_used(vit_weights: Path) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance="skld")
    said = metric.describe()
    assert said["position_pooling"] is None
    assert said["layer_pooling"] is None
    assert said["seed"] is None
    assert said["weights"]["source"] == "file"
    assert said["weights"]["digest"].startswith("sha256:")
    assert said["layers"] == list(range(12))
    assert said["per_layer"] == [f"layer {index}" for index in range(12)]


def test_the_metric_gives_what_is_written_here() -> None:
    metric = innersight.create_metric("lite")
    assert metric.citation == cite(metric)
    assert metric.describe() == describe(metric)
