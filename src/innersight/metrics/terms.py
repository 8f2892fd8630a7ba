"""What is compared: a distance, and the terms beside it, of two images' features."""

from __future__ import annotations

import torch
from torch import nn

from innersight.backbones.features import Backbone, Features, resolve_layers
from innersight.distances.channel_moments import channel_moments
from innersight.distances.chroma_range import chroma_range
from innersight.distances.numerics import safe_pow
from innersight.distances.registry import Layerwise, Positional, Stacked, find_rule
from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig

_CELLS = 8
"""How many cells the picture is averaged over along its short side."""

LOG_FLOOR = 1e-5
"""Where the logarithm of a term turns linear; of a scale-free distance, a third of a percent of amplitude."""

TINT_POWER = 4
"""Of the mean over positions of the tint: small wrong spots of colour are seen before a faint cast."""


class Terms:
    r"""The numbers of a configuration, from features to scores.

    With :math:`\delta_l` the distance of a layer, pooled over positions, :math:`s_l` its `spread`, :math:`\delta_c` the
    distance of the pictures seen from afar, :math:`t` their `tint`, :math:`w` the weights of these and :math:`\lambda`
    the `layer_scale`, the score is the weighted mean

    .. math:: S = \frac{1}{w + w_s + w_c + w_t} \left( \frac{w}{|L|} \sum_{l \in L} \lambda(\delta_l)
        + \frac{w_s}{|L_s|} \sum_{l \in L_s} \lambda(s_l) + w_c \lambda(\delta_c) + w_t \lambda(t) \right)

    or, with the `layer_pooling` "sum", the sum of :math:`w \lambda(\delta_l)`, :math:`w_s \lambda(s_l)` and the others.

    Args:
        config: Its distance must be defined for the features, and its poolings None exactly where there is nothing to
            pool.
        backbone: What the features are of.

    Attributes:
        rule: How the distance is computed.
        layers: Indices of the layers that are compared, ascending, then `picture` and `tint` if they are too.
        picture: Index of the picture itself, one past the network's layers.
        tint: Index of its chroma, two past them.

    Raises:
        ArgumentError: If the distance is not defined for the backbone's features, a layer is not there, or a pooling or
            term is given that the distance leaves no place for.
    """

    def __init__(self, config: MetricConfig, backbone: Backbone) -> None:
        self._config = config
        self._kind = backbone.kind_of(config.features)
        self.rule = find_rule(config.distance, self._kind, whose(config, backbone))
        self._check()
        self.picture, self.tint = backbone.count, backbone.count + 1
        self._compared, self._spread, self._tint = {0: 1.0}, dict[int, float](), 0.0
        if self._kind != "embedding":
            whole = config.weight if config.layer_pooling == "mean" else 1.0
            layers = resolve_layers(config.layers, backbone.count)
            self._compared = self._shares(layers, config.structure / whole) if config.structure else {}
            if config.spread:
                spread_layers = resolve_layers(config.spread_layers, backbone.count, "spread_layers")
                self._spread = self._shares(spread_layers, config.spread / whole)
            if config.colour:
                self._compared[self.picture] = config.colour / whole
            self._tint = config.tint / whole
        own = (self.tint,) if self._tint else ()
        self.layers = (*sorted({*self._compared, *self._spread}), *own)

    @property
    def spread_layers(self) -> tuple[int, ...]:
        """Indices of the layers whose spread is compared, ascending."""
        return tuple(self._spread)

    @property
    def distance_layers(self) -> tuple[int, ...]:
        """Indices of the network's layers that the distance is taken of, ascending."""
        return tuple(layer for layer in self._compared if layer != self.picture)

    @property
    def have_places(self) -> bool:
        """Whether there is anything to map."""
        return bool(self._compared or self._tint)

    def score(self, reference: Features, distorted: Features) -> torch.Tensor:
        """Compute the scores of features that hold `layers`, (N,)."""
        if isinstance(self.rule, Stacked):
            r, d = (torch.stack(features.layers, dim=1) for features in (reference, distorted))
            return self.rule(r, d, self._config.seed)
        return self.score_layers(reference, distorted).sum(1)

    def score_layers(self, reference: Features, distorted: Features) -> torch.Tensor:
        """Compute each layer's part of the score, (N, layers); for a distance of stacks, the score of it alone."""
        return torch.stack(
            [
                self._score_layer(layer, r, d, reference.grid)
                for layer, r, d in zip(self.layers, reference.layers, distorted.layers, strict=True)
            ],
            dim=1,
        )

    def map(self, rule: Positional, reference: Features, distorted: Features, size: tuple[int, int]) -> torch.Tensor:
        """Compute the score's terms before the pooling over positions, at a size in pixels, (N, H, W)."""
        total = reference.layers[0].new_zeros(())
        for layer, r, d in zip(self.layers, reference.layers, distorted.layers, strict=True):
            if layer == self.tint:
                total = total + self._tint * to_size(self._scale(chroma_range(r, d)), size)
            elif layer in self._compared:
                positions = self._scale(_places(rule.function(r, d), reference.grid))
                if reference.grid is not None and positions.ndim == 2:  # tokens; cells lie on a grid already
                    positions = positions.reshape(-1, *reference.grid)
                total = total + self._compared[layer] * to_size(positions, size)
        return total

    def _score_layer(
        self, layer: int, reference: torch.Tensor, distorted: torch.Tensor, grid: tuple[int, int] | None
    ) -> torch.Tensor:
        if layer == self.tint:
            positions = chroma_range(reference, distorted).flatten(1)
            pooled = safe_pow(positions.pow(TINT_POWER).mean(1), 1 / TINT_POWER)
            return self._tint * self._scale(pooled)
        parts = []
        if layer in self._compared:
            parts.append(self._compared[layer] * self._scale(self._distance(reference, distorted)))
        if layer in self._spread:
            r, d = _places(reference, grid), _places(distorted, grid)
            parts.append(self._spread[layer] * self._scale(channel_moments(r, d, self._config.spread_order)))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _distance(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        match self.rule:
            case Positional(function):
                positions = function(reference, distorted).flatten(1)
                if self._config.position_pooling == "rms":
                    return safe_pow(positions.square().mean(1), 0.5)
                return positions.mean(1)
            case Layerwise(function):
                return function(reference, distorted)
            case Stacked():
                return self.rule(reference[:, None], distorted[:, None], self._config.seed)

    def _scale(self, values: torch.Tensor) -> torch.Tensor:
        return torch.log1p(values / LOG_FLOOR) if self._config.layer_scale == "log" else values

    def _shares(self, layers: tuple[int, ...], weight: float) -> dict[int, float]:
        """Return what each layer's number is multiplied by."""
        return dict.fromkeys(layers, weight / len(layers) if self._config.layer_pooling == "mean" else weight)

    def _check(self) -> None:
        """Refuse poolings and terms that the distance leaves no place for."""
        config, kind = self._config, self._kind
        for field, wanted in (
            ("position_pooling", isinstance(self.rule, Positional)),
            ("layer_pooling", not isinstance(self.rule, Stacked)),
        ):
            value = getattr(config, field)
            if (value is not None) != wanted:
                what = "must be given for" if wanted else "must be None for"
                raise ArgumentError(
                    f"Argument `{field}` {what} distance {config.distance!r} of {kind}, but got {value!r}."
                )
        for field, value, off, fits, needs in (
            ("spread", config.spread, 0, not isinstance(self.rule, Stacked), "a number a layer"),
            ("layer_scale", config.layer_scale, "linear", not isinstance(self.rule, Stacked), "a number a layer"),
            ("structure", config.structure, 1, not isinstance(self.rule, Stacked), "a number a layer"),
            ("colour", config.colour, 0, isinstance(self.rule, Positional), "a number a position"),
            ("tint", config.tint, 0, isinstance(self.rule, Positional), "a number a position"),
        ):
            if value != off and (not fits or kind == "embedding"):
                raise ArgumentError(
                    f"Argument `{field}` needs a distance of intermediate features with {needs}, which "
                    f"{config.distance!r} of {kind} is not: use {field}={off!r}."
                )
        if config.tokens != "plain" and kind != "tokens":
            raise ArgumentError(f"Argument `tokens` needs tokens, but these are {kind}: use tokens='plain'.")


def see_from_afar(images: torch.Tensor) -> torch.Tensor:
    """Average images over square cells, eight along the short side: (N, 3, rows, columns)."""
    short = min(images.shape[-2:])
    rows, columns = (round(_CELLS * side / short) for side in images.shape[-2:])
    return nn.functional.adaptive_avg_pool2d(images, (rows, columns))


def whose(config: MetricConfig, backbone: Backbone) -> str:
    """Name in a message what the features are of."""
    return f"the embedding of {backbone.entry.alias}" if config.features == "embedding" else backbone.entry.alias


def to_size(positions: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Interpolate (N, rows, columns) to a size in pixels, bilinear."""
    if positions.shape[-2:] == size:
        return positions
    return nn.functional.interpolate(positions[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def _places(tokens: torch.Tensor, grid: tuple[int, int] | None) -> torch.Tensor:
    """Leave out the tokens that have no place in the image (class, register); (N, T, ...) or, of maps, as they are."""
    return tokens if grid is None or tokens.ndim == 4 else tokens[:, -grid[0] * grid[1] :]
