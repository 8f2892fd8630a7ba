"""The metric of intermediate features, as a torch module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.description import cite, describe
from innersight.metrics.feature_batch import FeatureBatch
from innersight.metrics.view_comparison import ViewComparison, to_size
from innersight.metrics.view_extractor import ViewExtractor, own_precision, size_of
from innersight.preprocess.validation import check_pair
from innersight.preprocess.windows import cut_windows


class FeatureMetric(FullReferenceMetric):
    """A metric that compares features of pretrained networks: 0 for identical images, higher for larger differences.

    `innersight.create_metric` makes it. It is frozen and always in evaluation mode. It is differentiable with respect
    to both images, with a gradient of zero where they are identical. Scores have no upper bound and no unit; only
    scores of one configuration can be compared. Both arguments are (N, 3, H, W) tensors, sRGB in [0, 1], of the
    metric's dtype and device. The views of the configuration say how images are resized and normalised; nothing else
    is done to them.

    Args:
        config: The configuration.
        extractors: One extractor for each view of the configuration that an active term compares, in that order.
        validate: Check that pixel values are in [0, 1]. The check waits for the device. Default: True.

    Attributes:
        is_differentiable: True.
        config: The configuration.
        comparisons: One comparison for each view.

    Raises:
        ArgumentError: If a term is not defined for the features of its view.

    Example:
        >>> import innersight
        >>> metric = innersight.create_metric("lite")
        >>> reference = torch.rand(2, 3, 96, 128)
        >>> metric(reference, reference)
        tensor([0., 0.])
        >>> metric.per_layer(reference, (reference + 0.1).clamp(0, 1)).shape
        torch.Size([2, 6])
        >>> metric.map(reference, (reference + 0.1).clamp(0, 1)).shape
        torch.Size([2, 96, 128])
    """

    is_differentiable = True

    def __init__(self, config: MetricConfig, extractors: Sequence[ViewExtractor], *, validate: bool = True) -> None:
        super().__init__()
        self.validate = validate
        self.config = config
        # A tuple of objects that are no modules: an enclosing model's optimizer, `apply`, `requires_grad_`,
        # `load_state_dict` and checkpoints must not reach frozen weights, whose digest the citation states.
        self.comparisons = tuple(ViewComparison(config, extractor) for extractor in extractors)
        super().train(False)

    @property
    def name(self) -> str:
        """The name of the configuration."""
        return self.config.name

    @property
    def higher_is_better(self) -> bool:
        """False."""
        return False

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> FeatureMetric:  # noqa: ARG002
        """Move the metric to another device, to float32 or to float64; keep its precision under any other dtype.

        `.half()`, `.bfloat16()` and `.to_empty()` are also called through an enclosing module. A score in 16 bits is a
        different score, and the citation states the digest of the weights.
        """
        mean = self._lead.backbone.mean
        moved = fn(mean)
        dtype = moved.dtype if moved.dtype in (torch.float32, torch.float64) else mean.dtype
        if (moved.device, dtype) == (mean.device, mean.dtype):
            return self
        # Metrics that were made together share their networks. Only this one is moved.
        self.comparisons = copy.deepcopy(self.comparisons)
        for backbone in self.backbones:
            backbone.to(device=moved.device, dtype=dtype)  # and not `fn`, which may change values
        return self

    def train(self, mode: bool = True) -> FeatureMetric:  # noqa: ARG002
        """Stay in evaluation mode, also as a part of a model in training."""
        return super().train(False)

    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Score each pair.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N,), from 0 (identical); lower is more similar.

        Raises:
            ArgumentError: If a tensor's type, shape, dtype, device or range is not as described, or the images are
                smaller than a window.
        """
        parts = self._compare_images(reference, distorted, layers=False)
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute each layer's part of the score: all its terms, weighted as in the score.

        The score is the sum of the parts. It is not for a distance of the stack of all layers (skld, jsd, wsd, swd):
        there each part is the score of that layer alone.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, layers), in the order of `layer_names`.

        Raises:
            ArgumentError: As `forward`.
        """
        return torch.cat(self._compare_images(reference, distorted, layers=True), dim=1)

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute a map of the differences.

        It is the weighted sum of the terms before their pooling over positions, interpolated to the pixels of the
        image; overlapping windows are averaged. Terms and tokens without a position are left out.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, H, W), from 0, in the units of the score before the pooling over positions.

        Raises:
            ArgumentError: As `forward`, or if no term has positions.
        """
        if not self.has_map:
            names = ", ".join(f"{term.name}" for term in self.config.active_terms)
            raise ArgumentError(
                f"A map needs a term with a number for each position, but the terms of {self.name} ({names}) have none:"
                " use distance='l2', 'rel-l2' or 'channel-cos' with features='intermediate', or another metric."
            )
        check_pair(reference, distorted, dtype=self.dtype, device=self.device, check_range=self.validate)
        found = []
        for comparison in self.comparisons:
            if comparison.map_terms:
                with own_precision(self.device):
                    found.append(_map_view(comparison, reference, distorted))
        return found[0] if len(found) == 1 else torch.stack(found).sum(0)

    def extract_features(self, images: torch.Tensor) -> FeatureBatch:
        """Extract the features of images, to compare them with others later: a reference is extracted once.

        The features of all windows are held in memory, unlike in `forward`.

        Args:
            images: (N, 3, H, W) in [0, 1].

        Returns:
            The features, for `compare_features`.

        Raises:
            ArgumentError: As `forward`.

        Example:
            >>> import innersight
            >>> metric = innersight.create_metric("lite")
            >>> reference = metric.extract_features(torch.rand(1, 3, 96, 128))
            >>> metric.compare_features(reference, metric.extract_features(torch.rand(5, 3, 96, 128))).shape
            torch.Size([5])
        """
        return FeatureBatch(tuple(comparison.extract(images) for comparison in self.comparisons))

    def compare_features(self, reference: FeatureBatch, distorted: FeatureBatch) -> torch.Tensor:
        """Score images by their features: the scores of the images themselves, within rounding.

        Args:
            reference: Features of N images, or of one image that all distorted images are compared with.
            distorted: Features of N images.

        Returns:
            (N,), from 0 (identical); lower is more similar.

        Raises:
            ArgumentError: If the features are of another metric, or their sizes or numbers do not fit.
        """
        for name, features in (("reference", reference), ("distorted", distorted)):
            if len(features.views) != len(self.comparisons):
                raise ArgumentError(
                    f"Argument `{name}` has features of {len(features.views)} views, but {self.name} has "
                    f"{len(self.comparisons)}: extract the features with this metric."
                )
        sides = zip(self.comparisons, reference.views, distorted.views, strict=True)
        return torch.stack([comparison.compare(r, d) for comparison, r, d in sides]).sum(0)

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The networks, each once."""
        return tuple({id(c.extractor.backbone): c.extractor.backbone for c in self.comparisons}.values())

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the columns of `per_layer`: `layer 0`, or a term without layers; with the view if not `main`."""
        return tuple(
            label if comparison.extractor.view.name == "main" else f"{comparison.extractor.view.name} {label}"
            for comparison in self.comparisons
            for label in comparison.labels
        )

    @property
    def has_layers(self) -> bool:
        """True."""
        return True

    @property
    def has_map(self) -> bool:
        """Whether a term has a number for each position."""
        return any(comparison.map_terms for comparison in self.comparisons)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the computation; `metric.to(torch.float64)` changes it."""
        return self._lead.dtype

    @property
    def device(self) -> torch.device:
        """The device of the computation; `metric.to("cuda")` changes it."""
        return self._lead.device

    @property
    def precision(self) -> str:
        """The dtype of the computation, and the shorter dtype of the network's products where there is one."""
        return self._lead.precision

    @property
    def runtime_name(self) -> str:
        """The library that runs the networks."""
        return ", ".join(dict.fromkeys(comparison.extractor.runtime.name for comparison in self.comparisons))

    @property
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""
        return cite(self.config, self.comparisons)

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""
        return {
            **describe(self.config, self.comparisons),
            "per_layer": list(self.layer_names),
            "precision": self.precision,
            "runtime": self.runtime_name,
            "device": str(self.device),
            "citation": self.citation,
        }

    @property
    def _lead(self) -> ViewExtractor:
        return self.comparisons[0].extractor

    def _compare_images(self, reference: torch.Tensor, distorted: torch.Tensor, *, layers: bool) -> list[torch.Tensor]:
        """Compare images in each view, window by window: the features of a few windows are held at a time."""
        check_pair(reference, distorted, dtype=self.dtype, device=self.device, check_range=self.validate)
        found = []
        for comparison in self.comparisons:
            extractor = comparison.extractor
            with own_precision(self.device):
                # The two pass separately: in one batch, equal images could differ by rounding.
                sides = (
                    extractor.walk(extractor.prepare(images), comparison.layers, comparison.pixels)
                    for images in (reference, distorted)
                )
                found.append(comparison.mean_over_windows(zip(*sides, strict=True), layers=layers))
        return found


def _map_view(comparison: ViewComparison, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    """Map images in one view, (N, H, W), overlapping windows averaged."""
    extractor = comparison.extractor
    sides = [extractor.prepare(images) for images in (reference, distorted)]
    height, width = size = size_of(sides[0])
    batch = reference.shape[0]

    def compare(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        first, second = (
            extractor.features(x, comparison.layers, comparison.pixels, size=size, batch=batch) for x in (r, d)
        )
        return comparison.map(first, second, size_of(r))

    grid = extractor.grid(height, width)
    if grid is None:
        found = compare(*sides)
    else:
        side = grid.window
        total, count = torch.zeros_like(sides[0][:, 0]), torch.zeros_like(sides[0][0, 0])
        for top, left in grid.corners:
            around = (left, width - left - side, top, height - top - side)
            window = compare(*(cut_windows(images, [(top, left)], side) for images in sides))
            total = total + nn.functional.pad(window, around)
            count[top : top + side, left : left + side] += 1
        found = total / count
    return to_size(found, size_of(reference))
