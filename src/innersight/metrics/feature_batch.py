"""Features of a batch of images, kept for many comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from innersight.backbones.features import FeatureKind

_Change = Callable[[torch.Tensor], torch.Tensor]


def layer_key(index: int) -> str:
    """Return the key of a layer's tensor in `ViewFeatures.tensors`."""
    return f"layer {index}"


@dataclass(frozen=True)
class ViewFeatures:
    """Features that one view extracts from N images, in K windows of each; K is 1 where images are used whole.

    Attributes:
        kind: `tokens`, `maps` or `embedding`.
        tensors: By key (`layer_key`, or the key of a pixel feature), each (K * N, ...): the first window of all images,
            then the second window of all images.
        grid: (rows, columns) of the tokens that have a position; None for the other kinds.
        batch: N.
        size: (height, width) of each image after resizing, pixels.
        extractor_id: What decides the features: backbone, weights, input and precision.
    """

    kind: FeatureKind
    tensors: Mapping[str, torch.Tensor]
    grid: tuple[int, int] | None
    batch: int
    size: tuple[int, int]
    extractor_id: str

    @property
    def windows(self) -> int:
        """K, the number of windows of each image."""
        return next(iter(self.tensors.values())).shape[0] // self.batch

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def requires_grad(self) -> bool:
        """Whether the features carry a gradient."""
        return any(tensor.requires_grad for tensor in self.tensors.values())

    def one(self, index: int) -> ViewFeatures:
        """Return the features of one of the N images, in memory of their own."""
        return self._with(lambda tensor: self._by_window(tensor)[:, index].clone(), batch=1)

    def to(self, device: torch.device) -> ViewFeatures:
        """Return the features on a device."""
        return self._with(lambda tensor: tensor.to(device))

    def parts(self, windows: int, batch: int) -> Iterator[ViewFeatures]:
        """Iterate over the features, some windows at a time.

        Args:
            windows: Windows of each image in a part; the last part may have fewer.
            batch: N of the comparison. The features of one image are repeated to it.

        Yields:
            Features of `batch` images.
        """
        if windows >= self.windows and batch == self.batch:
            yield self
            return
        for first in range(0, self.windows, windows):

            def part(tensor: torch.Tensor, first: int = first) -> torch.Tensor:
                chosen = self._by_window(tensor)[first : first + windows]
                return chosen.expand(-1, batch, *chosen.shape[2:]).flatten(0, 1)

            yield self._with(part, batch=batch)

    @classmethod
    def join(cls, parts: Sequence[ViewFeatures]) -> ViewFeatures:
        """Join features of the same images in different windows."""
        if len(parts) == 1:
            return parts[0]
        keys = parts[0].tensors
        return replace(parts[0], tensors={key: torch.cat([part.tensors[key] for part in parts]) for key in keys})

    def _by_window(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.view(self.windows, self.batch, *tensor.shape[1:])

    def _with(self, change: _Change, *, batch: int | None = None) -> ViewFeatures:
        changed = {key: change(tensor) for key, tensor in self.tensors.items()}
        return replace(self, tensors=changed, batch=self.batch if batch is None else batch)


@dataclass(frozen=True)
class FeatureBatch:
    """Features of N images for a metric: those of each of its views. Made by `FeatureMetric.extract_features`.

    Attributes:
        views: Features of each view, in the order of the metric's views.
    """

    views: tuple[ViewFeatures, ...]

    @property
    def batch(self) -> int:
        """N, the number of images."""
        return self.views[0].batch

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        return sum(view.nbytes for view in self.views)

    def to(self, device: torch.device) -> FeatureBatch:
        """Return the features on a device."""
        return FeatureBatch(tuple(view.to(device) for view in self.views))
