"""The modules of the graphs compute what the metric computes, before any export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.export.modules import Compare, Extract, Map, split, view_graphs
from innersight.metrics.feature_metric import FeatureMetric
from standins import tensor_pair


def sizes(metric: FeatureMetric, height: int, width: int) -> list[torch.Tensor]:
    """Return the inputs of `Extract` after the image."""
    found = []
    for comparison in metric.comparisons:
        extractor = comparison.extractor
        prepared = extractor.prepared_size(height, width)
        found += [torch.zeros(side) for side in prepared]
        grid = extractor.grid(*prepared)
        if grid is not None:
            corners = torch.tensor(grid.corners)
            found += [corners[:, axis : axis + 1] + torch.arange(grid.window) for axis in (0, 1)]
    return found


@pytest.fixture(params=["lite", "windows", "best"])
def metric(request: pytest.FixtureRequest, vit_weights: Path, small_dino: Path) -> FeatureMetric:
    if request.param == "windows":
        made = innersight.create_metric(
            "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="window=64,stride=48", layers=(1, 5)
        )
    else:
        made = innersight.create_metric(request.param, weights=small_dino if request.param == "best" else None)
    assert isinstance(made, FeatureMetric)
    return made


@pytest.mark.thorough
def test_features_score_parts_and_map_are_those_of_the_metric(metric: FeatureMetric) -> None:
    reference, distorted = tensor_pair(150, 110, seed=3)
    vectors = sizes(metric, 150, 110)
    views = view_graphs(metric)
    prefixes = [1 if view.comparison.extractor.source.kind == "tokens" else None for view in views]
    with torch.inference_mode():
        extract = Extract(views)
        features = (*extract(reference, *vectors), *extract(distorted, *vectors))
        score, parts = Compare(views, prefixes)(*features)
        shown = Map(views, prefixes)(*features, torch.zeros(150), torch.zeros(110), *vectors)
        torch.testing.assert_close(score, metric(reference, distorted), rtol=1e-6, atol=0)
        torch.testing.assert_close(parts, metric.per_layer(reference, distorted)[0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(shown, metric.map(reference, distorted)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_the_metric_itself_is_left_as_it_is(metric: FeatureMetric) -> None:
    before = [type(module) for comparison in metric.comparisons for module in comparison.extractor.backbone.modules()]
    view_graphs(metric)
    after = [type(module) for comparison in metric.comparisons for module in comparison.extractor.backbone.modules()]
    assert before == after


def test_features_are_split_by_view_and_side(metric: FeatureMetric) -> None:
    views = view_graphs(metric)
    names = [(side, name) for side in ("reference", "distorted") for view in views for name in view.names]
    tensors = [torch.tensor(index) for index in range(len(names))]
    for view, *sides in split(views, tensors):
        for side, found in zip(("reference", "distorted"), sides, strict=True):
            assert [names[int(tensor)] for tensor in found] == [(side, name) for name in view.names]
