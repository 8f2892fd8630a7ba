"""The metric as a torch module: score, per_layer, map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import nn

from innersight.backbones.features import Backbone, Features
from innersight.distances.registry import Positional
from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig
from innersight.metrics.description import cite, describe, network_name
from innersight.metrics.extraction import Extraction, size_of, windows_at_once
from innersight.metrics.terms import Terms, to_size, whose
from innersight.metrics.views import Views
from innersight.preprocess.validation import check_images, check_pair
from innersight.runtimes.choice import Runtime
from innersight.runtimes.eager import Eager

_Comparison: TypeAlias = Callable[[Features, Features], torch.Tensor]


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
        validate: Check that pixel values lie in [0, 1]. The check waits for the device; False skips it.

    Attributes:
        is_differentiable: True.
        higher_is_better: False.
        config: As given.
        layers: Indices of the layers compared, by the distance or by their spread; with `config.colour` also that of
            the picture itself, one past the network's, and with `config.tint` that of its chroma, two past them.

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

    def __init__(
        self, config: MetricConfig, backbone: Backbone, runtime: Runtime | None = None, *, validate: bool = True
    ) -> None:
        super().__init__()
        self.validate = validate
        self.config = config
        # Not a submodule: an enclosing model's optimizer, `apply`, `requires_grad_`, `load_state_dict` and checkpoints
        # must not reach frozen weights, whose digest the citation states. `_apply` moves it.
        self.__dict__["backbone"] = backbone
        self.runtime = runtime or Eager(backbone)
        self.terms = Terms(config, backbone)
        self.extraction = Extraction(config, backbone, self.runtime, self.terms)
        self.layers = self.terms.layers

    backbone: Backbone

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Metric:
        """Move the metric to another device or to float64; keep its precision under `.half()` and `.bfloat16()`.

        These are also called through an enclosing module. A score in 16 bits is another score.
        """
        moved = fn(self.backbone.mean)
        if moved.dtype in (torch.float16, torch.bfloat16):
            self.backbone._apply(lambda tensor: tensor.to(moved.device), recurse)  # type: ignore[no-untyped-call]
        else:
            self.backbone._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

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
        return self._compare_images(reference, distorted, self.terms.score)

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
        check_images("images", images, dtype=self.dtype, device=self.device, check_range=self.validate)
        kept = self.layers if layers is None else layers
        with _own_precision(self.device):
            prepared = self.extraction.prepare(images)
        parts = self.extraction.walk(prepared, kept, differentiable=_wants_gradient(images))
        while True:
            # The caller's autocast state is restored before each yield: a generator may be left at any of them.
            with _own_precision(self.device):
                features = next(parts, None)
            if features is None:
                return
            yield Views(features, kept, images.shape[0], size_of(prepared), self.sight)

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
        return self._compare_views(reference, distorted, self.terms.score)

    def compare_layers(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Compute each layer's part of the score of what was seen by `look`; see `per_layer`.

        Args:
            reference: Of N images, or of one that all distorted ones are compared with.
            distorted: Of N images.

        Returns:
            (N, layers), in the order of `layers`.

        Raises:
            ArgumentError: As for `compare`.
        """
        return self._compare_views(reference, distorted, self.terms.score_layers)

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute each layer's part of the score: all its terms, weighted as in the score.

        The score is their sum, but for the distances of a stack of layers (skld, jsd, wsd, swd), whose score is that of
        all layers together: there this is the score of each layer alone.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, layers), in the order of `layers`.

        Raises:
            ArgumentError: As for a score.
        """
        return self._compare_images(reference, distorted, self.terms.score_layers)

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Show where the images differ.

        The distance's numbers before the pooling over positions, interpolated to the image's pixels, layers and the
        picture weighted as in the score, overlapping windows averaged. Tokens without a place (class, register) are
        left out, and so is what has no place: the `spread`.

        Args:
            reference: (N, 3, H, W) in [0, 1].
            distorted: The same shape.

        Returns:
            (N, H, W), from 0, in the units of the score before its pooling over positions.

        Raises:
            ArgumentError: As for a score, or if nothing that is compared gives a number a position.
        """
        rule = self.terms.rule
        if not self.terms.have_places:
            raise ArgumentError(
                "A map needs a term with places, but this metric has only the spread, which has none. Give structure, "
                "colour or tint a weight, as in structure=1."
            )
        if not isinstance(rule, Positional) or self.config.features == "embedding":
            raise ArgumentError(
                f"A map needs a distance with a number a position; {self.config.distance!r} of "
                f"{whose(self.config, self.backbone)} has none. Use distance='l2', 'rel-l2' or 'channel-cos' with "
                "features='intermediate'."
            )
        check_pair(reference, distorted, dtype=self.dtype, device=self.device, check_range=self.validate)
        with _own_precision(self.device):
            r, d = self.extraction.prepare(reference), self.extraction.prepare(distorted)
            wanted = _wants_gradient(reference, distorted)
            return to_size(self._map(rule, r, d, differentiable=wanted), size_of(reference))

    @property
    def layer_names(self) -> list[str]:
        """What each number of `per_layer` is of."""
        named = {self.terms.picture: "picture", self.terms.tint: "tint"}
        return [named.get(layer, f"layer {layer}") for layer in self.layers]

    @property
    def weight(self) -> float:
        """What its score counts in a mean with others': the weight of all its terms."""
        return self.config.weight

    @property
    def has_map(self) -> bool:
        """Whether there is a `map`."""
        positional = isinstance(self.terms.rule, Positional) and self.config.features != "embedding"
        return positional and self.terms.have_places

    @property
    def sight(self) -> str:
        """What decides what the network sees; metrics that share it can share one `look`."""
        config = self.config
        return (
            f"{network_name(self.backbone)} {self.backbone.weights.digest}, {config.features}, input {config.input}, "
            f"chroma {config.chroma}, normalisation {config.normalisation}, tokens {config.tokens}, "
            f"{self.precision}"
        )

    @property
    def window(self) -> int | None:
        """Side of the windows that images are seen through, pixels; None where they are seen whole."""
        return self.config.input.window

    def seen_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets of an image of this size; see `Extraction.count_pixels`."""
        return self.extraction.count_pixels(height, width)

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
        """One line to cite with a score: everything that decided it."""
        return cite(self)

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
        return describe(self)

    def _compare_images(self, reference: torch.Tensor, distorted: torch.Tensor, function: _Comparison) -> torch.Tensor:
        """Compare images window by window, holding the features of a few windows only."""
        check_pair(reference, distorted, dtype=self.dtype, device=self.device, check_range=self.validate)
        with _own_precision(self.device):
            # The two pass separately: in one batch, equal images could differ by rounding.
            wanted = _wants_gradient(reference, distorted)  # one runtime for both images of a comparison
            seen = (
                self.extraction.walk(self.extraction.prepare(images), self.layers, differentiable=wanted)
                for images in (reference, distorted)
            )
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
        # Features that carry a gradient are torch's, also where none is wanted any more.
        wanted = {any(layer.requires_grad for layer in views.features.layers) for views in (reference, distorted)}
        if len(wanted) > 1 and not self.runtime.differentiable:
            raise ArgumentError(
                "Arguments `reference` and `distorted` must come from one runtime, but one was seen by torch, for its "
                f"gradient, and one by {self.runtime.name}: make the metric with runtime='torch'."
            )
        batch = distorted.batch
        with _own_precision(self.device):
            seen = (views.parts(windows_at_once(batch), batch, self.layers) for views in (reference, distorted))
            return _mean_over_windows(zip(*seen, strict=True), batch, function)

    def _map(
        self, rule: Positional, reference: torch.Tensor, distorted: torch.Tensor, *, differentiable: bool
    ) -> torch.Tensor:
        """Map prepared images, (N, H, W), overlapping windows averaged."""

        def compare(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
            seen, other = (self.extraction.features(x, self.layers, differentiable=differentiable) for x in (r, d))
            return self.terms.map(rule, seen, other, size_of(r))

        grid = self.extraction.grid(*size_of(reference))
        if grid is None:
            return compare(reference, distorted)
        (height, width), side = size_of(reference), grid.window
        total, seen = torch.zeros_like(reference[:, 0]), torch.zeros_like(reference[0, 0])
        for top, left in grid.corners:
            around = (left, width - left - side, top, height - top - side)
            window = compare(*(grid.cut(images, ((top, left),)) for images in (reference, distorted)))
            total = total + nn.functional.pad(window, around)
            seen[top : top + side, left : left + side] += 1
        return total / seen


def _wants_gradient(*tensors: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


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
