"""Scoring of pairs of images by a metric that is given by its name, its bundle or its configuration."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from innersight.errors import ArgumentError, ImageError
from innersight.inference.backend import Backend, Image
from innersight.inference.choice import choose_backend
from innersight.inference.identity import Fingerprint, same_bytes, same_pixels
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.io.image_sources import ImageSource, read_once
from innersight.io.images import check_same_size, read_image

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from innersight.metrics.base import FullReferenceMetric
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.factory import Overrides

_HELD_BYTES = 64 << 20
"""Pixels of a reference that are kept while the distorted image is read. Those of a larger one are dropped first."""


@dataclass(frozen=True)
class PairScore:
    """The result of one pair.

    Attributes:
        score: The score.
        per_layer: Each layer's part of the score, or None if it was not asked for.
        map: (H, W) map of the differences, float32, or None if it was not asked for.
    """

    score: float
    per_layer: list[float] | None
    map: Image | None


@dataclass(frozen=True, eq=False)
class Reference(ImageFeatures):
    """A reference image with its features, to compare many distorted images with. `Scorer.reference` makes it.

    Attributes:
        path: The file of the image; None for an image in memory.
        extractions: What decided the features, by source.
        fingerprint: What recognises the same image.
    """

    path: str | None
    extractions: Mapping[str, str]
    fingerprint: Fingerprint

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        return sum(features.nbytes for features in self.features.values())


class Scorer:
    """Scores pairs of images with one metric.

    It is safe to use from several threads, and it can be pickled. It takes the images of `innersight.read_image`.

    A bundle computes the scores, without torch, if `metric` is the folder of a bundle; or if it is the name of a metric
    whose bundle is installed with the package (`lite`), nothing is changed in it, `weights` is not given, `precision`
    is `fp32`, `device` is `auto` or `cpu`, and `runtime` is `auto` or `onnx`. In all other cases torch computes the
    scores, as `innersight.create_metric` does, and the extra `torch` must be installed. Both agree within 1e-5.

    Args:
        metric: A name from `innersight metrics`, which changes may follow as in `paper:distance=cos`; the folder of a
            bundle, which `innersight export` writes; the path of a configuration, .toml or .json; a configuration; or a
            metric that `innersight.create_metric` made. A folder with the file `metric.json` is a bundle, whatever its
            name, unless that is `lite`. Default: `lite`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        device: `auto` (default), `cpu`, `cuda`, `cuda:1`. `auto` takes a CUDA device if there is one and torch computes
            the scores.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        runtime: The library that runs the networks: `onnx` for bundles, `torch` or `torch-compile` for all other
            metrics, or `auto` (default).
        changes: Values to change in the configuration, by path, such as `{"terms.moments.weight": 0}`.
        **overrides: `backbone`, `features`, `input`, `layers` and `distance`, as for `innersight.create_metric`.

    Raises:
        ArgumentError: If a name is unknown, the arguments do not fit together, a folder is no bundle, or torch is
            needed and not installed.
        WeightsError: If the weights are not available.

    Example:
        >>> from PIL import Image
        >>> scorer = Scorer("lite")
        >>> red, grey = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("RGB", (64, 64), (90, 90, 90))
        >>> scorer(red, red), scorer(red, grey) > 1
        (0.0, True)
        >>> reference = scorer.reference(red)  # its features are computed once
        >>> [round(scorer(reference, image), 4) for image in (red, red)]
        [0.0, 0.0]
    """

    def __init__(
        self,
        metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
        *,
        weights: str | Path | None = None,
        device: str | torch.device = "auto",
        precision: str = "fp32",
        runtime: str = "auto",
        changes: Mapping[str, object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        self._backend = choose_backend(
            metric,
            weights=weights,
            device=device,
            precision=precision,
            runtime=runtime,
            changes=changes or None,
            overrides=overrides,
        )

    def __call__(self, reference: ImageSource | Reference, distorted: ImageSource) -> float:
        """Score one pair of images; see `score`."""
        return self.score(reference, distorted).score

    def score(
        self,
        reference: ImageSource | Reference,
        distorted: ImageSource,
        *,
        per_layer: bool = False,
        map: bool = False,
    ) -> PairScore:
        """Score one pair of images.

        Identical images are recognised by the bytes of their files or by their pixels. They are decoded, and no network
        is run: the score of a metric of features, its parts and its map are 0.

        Args:
            reference: The reference image, or what `reference` returned.
            distorted: The distorted image, of the same size.
            per_layer: Whether to compute each layer's part of the score. Default: False.
            map: Whether to compute the map of the differences. Default: False.

        Returns:
            The score and what was asked for beside it.

        Raises:
            ImageError: If an image cannot be read, the sizes differ, or the score is not a finite number.
            ArgumentError: If the metric does not accept images of this size, or has no layers or no map.
        """
        backend = self._backend
        backend.require(per_layer=per_layer, map=map)
        shared = SharedSources({backend.name: backend})
        found = self._read(shared, reference, distorted)
        if not isinstance(found, tuple):
            return PairScore(
                0.0,
                [0.0] * len(backend.layer_names) if per_layer else None,
                np.zeros(found.size, dtype=np.float32) if map else None,
            )
        scores, layers = shared.score(*found, per_layer=per_layer)
        score = scores[backend.name]
        if not math.isfinite(score):
            raise ImageError(f"The score is {score}: the features of these images are not finite.")
        return PairScore(
            score,
            layers[backend.name] if per_layer else None,
            shared.map(backend.name, *found) if map else None,
        )

    def reference(self, image: ImageSource) -> Reference:
        """Compute the features of a reference image once, to score many distorted images with it.

        The features of all windows are held in memory. The scores are those of the image itself, within rounding.

        Args:
            image: The reference image.

        Returns:
            The reference, for `score`, with this scorer or another one of the same metric. It can be pickled.

        Raises:
            ImageError: If the image cannot be read.
            ArgumentError: If the metric does not accept images of this size.
        """
        return _reference(SharedSources({self.name: self._backend}), image, read_image(image))

    @property
    def backend(self) -> Backend:
        """What computes the scores."""
        return self._backend

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self._backend.name

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""
        return self._backend.higher_is_better

    @property
    def has_map(self) -> bool:
        """Whether the metric has a map."""
        return self._backend.has_map

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers' parts of the score; empty if the metric has none."""
        return self._backend.layer_names

    @property
    def runtime_name(self) -> str:
        """The library that computes the scores, with its version where it is not torch."""
        return self._backend.runtime_name

    @property
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""
        return self._backend.citation

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types. The key `citation` holds the citation."""
        return self._backend.describe()

    def _read(
        self, shared: SharedSources, reference: ImageSource | Reference, distorted: ImageSource
    ) -> tuple[ImageFeatures, ImageFeatures] | ImageFeatures:
        """Read both images: what is compared, or one image if they are identical and the score is 0."""
        zero = self._backend.zero_for_identical
        if isinstance(reference, Reference):
            return self._read_distorted(shared, reference, distorted)
        reference, distorted = read_once(reference, distorted)
        if same := zero and same_bytes(reference, distorted):
            distorted = reference
        first = read_image(reference)
        size = _size_of(first)
        shared.check_size(*size)
        if same:
            return ImageFeatures(size, {}, first)
        in_parts = any(source.window is not None for source in shared.sources.values())
        if not in_parts and first.nbytes > _HELD_BYTES:
            kept = _reference(shared, reference, first)
            del first  # the pixels of the distorted image take its place
            return self._read_distorted(shared, kept, distorted)
        second = read_image(distorted)
        check_same_size(size, _size_of(second), (reference, distorted))
        if zero and same_pixels(first, second):
            return ImageFeatures(size, {}, first)
        if in_parts:
            return ImageFeatures(size, {}, first), ImageFeatures(size, {}, second)
        r, d = shared.extract_both(first, second)
        return ImageFeatures(size, r, None), ImageFeatures(size, d, None)

    def _read_distorted(
        self, shared: SharedSources, reference: Reference, distorted: ImageSource
    ) -> tuple[ImageFeatures, ImageFeatures] | ImageFeatures:
        """Read the image that is compared with features; return the reference if it is the same image."""
        if reference.extractions != (own := _extractions(shared)):
            made, needed = (", ".join(texts.values()) for texts in (reference.extractions, own))
            raise ArgumentError(
                f"Argument `reference` has features of ({made}), but this scorer compares features of ({needed}): make "
                "it with the method `reference` of this scorer."
            )
        pixels = read_image(distorted)
        check_same_size(reference.size, _size_of(pixels), (reference.path or distorted, distorted))
        if self._backend.zero_for_identical and reference.fingerprint.matches(pixels):
            return reference
        return reference, ImageFeatures(reference.size, shared.extract(pixels), None)


def scorer_of(backend: Backend) -> Scorer:
    """Return the scorer of a backend."""
    scorer = object.__new__(Scorer)
    scorer._backend = backend
    return scorer


def _reference(shared: SharedSources, source: ImageSource, pixels: Image) -> Reference:
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    features = shared.extract(pixels)
    return Reference(_size_of(pixels), features, None, path, _extractions(shared), Fingerprint.of(pixels))


def _size_of(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def _extractions(shared: SharedSources) -> dict[str, str]:
    return {key: source.extraction for key, source in shared.sources.items()}
