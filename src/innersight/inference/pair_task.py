"""The scoring of one pair of images with one metric, from pixels or features to a result."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from innersight.errors import ImageError
from innersight.inference.backend import Backend, Image
from innersight.inference.identity import same_pixels
from innersight.inference.pair_images import PairImages
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.io.pictures import Colour
from innersight.preprocess.masks import Mask


@dataclass(frozen=True)
class PairScore:
    """The result of one pair.

    Attributes:
        score: The score.
        per_layer: Each layer's part of the score, or None if it was not asked for.
        map: (H, W) map of the differences, float32, 0 outside the region, or None if it was not asked for.
        transparent: Which images have transparent pixels: `reference`, `distorted`, both or none.
        background: What the transparent pixels were composited on, sRGB in [0, 1]; None if no pixel is transparent.
    """

    score: float
    per_layer: list[float] | None
    map: Image | None
    transparent: tuple[str, ...] = ()
    background: Colour | None = None


class PairTask:
    """Scores one pair with one metric.

    Args:
        backend: What computes the scores.
        per_layer: Whether to compute each layer's part of the score.
        map: Whether to compute the map.

    Attributes:
        shared: The sources of the metric.
        in_parts: Whether features are extracted a few windows at a time.
    """

    def __init__(self, backend: Backend, *, per_layer: bool, map: bool) -> None:
        self._backend = backend
        self._per_layer = per_layer
        self._map = map
        self.shared = SharedSources({backend.name: backend})
        self.in_parts = any(source.window is not None for source in self.shared.sources.values())

    def score_images(self, images: PairImages, *, transparent: tuple[str, ...]) -> PairScore:
        """Score both images on one background.

        Args:
            images: The images.
            transparent: Which of them have transparent pixels.

        Raises:
            ImageError: If the score is not a finite number.
            ArgumentError: If the metric does not accept images of this size.
        """
        pair = images.pair
        size = pair.reference.shape[1], pair.reference.shape[2]
        self.shared.check_size(*size)
        if self._backend.zero_for_identical and same_pixels(pair.reference, pair.distorted):
            return self.identical(pair.size, transparent, images.background)
        if self.in_parts:
            sides = ImageFeatures(size, {}, pair.reference), ImageFeatures(size, {}, pair.distorted)
        else:
            r, d = self.shared.extract_both(pair.reference, pair.distorted)
            sides = ImageFeatures(size, r, None), ImageFeatures(size, d, None)
        found = self.score_sides(*sides, transparent=transparent, background=images.background, mask=pair.mask)
        if found.map is None:
            return found
        return PairScore(found.score, found.per_layer, pair.whole_map(found.map), transparent, images.background)

    def score_sides(
        self,
        reference: ImageFeatures,
        distorted: ImageFeatures,
        *,
        transparent: tuple[str, ...],
        background: Colour | None,
        mask: Mask | None = None,
    ) -> PairScore:
        """Score both sides by their features, or by their pixels where features are extracted in parts.

        Args:
            reference: The reference.
            distorted: The distorted image.
            transparent: Which of them have transparent pixels.
            background: Their background.
            mask: What counts. Default: everything.

        Raises:
            ImageError: If the score is not a finite number.
        """
        name = self._backend.name
        scores, layers = self.shared.score(reference, distorted, per_layer=self._per_layer, mask=mask)
        if not math.isfinite(scores[name]):
            raise ImageError(f"The score is {scores[name]}: the features of these images are not finite.")
        parts = layers[name] if self._per_layer else None
        map = self.shared.map(name, reference, distorted) if self._map else None
        return PairScore(scores[name], parts, map, transparent, background)

    def identical(self, size: tuple[int, int], transparent: tuple[str, ...], background: Colour | None) -> PairScore:
        """Return the result of identical images of a size."""
        layers = [0.0] * len(self._backend.layer_names) if self._per_layer else None
        map: Image | None = np.zeros(size, dtype=np.float32) if self._map else None
        return PairScore(0.0, layers, map, transparent, background)
