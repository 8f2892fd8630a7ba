"""A named distance between the features of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch

from innersight.backbones.features import resolve_layers
from innersight.distances.numerics import pool
from innersight.distances.registry import DISTANCES, Positional, Rule, Stacked, find_rule
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TERMS, FeatureSource, Term, TermFeatures
from innersight.metrics.values import Layers, check_choice, check_layers

Pooling = Literal["mean", "rms"]


@TERMS.register("feature_distance")
@dataclass(frozen=True, kw_only=True)
class FeatureDistance(Term):
    r"""A named distance between the features of the same layer in both images.

    With a distance :math:`\delta_p` that has a number for each position p, the number of a layer is the mean over
    positions or the root of the mean square:

    .. math:: v = \frac{1}{P} \sum_p \delta_p, \qquad v = \sqrt{\frac{1}{P} \sum_p \delta_p^2}

    A distance of a whole layer gives :math:`v` itself. A distance of the stack of all layers gives one number for
    all layers.

    Attributes:
        name: Default: `features`.
        layers: Layers to compare: None for all, n for the last n, or indices. Default: all.
        distance: Name of a distance of `innersight.distances`. Default: `l2`.
        pooling: `mean` or `rms` (root of the mean square) over positions. It has no effect on a distance without
            positions. Default: `mean`.
        options: Parameters of the distance by name, such as `{"seed": 0}` of `swd`. Default: the distance's own.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.
    """

    summary: ClassVar[str] = "one of the distances below, between the features of each layer"

    name: str = "features"
    layers: Layers = None
    distance: str = "l2"
    pooling: Pooling = "mean"
    options: Mapping[str, object] | tuple[tuple[str, object], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers(self.path("layers"), self.layers)
        check_choice(self.path("pooling"), self.pooling, get_args(Pooling))
        DISTANCES.find(self.distance, argument="distance")
        try:
            pairs = tuple(sorted(dict(self.options).items()))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"Argument `{self.path('options')}` must be a dictionary, but got {self.options!r}."
            ) from None
        object.__setattr__(self, "options", pairs)  # a tuple: the configuration stays frozen and hashable

    def rule(self, source: FeatureSource) -> Rule:
        """Return how the distance is computed for these features.

        Raises:
            ArgumentError: If the distance is not defined for them.
        """
        return find_rule(self.distance, source.kind, source.described)

    def check(self, source: FeatureSource) -> None:
        """Check that the distance is defined for the features, and that its options exist.

        Raises:
            ArgumentError: If not.
        """
        self.rule(source).check_options(dict(self.options))
        self.compared_layers(source)

    def compared_layers(self, source: FeatureSource) -> tuple[int, ...]:
        """Return the indices of the compared layers, ascending.

        Raises:
            ArgumentError: If a layer does not exist.
        """
        if source.kind == "embedding" and self.layers is not None:
            raise ArgumentError(
                f"Argument `{self.path('layers')}` must be None with features='embedding', which has no layers, but "
                f"got {self.layers}."
            )
        return resolve_layers(self.layers, source.count, self.path("layers"))

    def columns(self, source: FeatureSource) -> int:
        """Return the number of columns of `scores`: 1 for a distance of the stack of all layers."""
        return 1 if isinstance(self.rule(source), Stacked) else super().columns(source)

    def scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the distance of each layer, or of the stack of all layers: (N, layers) or (N, 1)."""
        rule = find_rule(self.distance, reference.kind, "this view")
        if isinstance(rule, Stacked):
            r, d = (torch.stack(features.layers, dim=1) for features in (reference, distorted))
            return rule(r, d, **dict(self.options))[:, None]
        return self.layer_scores(reference, distorted)

    def layer_scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the distance of each layer alone: (N, layers)."""
        rule = find_rule(self.distance, reference.kind, "this view")
        weights = (None,) * len(reference.layers) if reference.weights is None else reference.weights.layers
        layers = zip(reference.layers, distorted.layers, weights, strict=True)
        return torch.stack([self._score_layer(rule, r, d, w) for r, d, w in layers], dim=1)

    def accepts_mask(self, source: FeatureSource) -> bool:
        """Return whether the distance has a number for each position of an image."""
        return self.has_map(source)

    def has_map(self, source: FeatureSource) -> bool:
        """Return whether the distance has a number for each position of an image."""
        return isinstance(self.rule(source), Positional) and source.kind != "embedding"

    def maps(self, reference: TermFeatures, distorted: TermFeatures) -> tuple[torch.Tensor, ...]:
        """Compute the distance at each position: one (N, rows, columns) for each layer.

        Tokens without a position (class, register) are left out.
        """
        rule = find_rule(self.distance, reference.kind, "this view")
        found = []
        for r, d in zip(reference.layers, distorted.layers, strict=True):
            positions = reference.with_positions(rule(r, d, **dict(self.options)))
            found.append(positions if reference.grid is None else positions.reshape(-1, *reference.grid))
        return tuple(found)

    def describe(self, source: FeatureSource) -> dict[str, Any]:
        """Return the parameters in JSON types, all options included; `pooling` is None if it has no effect."""
        rule = self.rule(source)
        pooling = self.pooling if isinstance(rule, Positional) else None
        options = {**rule.options, **dict(self.options)}
        return super().describe(source) | {"pooling": pooling, "options": options}

    def _score_layer(
        self, rule: Rule, reference: torch.Tensor, distorted: torch.Tensor, weights: torch.Tensor | None
    ) -> torch.Tensor:
        if isinstance(rule, Stacked):
            return rule(reference[:, None], distorted[:, None], **dict(self.options))
        values = rule(reference, distorted, **dict(self.options))
        return pool(values, self.pooling, weights) if isinstance(rule, Positional) else values
