"""Features of image files for several metrics, each file read and extracted once, and scores from them."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from innersight.errors import ImageError, InnersightError
from innersight.inference.backend import Backend, Features, Image
from innersight.inference.identity import pixel_digest, same_pixels
from innersight.inference.pair_images import compositions, larger_difference
from innersight.inference.regions import Region, RegionPair
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.io.decoder import Decoder
from innersight.io.image_sources import MOST_BYTES, ImageSource
from innersight.io.images import check_same_size, read_picture
from innersight.io.limits import DecodingLimits
from innersight.io.pictures import WHITE, Colour, Picture
from innersight.provenance import versions

if TYPE_CHECKING:
    from innersight.inference.feature_cache import FeatureCache
    from innersight.preprocess.perturbation import Perturbation

_PROBE_SIZE = (384, 512)


@dataclass(frozen=True)
class RowScore:
    """The result of one pair of a list.

    Attributes:
        scores: By metric; empty if the pair could not be scored.
        per_layer: By metric, each layer's part of the score; empty unless asked for.
        error: Why the pair could not be scored, or None.
        transparent: Whether an image has transparent pixels.
    """

    scores: Mapping[str, float]
    per_layer: Mapping[str, list[float]]
    error: str | None
    transparent: bool = False


@dataclass(frozen=True, eq=False)
class FileFeatures(ImageFeatures):
    """The features of one image file, or its pixels where the features would fill the memory.

    Attributes:
        path: The file.
        fingerprint: A digest of the pixels, or None if none is needed.
        transparent: Whether the image has transparent pixels. They are composited on the given background, or on white.
    """

    path: Path
    fingerprint: bytes | None
    transparent: bool


class FeatureExtractor:
    """Extracts the features of image files for several metrics, and compares them.

    Metrics with one extractor id share an extraction. Safe to use from several threads.

    Args:
        backends: What computes the scores, by the names of the scores.
        with_layers: Whether to compute `per_layer`.
        together: Whether several images go through the network at once. Images in one batch can differ by rounding, so
            identical images are then recognised by their pixels, and scored as the reference with itself.
        cache: A cache of features, or None.
        perturbation: A change of the images after they are read, or None.
        background: The background of transparent pixels. Default: white and black, see `compositions`.
        limits: Limits of the decoding of each image. Default: that of the number of pixels only.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        *,
        with_layers: bool,
        together: bool,
        cache: FeatureCache | None,
        perturbation: Perturbation | None = None,
        background: Colour | None = None,
        limits: DecodingLimits | None = None,
    ) -> None:
        self._decoder = None if limits is None else Decoder(limits)
        self._shared = SharedSources(backends)
        self._backends = backends
        self._background = background
        self._with_layers = with_layers
        self._fingerprints = together or cache is not None
        self._cache = cache
        self._perturbation = perturbation
        self._bytes_per_pixel: dict[str, float] = dict.fromkeys(self._shared.sources, 0.0)
        # The memory of a GPU is used by one batch at a time; files are read meanwhile.
        on_gpu = any(backend.on_gpu for backend in backends.values())
        self._turn: AbstractContextManager[object] = threading.Lock() if on_gpu else nullcontext()

    def warm_up(self, size: tuple[int, int] | None) -> None:
        """Extract features of a random image, so that runtimes are ready and the memory of features is known.

        Args:
            size: (height, width) of images to come, or None if none is known.
        """
        draw = np.random.default_rng(0)
        for key, source in self._shared.sources.items():
            shape = size or _PROBE_SIZE
            if source.window is not None:
                shape = (source.window, source.window)
            image = draw.random((3, *shape), dtype=np.float32)
            with self._turn:
                features = next(source.extract_in_parts([image]))
            self._bytes_per_pixel[key] = features.nbytes / source.count_pixels(*shape)

    def feature_bytes(self, height: int, width: int) -> int:
        """Estimate the memory of the features of an image of this size, bytes.

        Raises:
            ArgumentError: If a metric does not accept images of this size.
        """
        sources = self._shared.sources
        return int(sum(self._bytes_per_pixel[key] * sources[key].count_pixels(height, width) for key in sources))

    def extract(
        self, paths: Sequence[Path], *, in_parts: bool, like: Sequence[FileFeatures] | None = None
    ) -> list[FileFeatures | InnersightError]:
        """Read image files and extract their features.

        Args:
            paths: The files. Images of one size go through the network together.
            in_parts: Only read them; `compare` then extracts a few windows at a time.
            like: The reference of each file, whose size it must have; None if the files are references.

        Returns:
            For each file its features, or the error.
        """
        found: dict[int, FileFeatures | InnersightError] = {}
        read: dict[tuple[int, int], list[tuple[int, Image, dict[str, str]]]] = {}
        transparent: set[int] = set()
        for index, path in enumerate(paths):
            try:
                keys = {} if self._cache is None or in_parts else self._keys(path, self._cache, like is None)
                image = self._from_cache(path, keys) or self._read(path)
                size = image.size
                if like is not None:
                    check_same_size(like[index].size, size, (like[index].path, path))
            except InnersightError as error:
                found[index] = _without_frames(error)
                continue
            if isinstance(image, FileFeatures):
                found[index] = image
            else:
                shown = self._perturbed(image.on(self._background or WHITE), is_reference=like is None)
                read.setdefault(size, []).append((index, shown, keys))
                if image.is_transparent:
                    transparent.add(index)
        for size, group in read.items():
            indices = [index for index, _, _ in group]
            images = [image for _, image, _ in group]
            if in_parts:
                found.update(
                    (index, FileFeatures(size, {}, image, paths[index], None, index in transparent))
                    for index, image in zip(indices, images, strict=True)
                )
                continue
            try:
                with self._turn:
                    extracted = self._extract(images)
            except InnersightError as error:
                found.update(dict.fromkeys(indices, _without_frames(error)))
                continue
            for (index, pixels, keys), features in zip(group, extracted, strict=True):
                one = FileFeatures(size, features, None, paths[index], self._fingerprint(pixels), index in transparent)
                self._to_cache(one, keys)
                found[index] = one
        return [found[index] for index in range(len(paths))]

    def compare(self, reference: FileFeatures, distorted: FileFeatures) -> RowScore:
        """Score one pair of one size. Either both have features, or both have pixels."""
        transparent = reference.transparent or distorted.transparent
        if transparent and self._background is None:  # it is compared on a second background too
            return self.score_alone(reference.path, distorted.path, Region())
        try:
            if reference.fingerprint is not None and reference.fingerprint == distorted.fingerprint:
                distorted = reference
            with self._turn:
                scores, per_layer = self._shared.score(reference, distorted, per_layer=self._with_layers)
            _check_finite(scores)
        except InnersightError as error:
            return RowScore({}, {}, str(error))
        return RowScore(scores, per_layer, None, transparent)

    def score_alone(self, reference: Path, distorted: Path, region: Region) -> RowScore:
        """Read and score one pair without the features of other pairs.

        Args:
            reference: The file of the reference.
            distorted: The file of the distorted image.
            region: What is scored.
        """
        try:
            first, second = self._read(reference), self._read(distorted)
            if region.mask is not None:
                region = replace(region, mask=self._limit(region.mask))
            check_same_size(first.size, second.size, (reference, distorted))
            found = [
                self._score_images(images.pair) for images in compositions(first, second, region, self._background)
            ]
            chosen = larger_difference([scores for scores, _ in found], self._is_higher_better)
        except InnersightError as error:
            return RowScore({}, {}, str(error))
        scores = {name: found[index][0][name] for name, index in chosen.items()}
        layers = {name: found[index][1][name] for name, index in chosen.items()} if self._with_layers else {}
        return RowScore(scores, layers, None, first.is_transparent or second.is_transparent)

    def _score_images(self, pair: RegionPair) -> tuple[dict[str, float], dict[str, list[float]]]:
        images = [
            self._perturbed(image, is_reference=is_reference)
            for image, is_reference in ((pair.reference, True), (pair.distorted, False))
        ]
        size = images[0].shape[1], images[0].shape[2]
        self._shared.check_size(*size)
        if any(source.window is not None for source in self._shared.sources.values()):
            sides = [ImageFeatures(size, {}, image) for image in images]
        else:
            with self._turn:
                sides = [ImageFeatures(size, found, None) for found in self._shared.extract_both(*images)]
        if same_pixels(*images):
            sides[1] = sides[0]
        with self._turn:
            scores, layers = self._shared.score(*sides, per_layer=self._with_layers, mask=pair.mask)
        _check_finite(scores)
        return scores, layers

    def _is_higher_better(self, name: str) -> bool:
        return self._backends[name].higher_is_better

    def _extract(self, images: Sequence[Image]) -> list[dict[str, Features]]:
        found: list[dict[str, Features]] = [{} for _ in images]
        for key, source in self._shared.sources.items():
            features = source.extract(images)
            for index, one in enumerate(found):
                one[key] = features.one(index) if len(found) > 1 else features
        return found

    def _fingerprint(self, image: Image) -> bytes | None:
        return pixel_digest(image) if self._fingerprints else None

    def _read(self, path: Path) -> Picture:
        try:
            is_pipe = path.is_fifo()
        except OSError:  # a name that is too long, a folder of another user: reading gives the reason
            is_pipe = False
        if is_pipe:
            raise ImageError(f"'{path}' is a pipe, which can be read only once. A list needs files.")
        return read_picture(self._limit(path))

    def _limit(self, source: ImageSource) -> ImageSource:
        return source if self._decoder is None else self._decoder.limit(source)

    def _perturbed(self, image: Image, *, is_reference: bool) -> Image:
        if self._perturbation is None:
            return image
        from innersight.inference.torch_backend import perturb

        return perturb(image, self._perturbation, is_reference=is_reference)

    def _keys(self, path: Path, cache: FeatureCache, is_reference: bool) -> dict[str, str]:
        # Only a regular file has an end. For any other path, reading it as an image gives the reason.
        try:
            if not path.is_file() or path.stat().st_size > MOST_BYTES:
                return {}
            content = path.read_bytes()
        except (OSError, ValueError):  # a name with a NUL character or a lone surrogate is a ValueError
            return {}
        changed = "" if self._perturbation is None else f"{self._perturbation} of {'r' if is_reference else 'd'}"
        shown = "" if self._background is None else f" on {self._background}"
        return {
            key: cache.key(content, f"{source.extraction} {changed}{shown}", versions(source.distributions))
            for key, source in self._shared.sources.items()
        }

    def _from_cache(self, path: Path, keys: Mapping[str, str]) -> FileFeatures | None:
        features: dict[str, Features] = {}
        facts: dict[str, str] = {}
        for source, key in keys.items():
            kept = self._cache.load(key) if self._cache is not None else None
            if kept is None:
                return None
            arrays, facts = kept
            try:
                features[source] = self._shared.sources[source].unpack(arrays, facts)
            except (KeyError, ValueError, TypeError):  # damaged
                return None
        if not features:
            return None
        try:
            size = int(facts["height"]), int(facts["width"])
            transparent = {"no": False, "yes": True}[facts["transparent"]]
            return FileFeatures(size, features, None, path, bytes.fromhex(facts["fingerprint"]), transparent)
        except (KeyError, ValueError):  # damaged
            return None

    def _to_cache(self, image: FileFeatures, keys: Mapping[str, str]) -> None:
        if self._cache is None or image.fingerprint is None:
            return
        facts = {
            "height": str(image.size[0]),
            "width": str(image.size[1]),
            "fingerprint": image.fingerprint.hex(),
            "transparent": "yes" if image.transparent else "no",
        }
        for source, key in keys.items():
            arrays, own = self._shared.sources[source].pack(image.features[source])
            self._cache.save(key, arrays, own | facts)


def _without_frames(error: InnersightError) -> InnersightError:
    """Return an error of a row without the frames that raised it: they would keep the features of other images."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _check_finite(scores: Mapping[str, float]) -> None:
    for name, score in scores.items():
        if not math.isfinite(score):
            raise ImageError(f"The score of {name} is {score}: the features of these images are not finite.")
