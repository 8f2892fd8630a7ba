"""Sources of features for the engine: the views of feature metrics, and the pixels for all other metrics."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import torch

from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.feature_batch import ViewFeatures
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.view_comparison import ViewComparison
from innersight.preprocess.validation import check_images

_PIXELS = "pixels"


class Source(ABC):
    """What metrics of one extractor id and one runtime compare. It is extracted once for all of them.

    Attributes:
        device: The device of the extraction.
        dtype: The dtype of the images.
        window: Side of the sliding windows, pixels; None where images are used whole.
    """

    device: torch.device
    dtype: torch.dtype
    window: int | None = None

    @property
    @abstractmethod
    def extraction(self) -> str:
        """What decides the features, beside the image and the versions of the software."""

    @abstractmethod
    def extract_in_parts(self, images: torch.Tensor) -> Iterator[ViewFeatures]:
        """Extract the features of (N, 3, H, W) images, some windows at a time."""

    @abstractmethod
    def count_pixels(self, height: int, width: int) -> int:
        """Return a number to which the memory of the features of an image of this size is proportional."""

    def extract(self, images: torch.Tensor) -> ViewFeatures:
        """Extract the features of (N, 3, H, W) images, all windows together."""
        return ViewFeatures.join(list(self.extract_in_parts(images)))

    def batch(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stack (3, H, W) images on the device and in the dtype of the source."""
        stacked = images[0][None] if len(images) == 1 else torch.stack(list(images))
        return stacked.to(device=self.device, dtype=self.dtype)


class ViewSource(Source):
    """The features of a view, with all layers and pixel features that its comparisons need.

    Args:
        comparisons: Comparisons whose extractors have one extractor id and one runtime.
    """

    def __init__(self, comparisons: Sequence[ViewComparison]) -> None:
        self._extractor = comparisons[0].extractor
        self._layers = tuple(sorted({layer for comparison in comparisons for layer in comparison.layers}))
        self._pixels = tuple(dict.fromkeys(pixel for comparison in comparisons for pixel in comparison.pixels))
        self.device = self._extractor.device
        self.dtype = self._extractor.dtype
        self.window = self._extractor.window

    @property
    def extraction(self) -> str:
        """The extractor id, the runtime, the device, the layers and the pixel features."""
        extractor = self._extractor
        pixels = [pixel.key for pixel in self._pixels]
        made = [extractor.extractor_id, extractor.runtime.name, self.device.type, list(self._layers), pixels]
        return json.dumps(made)

    def extract_in_parts(self, images: torch.Tensor) -> Iterator[ViewFeatures]:
        """Extract the features, some windows at a time; see `ViewExtractor.extract_in_parts`."""
        return self._extractor.extract_in_parts(images, self._layers, self._pixels)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets."""
        return self._extractor.count_pixels(height, width)


class PixelSource(Source):
    """The pixels, for metrics that do not extract features.

    Args:
        device: The device of the metrics.
        dtype: The dtype of the metrics.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype

    @property
    def extraction(self) -> str:
        """`pixels` and the dtype."""
        return f"{_PIXELS} {self.dtype}"

    def extract_in_parts(self, images: torch.Tensor) -> Iterator[ViewFeatures]:
        """Return the pixels, all at once.

        Raises:
            ArgumentError: If the tensor is not (N, 3, H, W) in [0, 1].
        """
        check_images("images", images, dtype=self.dtype, device=self.device)
        size = images.shape[-2], images.shape[-1]
        yield ViewFeatures("maps", {_PIXELS: images}, None, images.shape[0], size, self.extraction)

    def count_pixels(self, height: int, width: int) -> int:
        """Return the number of pixels."""
        return height * width


class Comparison(ABC):
    """One summand of a metric's score, computed from the features of one source."""

    @abstractmethod
    def score(self, reference: ViewFeatures, distorted: ViewFeatures) -> float:
        """Score one pair of images."""

    def score_layers(self, reference: ViewFeatures, distorted: ViewFeatures) -> list[float]:  # noqa: ARG002
        """Compute each layer's part of the score. Default: none."""
        return []


class _OfView(Comparison):
    def __init__(self, comparison: ViewComparison) -> None:
        self._comparison = comparison

    def score(self, reference: ViewFeatures, distorted: ViewFeatures) -> float:
        return self._comparison.compare(reference, distorted).item()

    def score_layers(self, reference: ViewFeatures, distorted: ViewFeatures) -> list[float]:
        found: list[float] = self._comparison.compare_layers(reference, distorted)[0].tolist()
        return found


class _OfPixels(Comparison):
    def __init__(self, metric: FullReferenceMetric) -> None:
        self._metric = metric

    def score(self, reference: ViewFeatures, distorted: ViewFeatures) -> float:
        score: float = self._metric(reference.tensors[_PIXELS], distorted.tensors[_PIXELS]).item()
        return score


def sources_of(
    metrics: Mapping[str, FullReferenceMetric],
) -> tuple[dict[str, Source], dict[str, list[tuple[str, Comparison]]]]:
    """Group metrics by what they compare.

    Args:
        metrics: The metrics by name.

    Returns:
        The sources by an id, and for each metric its summands: the id of a source, and the comparison.
    """
    views: dict[str, list[ViewComparison]] = {}
    sources: dict[str, Source] = {}
    summands: dict[str, list[tuple[str, Comparison]]] = {}
    for name, metric in metrics.items():
        if isinstance(metric, FeatureMetric):
            summands[name] = []
            for comparison in metric.comparisons:
                extractor = comparison.extractor
                key = f"{extractor.extractor_id}, {extractor.runtime.name} on {metric.device}"
                views.setdefault(key, []).append(comparison)
                summands[name].append((key, _OfView(comparison)))
        else:
            source = PixelSource(metric.device, metric.dtype)
            key = f"{source.extraction} on {metric.device}"
            sources[key] = source
            summands[name] = [(key, _OfPixels(metric))]
    sources |= {key: ViewSource(comparisons) for key, comparisons in views.items()}
    return sources, summands
