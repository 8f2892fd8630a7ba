"""What a network saw of a batch of images, kept for as many comparisons as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from innersight.backbones.features import Features


@dataclass(frozen=True)
class Views:
    """The features of every window of N images; of the images themselves where they were seen whole.

    Made by `Metric.look`, taken by `Metric.compare`.

    Attributes:
        features: Layers of shape (K * N, ...), window by window: all images' first window, then all images' second.
        layers: Indices of the layers in `features`.
        batch: N.
        size: (height, width) of each image as the network saw it, windows taken together, pixels.
        sight: What decided what was seen, `Metric.sight`.
    """

    features: Features
    layers: tuple[int, ...]
    batch: int
    size: tuple[int, int]
    sight: str

    @property
    def windows(self) -> int:
        """K, the windows of each image."""
        return self.features.layers[0].shape[0] // self.batch

    @property
    def nbytes(self) -> int:
        """Memory the features take, bytes."""
        return sum(layer.nbytes for layer in self.features.layers)

    def one(self, index: int) -> Views:
        """Return what was seen of one of the N images, in memory of its own."""
        layers = (
            layer.view(self.windows, self.batch, *layer.shape[1:])[:, index].clone() for layer in self.features.layers
        )
        return replace(self, features=replace(self.features, layers=tuple(layers)), batch=1)

    def to(self, device: torch.device) -> Views:
        """Return the same on another device."""
        return replace(self, features=replace(self.features, layers=tuple(x.to(device) for x in self.features.layers)))

    def parts(self, windows: int, batch: int, layers: tuple[int, ...]) -> Iterator[Features]:
        """Walk through the features, some windows at a time.

        Args:
            windows: How many windows a part has; the last may have fewer.
            batch: N of the comparison; one image is repeated to it.
            layers: Which layers are wanted, a part of `layers`.

        Yields:
            Features with layers of shape (windows * batch, ...).
        """
        chosen = [self.features.layers[self.layers.index(index)] for index in layers]
        if windows >= self.windows and batch == self.batch:
            yield Features(self.features.kind, tuple(chosen), self.features.grid)
            return
        chosen = [layer.view(self.windows, self.batch, *layer.shape[1:]) for layer in chosen]
        for first in range(0, self.windows, windows):
            parts = (layer[first : first + windows] for layer in chosen)
            expanded = (part.expand(-1, batch, *part.shape[2:]).flatten(0, 1) for part in parts)
            yield Features(self.features.kind, tuple(expanded), self.features.grid)
