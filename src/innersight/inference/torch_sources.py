"""The features that torch metrics compare: those of a view, or pixels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import torch

from innersight.inference.backend import Image, Source
from innersight.metrics.feature_batch import ViewFeatures
from innersight.metrics.view_comparison import ViewComparison
from innersight.preprocess.masks import Mask, window_masks
from innersight.preprocess.validation import check_images
from innersight.provenance import TORCH

PIXELS = "pixels"
"""The key of the pixels in the features of `PixelSource`."""


class TorchSource(Source[ViewFeatures]):
    """Features that are torch tensors on the device of a metric.

    Args:
        device: The device of the metric.
        dtype: The dtype of the metric.
    """

    distributions = TORCH

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype

    def batch(self, images: Sequence[Image]) -> torch.Tensor:
        """Stack images on the device and in the dtype of the source: (N, 3, H, W)."""
        tensors = [torch.from_numpy(image) for image in images]
        stacked = tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
        return stacked.to(device=self.device, dtype=self.dtype)

    def join(self, parts: Sequence[ViewFeatures]) -> ViewFeatures:
        """Join features of the same images in different windows."""
        return ViewFeatures.join(parts)

    def pack(self, features: ViewFeatures) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Return the tensors as arrays, and what else `ViewFeatures` holds."""
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in features.tensors.items()}
        facts = {
            "kind": features.kind,
            "grid": json.dumps(features.grid),
            "prepared": json.dumps(features.size),
            "extractor_id": features.extractor_id,
        }
        return arrays, facts

    def unpack(self, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, str]) -> ViewFeatures:
        """Return the features on the device of the source."""
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        grid, (height, width) = json.loads(facts["grid"]), json.loads(facts["prepared"])
        kind: Any = facts["kind"]
        shape = None if grid is None else (grid[0], grid[1])
        return ViewFeatures(kind, tensors, shape, 1, (height, width), facts["extractor_id"])


class ViewSource(TorchSource):
    """The features of a view, with all layers and pixel features that its comparisons need.

    Args:
        comparisons: Comparisons whose extractors have one extractor id and one runtime.
    """

    def __init__(self, comparisons: Sequence[ViewComparison]) -> None:
        self._comparisons = tuple(comparisons)
        self._extractor = extractor = comparisons[0].extractor
        super().__init__(extractor.device, extractor.dtype)
        self._layers = tuple(sorted({layer for comparison in comparisons for layer in comparison.layers}))
        self._pixels = tuple(dict.fromkeys(pixel for comparison in comparisons for pixel in comparison.pixels))
        self.key = f"{extractor.extractor_id}, {extractor.runtime.name} on {self.device}"
        self.window = extractor.window

    @property
    def extraction(self) -> str:
        """The extractor id, the runtime, the device, the layers and the pixel features."""
        extractor = self._extractor
        pixels = [pixel.key for pixel in self._pixels]
        made = [extractor.extractor_id, extractor.runtime.name, self.device.type, list(self._layers), pixels]
        return json.dumps(made)

    def join_sources(self, others: Sequence[Source[ViewFeatures]]) -> ViewSource:
        """Return a source with the layers and the pixel features of all."""
        views = [other for other in others if isinstance(other, ViewSource)]
        return ViewSource([comparison for source in (self, *views) for comparison in source._comparisons])

    @torch.inference_mode()
    def extract_in_parts(self, images: Sequence[Image]) -> Iterator[ViewFeatures]:
        """Extract the features, some windows at a time; see `ViewExtractor.extract_in_parts`."""
        yield from self._extractor.extract_in_parts(self.batch(images), self._layers, self._pixels)

    @torch.inference_mode()
    def join(self, parts: Sequence[ViewFeatures]) -> ViewFeatures:
        """Join features of the same images in different windows."""
        return super().join(parts)

    def window_masks(self, mask: Mask) -> Sequence[Mask]:
        """Cut a mask as the windows of the view are cut."""
        view = self._extractor.view
        return window_masks(mask, view.input, self._extractor.backbone.multiple, view.name)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets."""
        return self._extractor.count_pixels(height, width)


class PixelSource(TorchSource):
    """The pixels, for metrics that do not extract features.

    Args:
        device: The device of the metrics.
        dtype: The dtype of the metrics.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(device, dtype)
        self.key = f"{self.extraction} on {device}"

    @property
    def extraction(self) -> str:
        """`pixels` and the dtype."""
        return f"{PIXELS} {self.dtype}"

    def extract_in_parts(self, images: Sequence[Image]) -> Iterator[ViewFeatures]:
        """Return the pixels, all at once.

        Raises:
            ArgumentError: If the values are not in [0, 1].
        """
        stacked = self.batch(images)
        check_images("images", stacked, dtype=self.dtype, device=self.device)
        size = stacked.shape[-2], stacked.shape[-1]
        yield ViewFeatures("maps", {PIXELS: stacked}, None, stacked.shape[0], size, self.extraction)

    def count_pixels(self, height: int, width: int) -> int:
        """Return the number of pixels."""
        return height * width
