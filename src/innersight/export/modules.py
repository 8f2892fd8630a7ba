"""Torch modules with the graphs of a bundle as their forward passes: extract, compare, compare with a mask, and map.

Sizes that a graph computes from the size of the image come in as vectors whose lengths are the sizes. So torch's
exporter knows each size by a symbol of its own. `innersight.export.sizes` computes them in the graph.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from innersight.export.same_padding import replace_same_padding
from innersight.metrics.feature_batch import ViewFeatures, layer_key
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.view_comparison import ViewComparison, to_size
from innersight.preprocess.resize import resize
from innersight.runtimes.eager import Eager


@dataclass(frozen=True)
class ViewGraph:
    """A view of a metric, made ready for export.

    Attributes:
        comparison: The comparison of the view, on a copy of the network.
        keys: The keys of its features, in the order of the graph's outputs.
    """

    comparison: ViewComparison
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the view."""
        return self.comparison.extractor.view.name

    @property
    def window(self) -> int | None:
        """Side of the sliding windows, pixels; None where images are used whole."""
        return self.comparison.extractor.window

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features in the graphs, such as `main.layer_0`."""
        return tuple(f"{self.name}.{key.replace(' ', '_')}" for key in self.keys)

    def features(
        self, tensors: Sequence[torch.Tensor], grid: tuple[int, int] | None, size: tuple[int, int]
    ) -> ViewFeatures:
        """Return tensors in the order of `keys` as features."""
        kind = self.comparison.extractor.source.kind
        return ViewFeatures(kind, dict(zip(self.keys, tensors, strict=True)), grid, 1, size, "")

    def is_layer(self, key: str) -> bool:
        """Return whether a feature comes from the network and not from pixels alone."""
        return key in {layer_key(index) for index in self.comparison.layers}


def view_graphs(metric: FeatureMetric) -> tuple[ViewGraph, ...]:
    """Return the views of a metric on copies of its networks that can be exported.

    Args:
        metric: A metric of float32 on the CPU.
    """
    found = []
    for comparison in copy.deepcopy(metric.comparisons):
        extractor = comparison.extractor
        extractor.backbone.to(memory_format=torch.contiguous_format)
        replace_same_padding(extractor.backbone)
        extractor.runtime = Eager(extractor.backbone)
        keys = (*map(layer_key, comparison.layers), *(pixel.key for pixel in comparison.pixels))
        found.append(ViewGraph(comparison, keys))
    return tuple(found)


class Extract(nn.Module):
    """Computes the features of all views of an image.

    The inputs are the image (1, 3, H, W) and, for each view, two vectors as long as the rows and columns of the resized
    image. For a view with windows, two tensors (K, side) follow: the indices of the rows and of the columns of each
    window.
    """

    def __init__(self, views: Sequence[ViewGraph]) -> None:
        super().__init__()
        self.views = views
        self.networks = nn.ModuleList(view.comparison.extractor.backbone for view in views)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the features in the order of the views and their keys."""
        image, *left = inputs
        found: list[torch.Tensor] = []
        for view in self.views:
            extractor, comparison = view.comparison.extractor, view.comparison
            size = left.pop(0).shape[0], left.pop(0).shape[0]
            shown = resize(image, size) if extractor.view.input.short_side is not None else image
            if view.window is not None:
                rows, columns = left.pop(0), left.pop(0)
                shown = shown[0][:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)
            features = extractor.features(shown, comparison.layers, comparison.pixels, size=size, batch=1)
            found += [features.tensors[key] for key in view.keys]
        return tuple(found)


