"""The metric as a torch module: score, per_layer, map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import nn

from innersight import __version__
from innersight.backbones.features import Backbone, Features, resolve_layers
from innersight.backbones.whitening import load_noise_maps, whiten
from innersight.distances.registry import Layerwise, Positional, Stacked, find_rule
from innersight.distances.roots import power_at_zero_flat
from innersight.distances.spread import spread
from innersight.errors import ArgumentError
from innersight.images.checking import check_images, check_pair
from innersight.images.colour import halve_chroma
from innersight.images.resizing import fit_short_side, resize
from innersight.metric.config import MetricConfig
from innersight.metric.views import Views
from innersight.runtime.choice import Runtime
from innersight.runtime.eager import Eager
from innersight.windows import WindowGrid

_Comparison: TypeAlias = Callable[[Features, Features], torch.Tensor]

_WINDOWS_AT_ONCE = 16
"""Windows that go through the network together; bounds the memory of a large image, changes no score."""

_CELL = 32
"""Side of the cells that the picture is averaged over as a layer of its own, pixels as the network sees them."""

_LOG_FLOOR = 1e-5
"""Where the logarithm of a layer's number turns linear; of a scale-free distance, a third of a percent of amplitude."""


class Metric(nn.Module):
    """How different distorted images look from their references: 0 for identical, larger is worse.

    Made by `innersight.create_metric`. Frozen and always in evaluation mode; differentiable in both images, with a
    zero gradient where they are identical. Scores have no upper bound and no unit; compare those of one configuration
    only. Both arguments are (N, 3, H, W) floats, sRGB in [0, 1], of the metric's dtype and device; what is done to
    them first is `config.input` and `config.normalisation`, and nothing else is.

    Args:
        config: The configuration; its poolings must be None exactly where its distance leaves nothing to pool.
        backbone: The network with its weights.
        runtime: What runs the network; torch unless told.

    Attributes:
        is_differentiable: True.
        higher_is_better: False.
        config: As given.
        layers: Indices of the layers compared; with `config.colour`, the last is that of the picture itself, one past
            the network's.

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
        torch.Size([2, 6])
        >>> metric.map(reference, (reference + 0.1).clamp(0, 1)).shape
        torch.Size([2, 96, 128])
    """

    is_differentiable = True
    higher_is_better = False

    def __init__(self, config: MetricConfig, backbone: Backbone, runtime: Runtime | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.runtime = runtime or Eager(backbone)
        kind = backbone.kind_of(config.features)
        self.rule = find_rule(config.distance, kind, _whose(config, backbone))
        self._network_layers = resolve_layers(config.layers, backbone.count) if kind != "embedding" else (0,)
        self._picture = backbone.count
        self.layers = self._network_layers + ((self._picture,) if config.colour == "cells" else ())
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

        self._check_terms(kind)
        if config.whitening == "noise":
            for layer, values in load_noise_maps(backbone.entry.alias).items():
                self.register_buffer(f"_noise_map_{layer}", values.clone(), persistent=False)

    def _check_terms(self, kind: str) -> None:
        """Refuse what goes beside a distance where that leaves no place for it."""
        config = self.config
        for field, value, off, fits, needs in (
            ("spread", config.spread, 0, not isinstance(self.rule, Stacked), "a number a layer"),
            ("layer_scale", config.layer_scale, "linear", not isinstance(self.rule, Stacked), "a number a layer"),
            ("colour", config.colour, "none", isinstance(self.rule, Positional), "a number a position"),
        ):
            if value != off and (not fits or kind == "embedding"):
                raise ArgumentError(
                    f"Argument `{field}` needs a distance of intermediate features with {needs}, which "
                    f"{config.distance!r} of {kind} is not: use {field}={off!r}."
                )
        if config.whitening != "none" and kind == "embedding":
            raise ArgumentError("Argument `whitening` needs intermediate features: use whitening='none'.")

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
        return self._compare_images(reference, distorted, self._score)

    def look(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Views:
        """Compute what the network sees of images, to compare it with others later: a reference is seen once.

        All windows' features are held in memory, unlike in a score.

        Args:
            images: (N, 3, H, W) in [0, 1].
            layers: Which layers to keep, ascending; by default those of this metric. More of them serve several metrics
                that share all but their layers and distance.

        Returns:
            The features, for `compare`.

        Raises:
            ArgumentError: As for a score.

        Example:
            >>> import innersight
            >>> metric = innersight.create_metric("lite")
            >>> reference = metric.look(torch.rand(1, 3, 96, 128))
            >>> metric.compare(reference, metric.look(torch.rand(5, 3, 96, 128))).shape
            torch.Size([5])
        """
        seen = list(self.look_in_parts(images, layers))
        if len(seen) == 1:
            return seen[0]
        joined = tuple(torch.cat(parts) for parts in zip(*(part.features.layers for part in seen), strict=True))
        return replace(seen[0], features=replace(seen[0].features, layers=joined))

    def look_in_parts(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Iterator[Views]:
        """Compute what the network sees of images, some windows at a time, for images whose features fill the memory.

        A score is the mean of the parts' scores, each weighted by the part's windows.

        Args:
            images: (N, 3, H, W) in [0, 1].
            layers: As for `look`.

        Yields:
            The features of the next windows; of the images themselves, all at once, where they are seen whole.

        Raises:
            ArgumentError: As for a score.
        """
        check_images("images", images, dtype=self.dtype, device=self.device)
        kept = self.layers if layers is None else layers
        with _own_precision(self.device):
            prepared = self._prepare(images)
            for features in self._see(prepared, kept):
                yield Views(features, kept, images.shape[0], _size(prepared), self.sight)

    def compare(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Score what was seen by `look`: the same scores as of the images, within rounding.

        Args:
            reference: Of N images, or of one that all distorted ones are compared with.
            distorted: Of N images.

        Returns:
            (N,), from 0 (identical), lower is more alike.

        Raises:
            ArgumentError: If the images were seen at different sizes or with another `sight`, their numbers don't
                fit, or a layer is missing.
        """
        return self._compare_views(reference, distorted, self._score)

    def compare_layers(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Compute the distance of each layer alone of what was seen by `look`; see `per_layer`.

        Args:
            reference: Of N images, or of one that all distorted ones are compared with.
            distorted: Of N images.

        Returns:
            (N, layers), in the order of `layers`.

        Raises:
            ArgumentError: As for `compare`.
        """
        return self._compare_views(reference, distorted, self._score_layers)

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute the number of each layer alone: its distance, with its `spread` and on its `layer_scale`.

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
        return self._compare_images(reference, distorted, self._score_layers)

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Show where the images differ.

        Each layer's numbers before the pooling over positions, interpolated to the image's pixels, layers pooled as in
        the score, overlapping windows averaged. Tokens without a place (class, register) are left out, and so is what
        has no place: the `spread`.

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
    def _network(self) -> str:
        """Timm's name; without the weights' tag where a file of the user's own took their place."""
        name = self.backbone.entry.timm_name
        return name.partition(".")[0] if self.backbone.weights.source == "file" else name

    @property
    def sight(self) -> str:
        """What decides what the network sees; metrics that share it can share one `look`."""
        config = self.config
        return (
            f"{self._network} {self.backbone.weights.digest}, {config.features}, input {config.input}, "
            f"chroma {config.chroma}, normalisation {config.normalisation}, whitening {config.whitening}, "
            f"{self.precision}"
        )

    @property
    def window(self) -> int | None:
        """Side of the windows that images are seen through, pixels; None where they are seen whole."""
        return self.config.input.window

    def seen_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network sees of an image, those in several windows several times.

        Args:
            height: Rows of the image, pixels.
            width: Its columns, pixels.

        Returns:
            What the memory of a `look` is proportional to.

        Raises:
            ArgumentError: If the image is smaller than a window.
        """
        height, width = self._prepared_size(height, width)
        grid = self._grid(height, width)
        return height * width if grid is None else len(grid) * grid.window**2

    @property
    def dtype(self) -> torch.dtype:
        """The dtype scores are computed in; change it with `metric.to(torch.float64)`."""
        return self.backbone.mean.dtype

    @property
    def precision(self) -> str:
        """The dtype scores are computed in, and that of the network's products where it is a shorter one."""
        own = str(self.dtype).removeprefix("torch.")
        reduced = self.runtime.reduced
        return f"{own} ({str(reduced).removeprefix('torch.')} in the network)" if reduced is not None else own

    @property
    def device(self) -> torch.device:
        """The device scores are computed on; change it with `metric.to("cuda")`."""
        return self.backbone.mean.device

    @property
    def citation(self) -> str:
        """One line to quote beside a number: everything that decided it."""
        config, weights = self.config, self.backbone.weights
        if config.features == "embedding":
            features = "embedding"
        else:
            layers = self._network_layers
            listed = ",".join(str(index) for index in layers)
            run = f"{layers[0]}-{layers[-1]}"
            whole = layers == tuple(range(layers[0], layers[-1] + 1)) and len(layers) > 1
            features = f"intermediate layers {run if whole else listed} of {self.backbone.count}"
        seed = f" (seed {config.seed})" if config.distance == "swd" else ""
        poolings = [
            f"{pooling} over {what}"
            for pooling, what in ((config.position_pooling, "positions"), (config.layer_pooling, "layers"))
            if pooling
        ]
        terms = [
            *([f"spread {config.spread:g}"] if config.spread else []),
            *(["log"] if config.layer_scale == "log" else []),
            *(["colour cells"] if config.colour == "cells" else []),
        ]
        chroma = f"chroma {config.chroma}, " if config.chroma != "full" else ""
        whitening = f"whitening {config.whitening}, " if config.whitening != "none" else ""
        return (
            f"innersight {__version__} {config.preset}: {self._network} (weights {weights.digest[:19]}), {features}, "
            f"input {config.input}, {chroma}normalisation {config.normalisation}, {whitening}"
            f"{', '.join([config.distance + seed, *terms, *poolings])}, {self.precision}"
        )

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
        config, entry, weights = self.config, self.backbone.entry, self.backbone.weights
        return {
            "preset": config.preset,
            "innersight": __version__,
            "backbone": entry.alias,
            "timm_name": self._network,
            "weights": {"source": weights.source, "file": weights.path.name, "digest": weights.digest},
            "features": config.features,
            "layers": list(self._network_layers) if config.features == "intermediate" else None,
            "input": str(config.input),
            "resize": "bilinear, anti-aliased" if config.input.short_side else None,
            "chroma": config.chroma,
            "normalisation": config.normalisation,
            "whitening": config.whitening,
            "distance": config.distance,
            "spread": config.spread,
            "layer_scale": config.layer_scale,
            "colour": config.colour,
            "position_pooling": config.position_pooling,
            "layer_pooling": config.layer_pooling,
            "window_pooling": "mean" if config.input.window else None,
            "seed": config.seed if config.distance == "swd" else None,
            "precision": self.precision,
            "runtime": self.runtime.name,
            "device": str(self.device),
            "citation": self.citation,
        }

    def _prepare(self, images: torch.Tensor) -> torch.Tensor:
        images = resize(images, self._prepared_size(*_size(images)))
        return halve_chroma(images) if self.config.chroma == "half" else images

    def _prepared_size(self, height: int, width: int) -> tuple[int, int]:
        policy = self.config.input
        if policy.short_side is None:
            return height, width
        # Windows have the network's size already; whole images must fit its patches.
        multiple = self.backbone.multiple if policy.window is None else 1
        return fit_short_side(height, width, policy.short_side, multiple)

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

    def _features(self, views: torch.Tensor, layers: tuple[int, ...]) -> Features:
        seen = self.backbone.normalise(views) if self.config.normalisation == "backbone" else views
        if self.config.features == "embedding":
            return self.backbone.embedding(seen, self.runtime)
        own = tuple(layer for layer in layers if layer != self._picture)
        features = self.backbone.intermediate(seen, own, self.runtime)
        if self.config.whitening == "noise":
            features = whiten(features, tuple(self.get_buffer(f"_noise_map_{layer}") for layer in own))
        seen_layers = list(features.layers)
        if self._picture in layers:
            seen_layers.append(nn.functional.avg_pool2d(views, _CELL, ceil_mode=True, count_include_pad=False))
        # One layout, whoever made them: sums run in one order, and a cached score is the fresh one to the last bit.
        return replace(features, layers=tuple(layer.contiguous() for layer in seen_layers))

    def _see(self, images: torch.Tensor, layers: tuple[int, ...]) -> Iterator[Features]:
        """Run the network over prepared images, some windows at a time."""
        grid = self._grid(*_size(images))
        if grid is None:
            yield self._features(images, layers)
            return
        step = _windows_at_once(images.shape[0])
        for first in range(0, len(grid), step):
            yield self._features(grid.cut(images, grid.corners[first : first + step]), layers)

    def _compare_images(self, reference: torch.Tensor, distorted: torch.Tensor, function: _Comparison) -> torch.Tensor:
        """Compare images window by window, holding the features of a few windows only."""
        check_pair(reference, distorted, dtype=self.dtype, device=self.device)
        with _own_precision(self.device):
            # The two pass separately: in one batch, equal images could differ by rounding.
            seen = (self._see(self._prepare(images), self.layers) for images in (reference, distorted))
            return _mean_over_windows(zip(*seen, strict=True), reference.shape[0], function)

    def _compare_views(self, reference: Views, distorted: Views, function: _Comparison) -> torch.Tensor:
        if reference.size != distorted.size or reference.batch not in (1, distorted.batch):
            raise ArgumentError(
                "Arguments `reference` and `distorted` must be of images of one size, the reference of one image or of "
                f"as many, but got {reference.batch} seen at {reference.size}, {distorted.batch} at {distorted.size}."
            )
        sight = self.sight
        for name, views in (("reference", reference), ("distorted", distorted)):
            if views.sight != sight:
                raise ArgumentError(f"Argument `{name}` was seen as {views.sight}, but this metric looks as {sight}.")
            missing = sorted({*self.layers} - {*views.layers})
            if missing:
                raise ArgumentError(f"Argument `{name}` lacks the layers {missing}: look with layers that hold them.")
        batch = distorted.batch
        with _own_precision(self.device):
            seen = (views.parts(_windows_at_once(batch), batch, self.layers) for views in (reference, distorted))
            return _mean_over_windows(zip(*seen, strict=True), batch, function)

    def _score(self, reference: Features, distorted: Features) -> torch.Tensor:
        if isinstance(self.rule, Stacked):
            r, d = (torch.stack(features.layers, dim=1) for features in (reference, distorted))
            return self.rule(r, d, self.config.seed)
        layers = self._score_layers(reference, distorted)
        return layers.sum(1) if self.config.layer_pooling == "sum" else layers.mean(1)

    def _score_layers(self, reference: Features, distorted: Features) -> torch.Tensor:
        return torch.stack(
            [
                self._score_layer(r, d, of_network=layer != self._picture)
                for layer, r, d in zip(self.layers, reference.layers, distorted.layers, strict=True)
            ],
            dim=1,
        )

    def _score_layer(self, reference: torch.Tensor, distorted: torch.Tensor, *, of_network: bool) -> torch.Tensor:
        value = self._scale(self._distance(reference, distorted))
        if of_network and self.config.spread:
            value = value + self.config.spread * self._scale(spread(reference, distorted))
        return value

    def _distance(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
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

    def _scale(self, values: torch.Tensor) -> torch.Tensor:
        return torch.log1p(values / _LOG_FLOOR) if self.config.layer_scale == "log" else values

    def _map(self, rule: Positional, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Map prepared images, (N, H, W), overlapping windows averaged."""
        grid = self._grid(*_size(reference))
        if grid is None:
            return self._map_view(
                rule, self._features(reference, self.layers), self._features(distorted, self.layers), _size(reference)
            )
        (height, width), side = _size(reference), grid.window
        total, seen = torch.zeros_like(reference[:, 0]), torch.zeros_like(reference[0, 0])
        for top, left in grid.corners:
            r, d = (self._features(grid.cut(images, ((top, left),)), self.layers) for images in (reference, distorted))
            around = (left, width - left - side, top, height - top - side)
            total = total + nn.functional.pad(self._map_view(rule, r, d, (side, side)), around)
            seen[top : top + side, left : left + side] += 1
        return total / seen

    def _map_view(
        self, rule: Positional, reference: Features, distorted: Features, size: tuple[int, int]
    ) -> torch.Tensor:
        layers = []
        for r, d in zip(reference.layers, distorted.layers, strict=True):
            positions = self._scale(rule.function(r, d))
            if reference.grid is not None and positions.ndim == 2:  # tokens; the picture's cells lie on a grid already
                rows, columns = reference.grid
                positions = positions[:, -rows * columns :].reshape(-1, rows, columns)
            layers.append(_to_size(positions, size))
        stacked = torch.stack(layers)
        return stacked.sum(0) if self.config.layer_pooling == "sum" else stacked.mean(0)


def _windows_at_once(batch: int) -> int:
    return max(1, _WINDOWS_AT_ONCE // batch)


def _mean_over_windows(seen: Iterable[tuple[Features, Features]], batch: int, function: _Comparison) -> torch.Tensor:
    sums, windows = [], 0
    for reference, distorted in seen:
        values = function(reference, distorted)
        count = values.shape[0] // batch
        sums.append(values if count == 1 else values.view(count, batch, *values.shape[1:]).sum(0))
        windows += count
    total = sums[0] if len(sums) == 1 else torch.stack(sums).sum(0)
    return total if windows == 1 else total / windows


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
