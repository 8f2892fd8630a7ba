"""The metric as a torch module: score, per_layer, map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from innersight import __version__
from innersight.backbones.features import Backbone, Features, resolve_layers
from innersight.distances.registry import Layerwise, Positional, Stacked, find_rule
from innersight.distances.roots import power_at_zero_flat
from innersight.errors import ArgumentError
from innersight.images.checking import check_pair
from innersight.images.resizing import fit_short_side, resize
from innersight.metric.config import MetricConfig
from innersight.windows import WindowGrid

_WINDOWS_AT_ONCE = 16
"""Windows that go through the network together; bounds the memory of a large image, changes no score."""


class Metric(nn.Module):
    """How different distorted images look from their references: 0 for identical, larger is worse.

    Made by `innersight.create_metric`. Frozen and always in evaluation mode; differentiable in both images, with a
    zero gradient where they are identical. Scores have no upper bound and no unit; compare those of one configuration
    only. Both arguments are (N, 3, H, W) floats, sRGB in [0, 1], of the metric's dtype and device; what is done to
    them first is `config.input` and `config.normalisation`, and nothing else is.

    Args:
        config: The configuration; its poolings must be None exactly where its distance leaves nothing to pool.
        backbone: The network with its weights.

    Attributes:
        is_differentiable: True.
        higher_is_better: False.
        config: As given.
        layers: Indices of the layers compared.

    Raises:
        ArgumentError: If the distance is not defined for the backbone's features, a layer is not there, or a pooling
            is given that the distance does not use.

    Example:
        >>> import innersight
        >>> metric = innersight.create_metric("lite")
        >>> reference = torch.rand(2, 3, 96, 128)
        >>> metric(reference, reference)
        tensor([0., 0.])
        >>> metric.per_layer(reference, (reference + 0.1).clamp(0, 1)).shape
        torch.Size([2, 5])
        >>> metric.map(reference, (reference + 0.1).clamp(0, 1)).shape
        torch.Size([2, 96, 128])
    """

    is_differentiable = True
    higher_is_better = False

    def __init__(self, config: MetricConfig, backbone: Backbone) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        kind = backbone.kind_of(config.features)
        self.rule = find_rule(config.distance, kind, _whose(config, backbone))
        self.layers = resolve_layers(config.layers, backbone.count) if kind != "embedding" else (0,)
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

    def train(self, mode: bool = True) -> Metric:  # noqa: ARG002
        """Stay in evaluation mode, also as part of a model that trains."""
        return super().train(False)

    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Score each pair.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N,), from 0 (identical), lower is more alike.

        Raises:
            ArgumentError: If a tensor's type, shape, dtype, device or range is not as said, or the images are smaller
                than a window.
        """
        return self._compare(reference, distorted, self._score)

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute the distance of each layer alone.

        Where `layer_pooling` is not None the score is their sum or mean; else (skld, jsd, wsd, swd) the score is that
        of the stack of all layers, and this is that of stacks of one.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, layers), in the order of `layers`.

        Raises:
            ArgumentError: As for a score.
        """
        return self._compare(reference, distorted, self._score_layers)

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Show where the images differ.

        Each layer's numbers before the pooling over positions, interpolated to the image's pixels, layers pooled as in
        the score, overlapping windows averaged. Tokens without a place (class, register) are left out.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, H, W), from 0, in the units of the score before its pooling over positions.

        Raises:
            ArgumentError: As for a score, or if the distance gives no number a position.
        """
        if not isinstance(self.rule, Positional) or self.config.features == "embedding":
            raise ArgumentError(
                f"A map needs a distance with a number a position; {self.config.distance!r} of "
                f"{_whose(self.config, self.backbone)} has none. Use distance='l2', 'rel-l2' or 'channel-cos' with "
                "features='intermediate'."
            )
        check_pair(reference, distorted, dtype=self.dtype, device=self.device)
        with _own_precision(self.device):
            r, d = self._prepare(reference), self._prepare(distorted)
            return _to_size(self._map(self.rule, r, d), _size(reference))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype scores are computed in; change it with `metric.to(torch.float64)`."""
        return self.backbone.mean.dtype

    @property
    def device(self) -> torch.device:
        """The device scores are computed on; change it with `metric.to("cuda")`."""
        return self.backbone.mean.device

    @property
    def citation(self) -> str:
        """One line to quote beside a number: everything that decided it."""
        config, entry, weights = self.config, self.backbone.entry, self.backbone.weights
        if config.features == "embedding":
            features = "embedding"
        else:
            listed = ",".join(str(index) for index in self.layers)
            run = f"{self.layers[0]}-{self.layers[-1]}"
            whole = self.layers == tuple(range(self.layers[0], self.layers[-1] + 1)) and len(self.layers) > 1
            features = f"intermediate layers {run if whole else listed} of {self.backbone.count}"
        seed = f" (seed {config.seed})" if config.distance == "swd" else ""
        poolings = [
            f"{pooling} over {what}"
            for pooling, what in ((config.position_pooling, "positions"), (config.layer_pooling, "layers"))
            if pooling
        ]
        return (
            f"innersight {__version__} {config.preset}: {entry.timm_name} (weights {weights.digest[:19]}), {features}, "
            f"input {config.input}, normalisation {config.normalisation}, "
            f"{', '.join([config.distance + seed, *poolings])}, {str(self.dtype).removeprefix('torch.')}"
        )

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
        config, entry, weights = self.config, self.backbone.entry, self.backbone.weights
        return {
            "preset": config.preset,
            "innersight": __version__,
            "backbone": entry.alias,
            "timm_name": entry.timm_name,
            "weights": {"source": weights.source, "file": weights.path.name, "digest": weights.digest},
            "features": config.features,
            "layers": list(self.layers) if config.features == "intermediate" else None,
            "input": str(config.input),
            "resize": "bilinear, anti-aliased" if config.input.short_side else None,
            "normalisation": config.normalisation,
            "distance": config.distance,
            "position_pooling": config.position_pooling,
            "layer_pooling": config.layer_pooling,
            "window_pooling": "mean" if config.input.window else None,
            "seed": config.seed if config.distance == "swd" else None,
            "precision": str(self.dtype).removeprefix("torch."),
            "device": str(self.device),
            "citation": self.citation,
        }

    def _prepare(self, images: torch.Tensor) -> torch.Tensor:
        policy = self.config.input
        if policy.short_side is not None:
            # Windows have the network's size already; whole images must fit its patches.
            multiple = self.backbone.multiple if policy.window is None else 1
            images = resize(images, fit_short_side(*_size(images), short_side=policy.short_side, multiple=multiple))
        return self.backbone.normalise(images) if self.config.normalisation == "backbone" else images

    def _grid(self, height: int, width: int) -> WindowGrid | None:
        policy = self.config.input
        if policy.window is None or policy.stride is None:
            return None
        if min(height, width) < policy.window:
            raise ArgumentError(
                f"The {self.config.preset} metric looks through windows of {policy.window} x {policy.window} pixels "
                f"(input '{policy}'), but the images are {height} x {width} (height x width). Enlarge them on purpose "
                f"with input='short={policy.window},{policy}', or use metric 'lite', which takes any size."
            )
        return WindowGrid.over(height, width, policy.window, policy.stride)

    def _features(self, views: torch.Tensor) -> Features:
        if self.config.features == "embedding":
            return self.backbone.embedding(views)
        return self.backbone.intermediate(views, self.layers)

    def _compare(
        self,
        reference: torch.Tensor,
        distorted: torch.Tensor,
        function: Callable[[Features, Features], torch.Tensor],
    ) -> torch.Tensor:
        """Check and prepare the images, apply a function of two views' features, take its mean over windows."""
        check_pair(reference, distorted, dtype=self.dtype, device=self.device)
        with _own_precision(self.device):
            r, d = self._prepare(reference), self._prepare(distorted)
            grid = self._grid(*_size(r))
            # Reference and distorted pass separately: in one batch, equal images could differ by rounding.
            if grid is None:
                return function(self._features(r), self._features(d))
            batch = r.shape[0]
            step = max(1, _WINDOWS_AT_ONCE // batch)
            sums = []
            for first in range(0, len(grid), step):
                corners = grid.corners[first : first + step]
                values = function(self._features(grid.cut(r, corners)), self._features(grid.cut(d, corners)))
                sums.append(values.view(len(corners), batch, *values.shape[1:]).sum(0))
            return torch.stack(sums).sum(0) / len(grid)

    def _score(self, reference: Features, distorted: Features) -> torch.Tensor:
        if isinstance(self.rule, Stacked):
            r, d = (torch.stack(features.layers, dim=1) for features in (reference, distorted))
            return self.rule(r, d, self.config.seed)
        layers = self._score_layers(reference, distorted)
        return layers.sum(1) if self.config.layer_pooling == "sum" else layers.mean(1)

    def _score_layers(self, reference: Features, distorted: Features) -> torch.Tensor:
        return torch.stack(
            [self._score_layer(r, d) for r, d in zip(reference.layers, distorted.layers, strict=True)], dim=1
        )

    def _score_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        match self.rule:
            case Positional(function):
                positions = function(reference, distorted).flatten(1)
                if self.config.position_pooling == "rms":
                    return power_at_zero_flat(positions.square().mean(1), 0.5)
                return positions.mean(1)
            case Layerwise(function):
                return function(reference, distorted)
            case Stacked():
                return self.rule(reference[:, None], distorted[:, None], self.config.seed)

    def _map(self, rule: Positional, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Map prepared images, (N, H, W), overlapping windows averaged."""
        grid = self._grid(*_size(reference))
        if grid is None:
            return self._map_view(rule, self._features(reference), self._features(distorted), _size(reference))
        (height, width), side = _size(reference), grid.window
        total, seen = torch.zeros_like(reference[:, 0]), torch.zeros_like(reference[0, 0])
        for top, left in grid.corners:
            r, d = (self._features(grid.cut(images, ((top, left),))) for images in (reference, distorted))
            around = (left, width - left - side, top, height - top - side)
            total = total + nn.functional.pad(self._map_view(rule, r, d, (side, side)), around)
            seen[top : top + side, left : left + side] += 1
        return total / seen

    def _map_view(
        self, rule: Positional, reference: Features, distorted: Features, size: tuple[int, int]
    ) -> torch.Tensor:
        layers = []
        for r, d in zip(reference.layers, distorted.layers, strict=True):
            positions = rule.function(r, d)
            if reference.grid is not None:
                rows, columns = reference.grid
                positions = positions[:, -rows * columns :].reshape(-1, rows, columns)
            layers.append(_to_size(positions, size))
        stacked = torch.stack(layers)
        return stacked.sum(0) if self.config.layer_pooling == "sum" else stacked.mean(0)


def _own_precision(device: torch.device) -> torch.autocast:
    """Switch a caller's mixed precision off, which would change scores unsaid: the precision is the metric's own."""
    return torch.autocast(device.type, enabled=False)


def _whose(config: MetricConfig, backbone: Backbone) -> str:
    return f"the embedding of {backbone.entry.alias}" if config.features == "embedding" else backbone.entry.alias


def _size(images: torch.Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]


def _to_size(positions: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if _size(positions) == size:
        return positions
    return nn.functional.interpolate(positions[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
