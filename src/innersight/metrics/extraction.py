"""From images to features: what a configuration has done to images, and the network's run over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from innersight.backbones.features import Backbone, Features, Run
from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig
from innersight.metrics.terms import Terms, see_from_afar
from innersight.preprocess.chroma import chroma_of, halve_chroma
from innersight.preprocess.resize import fit_short_side, resize
from innersight.preprocess.windows import WindowGrid
from innersight.runtimes.choice import Runtime

_WINDOWS_AT_ONCE = 16
"""Windows that go through the network together; bounds the memory of a large image, changes no score."""


class Extraction:
    """Prepares images and computes their features, as one configuration says.

    Args:
        config: The configuration.
        backbone: The network.
        runtime: What runs the network.
        terms: What is compared; it names the layers that come from pixels.
    """

    def __init__(self, config: MetricConfig, backbone: Backbone, runtime: Runtime, terms: Terms) -> None:
        self._config = config
        self._backbone = backbone
        self._runtime = runtime
        self._terms = terms

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Resize (N, 3, H, W) images as the configuration says."""
        return resize(images, self._prepared_size(*size_of(images)))

    def _prepared_size(self, height: int, width: int) -> tuple[int, int]:
        policy = self._config.input
        if policy.short_side is None:
            return height, width
        # Windows have the network's size already; whole images must fit its patches.
        multiple = self._backbone.multiple if policy.window is None else 1
        return fit_short_side(height, width, policy.short_side, multiple)

    def grid(self, height: int, width: int) -> WindowGrid | None:
        """Return the windows over prepared images of a size; None where they are shown whole."""
        policy = self._config.input
        if policy.window is None or policy.stride is None:
            return None
        if min(height, width) < policy.window:
            raise ArgumentError(
                f"The {self._config.preset} metric looks through windows of {policy.window} x {policy.window} pixels "
                f"(input '{policy}'), but the images are {height} x {width} (height x width). Enlarge them on purpose "
                f"with input='short={policy.window},{policy}', or use metric 'lite', which takes any size."
            )
        return WindowGrid.over(height, width, policy.window, policy.stride)

    def features(self, views: torch.Tensor, layers: tuple[int, ...], *, differentiable: bool = False) -> Features:
        """Compute the features of windows or whole prepared images.

        Args:
            views: (N, 3, H, W), prepared.
            layers: Indices of the layers to keep, ascending.
            differentiable: Whether a gradient is wanted of either image of the comparison; torch runs then, if the
                runtime has no gradients.
        """
        run: Run = self._runtime if self._runtime.differentiable or not differentiable else self._backbone.outputs
        shown = halve_chroma(views) if self._config.chroma == "half" else views
        seen = self._backbone.normalise(shown) if self._config.normalisation == "backbone" else shown
        if self._config.features == "embedding":
            return self._backbone.embedding(seen, run)
        own = tuple(layer for layer in layers if layer < self._backbone.count)
        features = self._backbone.intermediate(seen, own, run)
        seen_layers = list(features.layers)
        if self._config.tokens == "normed":
            seen_layers = [nn.functional.layer_norm(tokens, tokens.shape[-1:], eps=1e-6) for tokens in seen_layers]
        if self._terms.picture in layers:
            seen_layers.append(see_from_afar(shown))
        if self._terms.tint in layers:
            seen_layers.append(chroma_of(views))
        # One layout, whoever made them: sums run in one order, and a cached score is the fresh one to the last bit.
        return replace(features, layers=tuple(layer.contiguous() for layer in seen_layers))

    def walk(
        self, images: torch.Tensor, layers: tuple[int, ...], *, differentiable: bool = False
    ) -> Iterator[Features]:
        """Compute the features of prepared images, some windows at a time."""
        grid = self.grid(*size_of(images))
        if grid is None:
            yield self.features(images, layers, differentiable=differentiable)
            return
        step = windows_at_once(images.shape[0])
        for first in range(0, len(grid), step):
            windows = grid.cut(images, grid.corners[first : first + step])
            yield self.features(windows, layers, differentiable=differentiable)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets of an image; a pixel in several windows counts several times.

        Args:
            height: Rows of the image, pixels.
            width: Columns of the image, pixels.

        Returns:
            A number that the memory of the features is proportional to.

        Raises:
            ArgumentError: If the image is smaller than a window.
        """
        height, width = self._prepared_size(height, width)
        grid = self.grid(height, width)
        return height * width if grid is None else len(grid) * grid.window**2


def size_of(images: torch.Tensor) -> tuple[int, int]:
    """Return (height, width)."""
    return images.shape[-2], images.shape[-1]


def windows_at_once(batch: int) -> int:
    """Return how many windows of each image of a batch go through the network together."""
    return max(1, _WINDOWS_AT_ONCE // batch)
