"""Features of image files for several metrics, each file read and extracted once, and scores from them."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from innersight.errors import ImageError, InnersightError
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.sources import sources_of
from innersight.io.images import check_same_size, read_image
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.feature_batch import ViewFeatures
from innersight.preprocess.perturbation import Perturbation

_PROBE_SIZE = (384, 512)


@dataclass(frozen=True)
class RowScore:
    """The result of one pair of a list.

    Attributes:
        scores: By metric; empty if the pair could not be scored.
        per_layer: By metric, each layer's part of the score; empty unless asked for.
        error: Why the pair could not be scored, or None.
    """

    scores: Mapping[str, float]
    per_layer: Mapping[str, list[float]]
    error: str | None


@dataclass(frozen=True)
class ImageFeatures:
    """The features of one image file, or its pixels where the features would fill the memory.

    Attributes:
        path: The file.
        size: (height, width), pixels.
        features: By source; empty if `image` is given.
        image: (3, H, W), or None if the features are given.
        fingerprint: A digest of the pixels, or None if none is needed.
    """

    path: Path
    size: tuple[int, int]
    features: Mapping[str, ViewFeatures]
    image: torch.Tensor | None
    fingerprint: bytes | None


class FeatureExtractor:
    """Extracts the features of image files for several metrics, and compares them.

    Metrics with one extractor id share an extraction. Safe to use from several threads.

    Args:
        metrics: The metrics by the names of their scores.
        with_layers: Whether to compute `per_layer`.
        together: Whether several images go through the network at once. Images in one batch can differ by rounding, so
            identical images are then recognised by their pixels, and scored as the reference with itself.
        cache: A cache of features, or None.
        perturbation: A change of the images after they are read, or None.
    """

    def __init__(
        self,
        metrics: Mapping[str, FullReferenceMetric],
        *,
        with_layers: bool,
        together: bool,
        cache: FeatureCache | None,
        perturbation: Perturbation | None = None,
    ) -> None:
        self._sources, self._summands = sources_of(metrics)
        self._comparisons = {
            key: [
                ((name, index), comparison)
                for name, summands in self._summands.items()
                for index, (source, comparison) in enumerate(summands)
                if source == key
            ]
            for key in self._sources
        }
        self._with_layers = with_layers
        self._fingerprints = together or cache is not None
        self._cache = cache
        self._perturbation = perturbation
        self._bytes_per_pixel: dict[str, float] = dict.fromkeys(self._sources, 0.0)
        # The memory of a GPU is used by one batch at a time; files are read meanwhile.
        on_gpu = any(metric.device.type == "cuda" for metric in metrics.values())
        self._turn: AbstractContextManager[object] = threading.Lock() if on_gpu else nullcontext()

    @torch.inference_mode()
    def warm_up(self, size: tuple[int, int] | None) -> None:
        """Extract features of a random image, so that runtimes are ready and the memory of features is known.

        Args:
            size: (height, width) of images to come, or None if none is known.
        """
        draw = torch.Generator().manual_seed(0)
        for key, source in self._sources.items():
            shape = size or _PROBE_SIZE
            if source.window is not None:
                shape = (source.window, source.window)
            image = torch.rand(3, *shape, generator=draw)
            with self._turn:
                features = next(source.extract_in_parts(source.batch([image])))
            self._bytes_per_pixel[key] = features.nbytes / source.count_pixels(*shape)

    def feature_bytes(self, height: int, width: int) -> int:
        """Estimate the memory of the features of an image of this size, bytes.

        Raises:
            ArgumentError: If a metric does not accept images of this size.
        """
        per_pixel = self._bytes_per_pixel
        return int(sum(per_pixel[key] * source.count_pixels(height, width) for key, source in self._sources.items()))

    @torch.inference_mode()
    def extract(
        self, paths: Sequence[Path], *, in_parts: bool, like: Sequence[ImageFeatures] | None = None
    ) -> list[ImageFeatures | InnersightError]:
        """Read image files and extract their features.

        Args:
            paths: The files. Images of one size go through the network together.
            in_parts: Only read them; `compare` then extracts a few windows at a time.
            like: The reference of each file, whose size it must have; None if the files are references.

        Returns:
            For each file its features, or the error.
        """
        found: dict[int, ImageFeatures | InnersightError] = {}
        read: dict[tuple[int, int], list[tuple[int, torch.Tensor, dict[str, str]]]] = {}
        for index, path in enumerate(paths):
            try:
                keys = {} if self._cache is None or in_parts else self._keys(path, self._cache, like is None)
                image = self._from_cache(path, keys) or self._read(path, like is None)
                size = image.size if isinstance(image, ImageFeatures) else (image.shape[-2], image.shape[-1])
                if like is not None:
                    check_same_size(like[index].size, size, (str(like[index].path), str(path)))
            except InnersightError as error:
                found[index] = error
                continue
            if isinstance(image, ImageFeatures):
                found[index] = image
            else:
                read.setdefault(size, []).append((index, image, keys))
        for size, group in read.items():
            indices = [index for index, _, _ in group]
            images = [image for _, image, _ in group]
            if in_parts:
                found.update(
                    (index, ImageFeatures(paths[index], size, {}, image, None))
                    for index, image in zip(indices, images, strict=True)
                )
                continue
            try:
                with self._turn:
                    extracted = self._extract(images)
            except InnersightError as error:
                found.update((index, error) for index in indices)
                continue
            for (index, image, keys), features in zip(group, extracted, strict=True):
                one = ImageFeatures(paths[index], size, features, None, self._fingerprint(image))
                self._to_cache(one, keys)
                found[index] = one
        return [found[index] for index in range(len(paths))]

    @torch.inference_mode()
    def compare(self, reference: ImageFeatures, distorted: ImageFeatures) -> RowScore:
        """Score one pair of one size. Either both have features, or both have pixels."""
        try:
            if reference.fingerprint is not None and reference.fingerprint == distorted.fingerprint:
                distorted = reference
            with self._turn:
                scores, per_layer = self._score(reference, distorted)
            for name, score in scores.items():
                if not math.isfinite(score):
                    raise ImageError(f"The score of {name} is {score}: the features of these images are not finite.")
        except InnersightError as error:
            return RowScore({}, {}, str(error))
        return RowScore(scores, per_layer, None)

    def _score(
        self, reference: ImageFeatures, distorted: ImageFeatures
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        totals: dict[tuple[str, int], float] = {}
        layers: dict[tuple[str, int], list[float]] = {}
        for key, own in self._comparisons.items():
            windows = 0
            for r, d in self._pairs_of_features(key, reference, distorted):
                windows += r.windows
                for place, comparison in own:
                    totals[place] = totals.get(place, 0.0) + comparison.score(r, d) * r.windows
                    if self._with_layers:
                        values = [value * r.windows for value in comparison.score_layers(r, d)]
                        before = layers.get(place, [0.0] * len(values))
                        layers[place] = [total + value for total, value in zip(before, values, strict=True)]
            for place, _ in own:
                totals[place] /= windows
                layers[place] = [total / windows for total in layers.get(place, [])]
        scores, per_layer = {}, {}
        for name, summands in self._summands.items():
            scores[name] = sum(totals[name, index] for index in range(len(summands)))
            if self._with_layers:
                per_layer[name] = [value for index in range(len(summands)) for value in layers[name, index]]
        return scores, per_layer

    def _pairs_of_features(
        self, key: str, reference: ImageFeatures, distorted: ImageFeatures
    ) -> Iterator[tuple[ViewFeatures, ViewFeatures]]:
        if key in reference.features and key in distorted.features:
            yield reference.features[key], distorted.features[key]
            return
        if reference.image is None or distorted.image is None:
            raise ValueError("one image has features, the other has pixels")
        source = self._sources[key]
        parts = (source.extract_in_parts(source.batch([image])) for image in (reference.image, distorted.image))
        yield from zip(*parts, strict=True)

    def _extract(self, images: Sequence[torch.Tensor]) -> list[dict[str, ViewFeatures]]:
        found: list[dict[str, ViewFeatures]] = [{} for _ in images]
        for key, source in self._sources.items():
            features = source.extract(source.batch(images))
            for index, one in enumerate(found):
                one[key] = features.one(index) if len(found) > 1 else features
        return found

    def _fingerprint(self, image: torch.Tensor) -> bytes | None:
        return hashlib.blake2b(image.numpy().data, digest_size=16).digest() if self._fingerprints else None

    def _read(self, path: Path, is_reference: bool) -> torch.Tensor:
        image = read_image(path)
        if self._perturbation is None:
            return image
        perturb = self._perturbation.of_reference if is_reference else self._perturbation.of_distorted
        return perturb(image).contiguous()

    def _keys(self, path: Path, cache: FeatureCache, is_reference: bool) -> dict[str, str]:
        # Only a regular file has an end. For any other path, reading it as an image gives the reason.
        try:
            if not path.is_file():
                return {}
            content = path.read_bytes()
        except (OSError, ValueError):  # a name with a NUL character or a lone surrogate is a ValueError
            return {}
        done = "" if self._perturbation is None else f"{self._perturbation} of {'r' if is_reference else 'd'}"
        return {key: cache.key(content, f"{source.extraction} {done}") for key, source in self._sources.items()}

    def _from_cache(self, path: Path, keys: Mapping[str, str]) -> ImageFeatures | None:
        features: dict[str, ViewFeatures] = {}
        facts: dict[str, str] = {}
        for source, key in keys.items():
            kept = self._cache.load(key) if self._cache is not None else None
            if kept is None:
                return None
            features[source], facts = kept[0].to(self._sources[source].device), kept[1]
        if not features:
            return None
        try:
            size = int(facts["height"]), int(facts["width"])
            return ImageFeatures(path, size, features, None, bytes.fromhex(facts["fingerprint"]))
        except (KeyError, ValueError):  # damaged
            return None

    def _to_cache(self, image: ImageFeatures, keys: Mapping[str, str]) -> None:
        if self._cache is None or image.fingerprint is None:
            return
        facts = {
            "height": str(image.size[0]),
            "width": str(image.size[1]),
            "fingerprint": image.fingerprint.hex(),
        }
        for source, key in keys.items():
            self._cache.save(key, image.features[source], facts)