class Compare(nn.Module):
    """Computes the score (1,) and the parts of the layers (layers,) from the features of both images."""

    def __init__(self, views: Sequence[ViewGraph], prefixes: Sequence[int | None]) -> None:
        super().__init__()
        self.views = views
        self.prefixes = prefixes

    def forward(self, *features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the score and the parts of the layers."""
        scores, layers = [], []
        for view, reference, distorted in split(self.views, features):
            prefix = self.prefixes[self.views.index(view)]
            # A comparison needs the number of tokens with a position only.
            grid = None if prefix is None else (reference[0].shape[1] - prefix, 1)
            r, d = (view.features(side, grid, (0, 0)) for side in (reference, distorted))
            scores.append(view.comparison.score(r, d).mean(0, keepdim=True))
            layers.append(view.comparison.score_layers(r, d).mean(0))
        return torch.stack(scores).sum(0), torch.cat(layers)


class CompareMasked(nn.Module):
    """Computes what `Compare` computes, of what a mask covers.

    After the features, the inputs are the weight of each position, for each feature, and the weights of the windows.
    """

    def __init__(self, views: Sequence[ViewGraph], prefixes: Sequence[int | None]) -> None:
        super().__init__()
        self.views = views
        self.prefixes = prefixes

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the score and the parts of the layers."""
        *tensors, windows = inputs
        count = sum(len(view.keys) for view in self.views)
        weights = tensors[2 * count :]
        scores, layers = [], []
        for view, reference, distorted in split(self.views, tensors[: 2 * count]):
            own, weights = weights[: len(view.keys)], weights[len(view.keys) :]
            prefix = self.prefixes[self.views.index(view)]
            grid = None if prefix is None else (reference[0].shape[1] - prefix, 1)
            r, d = (view.features(side, grid, (0, 0)) for side in (reference, distorted))
            by_key = dict(zip(view.keys, own, strict=True))
            score, parts = view.comparison.score_in_mask(r, d, by_key, windows)
            scores.append(score)
            layers.append(parts)
        return torch.stack(scores).sum(0), torch.cat(layers)


class Map(nn.Module):
    """Computes the map (H, W) from the features of both images.

    After the features, the inputs are vectors as long as the rows and columns of the image, then those of `Extract`.
    """

    def __init__(self, views: Sequence[ViewGraph], prefixes: Sequence[int | None]) -> None:
        super().__init__()
        self.views = views
        self.prefixes = prefixes

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return the map."""
        count = 2 * sum(len(view.keys) for view in self.views)
        features, left = inputs[:count], list(inputs[count:])
        image_size = left.pop(0).shape[0], left.pop(0).shape[0]
        maps = []
        for view, reference, distorted in split(self.views, features):
            height, width = left.pop(0).shape[0], left.pop(0).shape[0]
            indices = None if view.window is None else (left.pop(0), left.pop(0))
            if not view.comparison.map_terms:
                continue
            shown = (height, width) if view.window is None else (view.window, view.window)
            prefix = self.prefixes[self.views.index(view)]
            sides = [list(reference), list(distorted)]
            grid = None
            if prefix is not None:
                multiple = view.comparison.extractor.backbone.multiple
                grid = (shown[0] // multiple, shown[1] // multiple)
                sides = [_on_grid(view, side, prefix, grid) for side in sides]
            r, d = (view.features(side, grid, shown) for side in sides)
            found = view.comparison.map(r, d, shown)
            if indices is None:
                whole = found
            else:
                # Not index_put: ScatterND of ONNX Runtime loses values where several threads add to one pixel.
                pixels = (indices[0][:, :, None] * width + indices[1][:, None, :]).flatten()
                empty = torch.zeros(height * width)
                total = empty.scatter_add(0, pixels, found.flatten())
                windows = empty.scatter_add(0, pixels, torch.ones_like(pixels, dtype=empty.dtype))
                whole = (total / windows).view(1, height, width)
            maps.append(to_size(whole, image_size)[0])
        return torch.stack(maps).sum(0)


def _on_grid(
    view: ViewGraph, tensors: Sequence[torch.Tensor], prefix: int, grid: tuple[int, int]
) -> list[torch.Tensor]:
    """Give the tokens of layers the length that the grid has, so that the exporter knows that both are equal."""
    positions = torch.arange(grid[0] * grid[1]) + prefix
    return [
        torch.cat((tensor[:, :prefix], tensor.index_select(1, positions)), 1) if view.is_layer(key) else tensor
        for key, tensor in zip(view.keys, tensors, strict=True)
    ]


def split(
    views: Sequence[ViewGraph], features: Sequence[torch.Tensor]
) -> list[tuple[ViewGraph, Sequence[torch.Tensor], Sequence[torch.Tensor]]]:
    """Split the features of the reference, then those of the distorted image, by view."""
    half = len(features) // 2
    found = []
    first = 0
    for view in views:
        after = first + len(view.keys)
        found.append((view, features[first:after], features[half + first : half + after]))
        first = after
    return found
