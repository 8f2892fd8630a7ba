"""Grouping of metrics by what they compare, so that each source is extracted once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from innersight.inference.backend import Backend, Comparison, Features, Image, Source
from innersight.preprocess.masks import Mask


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """The features of one image, or its pixels where features are extracted a few windows at a time.

    Attributes:
        size: (height, width), pixels.
        features: By source; empty if `image` is given.
        image: (3, H, W), or None if the features are given.
    """

    size: tuple[int, int]
    features: Mapping[str, Features]
    image: Image | None


class SharedSources:
    """The sources of several metrics, each once, and the summands of their scores.

    Args:
        backends: What computes the scores, by the names of the metrics.

    Attributes:
        sources: The sources by key.
        summands: For each metric the key of a source and the comparison, once for each summand of its score.
    """

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        grouped: dict[str, list[Source[Any]]] = {}
        self.summands: dict[str, list[tuple[str, Comparison[Any]]]] = {}
        for name, backend in backends.items():
            parts = backend.parts
            self.summands[name] = [(source.key, comparison) for source, comparison in parts]
            for source, _ in parts:
                grouped.setdefault(source.key, []).append(source)
        self.sources: dict[str, Source[Any]] = {
            key: first.join_sources(others) if others else first for key, (first, *others) in grouped.items()
        }

    def check_size(self, height: int, width: int) -> None:
        """Check that all metrics accept images of this size.

        Raises:
            ArgumentError: If a metric does not accept them.
        """
        for source in self.sources.values():
            source.count_pixels(height, width)

    def extract(self, image: Image) -> dict[str, Features]:
        """Extract the features of one image, all windows together.

        Raises:
            ArgumentError: If a metric does not accept images of this size.
        """
        return {key: source.extract([image]) for key, source in self.sources.items()}

    def extract_both(self, reference: Image, distorted: Image) -> tuple[dict[str, Features], dict[str, Features]]:
        """Extract the features of two images of one size, as `extract`."""
        found = {key: source.extract_both(reference, distorted) for key, source in self.sources.items()}
        return {key: pair[0] for key, pair in found.items()}, {key: pair[1] for key, pair in found.items()}

    def pairs(self, key: str, reference: ImageFeatures, distorted: ImageFeatures) -> Iterator[tuple[Any, Any]]:
        """Return the features of a source of both images, some windows at a time if both have pixels."""
        if key in reference.features and key in distorted.features:
            yield reference.features[key], distorted.features[key]
            return
        if reference.image is None or distorted.image is None:
            raise ValueError("one image has features, the other has pixels")
        source = self.sources[key]
        yield from zip(*(source.extract_in_parts([image]) for image in (reference.image, distorted.image)), strict=True)

    def score(
        self, reference: ImageFeatures, distorted: ImageFeatures, *, per_layer: bool, mask: Mask | None = None
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        """Score one pair of images with all metrics.

        Args:
            reference: The reference.
            distorted: The distorted image. Either both have features, or both have pixels.
            per_layer: Whether to compute each layer's part.
            mask: (H, W), what the comparison is limited to; at least one pixel counts. Default: everything counts.

        Returns:
            The scores, and each layer's part of them, by metric. The second is empty if it is not asked for.
        """
        places = [
            (key, (name, index), comparison)
            for name, summands in self.summands.items()
            for index, (key, comparison) in enumerate(summands)
        ]
        totals: dict[tuple[str, int], float] = {}
        layers: dict[tuple[str, int], list[float]] = {}
        for source in self.sources:
            own = [(place, comparison) for key, place, comparison in places if key == source]
            masks = None if mask is None else self.sources[source].window_masks(mask)
            windows, total_weight = 0, 0.0
            for r, d in self.pairs(source, reference, distorted):
                part = None if masks is None else masks[windows : windows + r.windows]
                windows += r.windows
                # The weight of a window is the share that counts.
                count = float(r.windows) if part is None else sum(float(one.mean(dtype=np.float64)) for one in part)
                if count == 0:
                    continue
                total_weight += count
                for place, comparison in own:
                    value, parts = comparison.compare(r, d, per_layer=per_layer, masks=part)
                    totals[place] = totals.get(place, 0.0) + value * count
                    before = layers.get(place) or [0.0] * len(parts)
                    layers[place] = [total + part * count for total, part in zip(before, parts, strict=True)]
            for place, _ in own:
                totals[place] /= total_weight
                layers[place] = [total / total_weight for total in layers[place]]
        scores = {
            name: sum(totals[name, index] for index in range(len(summands))) for name, summands in self.summands.items()
        }
        if not per_layer:
            return scores, {}
        return scores, {
            name: [value for index in range(len(summands)) for value in layers[name, index]]
            for name, summands in self.summands.items()
        }

    def map(self, name: str, reference: ImageFeatures, distorted: ImageFeatures) -> Image:
        """Map the differences of one pair of images with one metric that has a map.

        Args:
            name: The metric.
            reference: As for `score`.
            distorted: As for `score`.

        Returns:
            (height, width).
        """
        total: Image | None = None
        for key, comparison in self.summands[name]:
            part = comparison.map(self.pairs(key, reference, distorted), reference.size)
            if part is not None:
                total = part if total is None else total + part
        if total is None:
            raise ValueError(f"the metric {name} has no map")
        return total
