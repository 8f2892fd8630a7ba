"""The difference of the channels' central moments, without regard to positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from innersight.backbones.features import resolve_layers
from innersight.distances.channel_moments import ORDERS, channel_moments
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TERMS, FeatureSource, Term, TermFeatures
from innersight.metrics.values import Layers, check_layers


@TERMS.register("channel_moments")
@dataclass(frozen=True, kw_only=True)
class ChannelMoments(Term):
    """The relative difference of the channels' central moments, one number for each layer.

    See `innersight.distances.channel_moments` for the formula. The term ignores positions: a shifted texture costs
    nothing, a blurred or noisier texture does.

    Attributes:
        name: Default: `moments`.
        layers: Layers to compare: None for all, n for the last n, or indices. Default: all.
        order: Order of the moments, 2 (standard deviation), 4 or 8. Higher orders weight outliers more. Default: 2.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.
    """

    summary: ClassVar[str] = "relative difference of the channels' central moments of each layer"

    name: str = "moments"
    layers: Layers = None
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers(self.path("layers"), self.layers)
        if self.order not in ORDERS or type(self.order) is not int:
            raise ArgumentError(f"Argument `{self.path('order')}` must be one of {ORDERS}, but got {self.order!r}.")

    def check(self, source: FeatureSource) -> None:
        """Check that the features have layers with positions.

        Raises:
            ArgumentError: If the features are an embedding, or a layer does not exist.
        """
        if source.kind == "embedding":
            raise ArgumentError(
                f"The term {self.name!r} needs intermediate features, but the view {self.view!r} has an embedding: use "
                f"features='intermediate', or disable the term with {self.path('weight')}=0."
            )
        self.compared_layers(source)

    def compared_layers(self, source: FeatureSource) -> tuple[int, ...]:
        """Return the indices of the compared layers, ascending."""
        return resolve_layers(self.layers, source.count, self.path("layers"))

    def scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the difference of the moments of each layer: (N, layers), from 0 to 2.

        Tokens without a position (class, register) are left out.
        """
        weights = (None,) * len(reference.layers) if reference.weights is None else reference.weights.layers
        values = [
            channel_moments(
                reference.with_positions(r),
                distorted.with_positions(d),
                self.order,
                None if w is None else reference.with_positions(w),
            )
            for r, d, w in zip(reference.layers, distorted.layers, weights, strict=True)
        ]
        return torch.stack(values, dim=1)

    def accepts_mask(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return True: the moments are then those of the masked positions."""
        return True
