"""Scores by a bundle: the networks of an exported metric, run without torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from innersight.inference.backend import Backend, Comparison, Image, Source, cores
from innersight.preprocess.masks import Mask
from innersight.provenance import ONNX

if TYPE_CHECKING:
    from innersight.bundles.bundle import Bundle

_WINDOWS_AT_ONCE = 16
"""Windows in one pass of the network. It limits the memory of a large image and does not change a score."""


class _Worker(threading.local):
    """How many threads a computation in the current thread uses, if that is a worker of the engine."""

    threads: int | None = None


_WORKER = _Worker()


def _threads() -> int | None:
    """Return the number of threads of a computation; None where nothing limits it, and the runtime decides."""
    if _WORKER.threads is not None:
        return _WORKER.threads
    return None if cores() == os.cpu_count() else cores()


@dataclass(frozen=True)
class BundleFeatures:
    """Features that a bundle extracts from N images, in K windows of each.

    Attributes:
        arrays: By name, each (K * N, ...): the first window of all images, then the second window of all images.
        batch: N.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    batch: int

    @property
    def windows(self) -> int:
        """K, the number of windows of each image."""
        return int(next(iter(self.arrays.values())).shape[0]) // self.batch

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def one(self, index: int) -> BundleFeatures:
        """Return the features of one of the N images, in memory of their own."""
        return BundleFeatures({name: array[index :: self.batch].copy() for name, array in self.arrays.items()}, 1)


class BundleSource(Source[BundleFeatures]):
    """The features that a bundle extracts.

    Args:
        bundle: The bundle.
    """

    distributions = ONNX

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.window = bundle.window
        self.key = self.extraction

    @property
    def extraction(self) -> str:
        """The digest of the network and the runtime."""
        return f"bundle {self._bundle.extractor_id}, {self._bundle.runtime_name}"

    def extract_in_parts(self, images: Sequence[Image]) -> Iterator[BundleFeatures]:
        """Extract the features, some windows at a time."""
        batch, (height, width) = len(images), images[0].shape[-2:]
        self._bundle.check_size(height, width)
        stacked = images[0][None] if batch == 1 else np.stack(images)
        threads = _threads()
        if self.window is None:
            yield BundleFeatures(self._bundle.extract(stacked, threads=threads), batch)
            return
        count, step = self._bundle.count_windows(height, width), max(1, _WINDOWS_AT_ONCE // batch)
        for first in range(0, count, step):
            windows = first, min(step, count - first)
            yield BundleFeatures(self._bundle.extract(stacked, threads=threads, windows=windows), batch)

    def extract_both(self, reference: Image, distorted: Image) -> tuple[BundleFeatures, BundleFeatures]:
        """Extract the features of two images at once: operations that use one thread leave no core idle."""
        found = self._bundle.extract_each([reference, distorted], threads=_threads())
        return BundleFeatures(found[0], 1), BundleFeatures(found[1], 1)

    def join(self, parts: Sequence[BundleFeatures]) -> BundleFeatures:
        """Join features of the same images in different windows."""
        if len(parts) == 1:
            return parts[0]
        names = parts[0].arrays
        joined = {name: np.concatenate([part.arrays[name] for part in parts]) for name in names}
        return BundleFeatures(joined, parts[0].batch)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets."""
        return self._bundle.count_pixels(height, width)

    def window_masks(self, mask: Mask) -> Sequence[Mask]:
        """Cut a mask as the windows are cut."""
        return self._bundle.window_masks(mask)

    def pack(self, features: BundleFeatures) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Return the arrays; there are no further facts."""
        return dict(features.arrays), {}

    def unpack(self, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, str]) -> BundleFeatures:  # noqa: ARG002
        """Return the features of one image."""
        return BundleFeatures(arrays, 1)


class _OfBundle(Comparison[BundleFeatures]):
    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def compare(
        self,
        reference: BundleFeatures,
        distorted: BundleFeatures,
        *,
        per_layer: bool,
        masks: Sequence[Mask] | None = None,
    ) -> tuple[float, list[float]]:
        sides = reference.arrays, distorted.arrays
        if masks is None:
            score, parts = self._bundle.compare(*sides, threads=_threads())
        else:
            score, parts = self._bundle.compare_in_mask(*sides, masks, threads=_threads())
        return score, parts if per_layer else []

    def map(self, pairs: Iterable[tuple[BundleFeatures, BundleFeatures]], size: tuple[int, int]) -> Image | None:
        source = BundleSource(self._bundle)  # the map of a bundle needs all windows together
        reference, distorted = (source.join(side).arrays for side in zip(*pairs, strict=True))
        return self._bundle.map(reference, distorted, size, threads=_threads())


class BundleBackend(Backend):
    """Computes the scores of a bundle.

    Args:
        bundle: The bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self._bundle.name

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""
        return self._bundle.higher_is_better

    @property
    def zero_for_identical(self) -> bool:
        """True: only metrics of features are exported."""
        return True

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers' parts of the score."""
        return self._bundle.layer_names

    @property
    def has_map(self) -> bool:
        """Whether the metric has a map."""
        return self._bundle.has_map

    @property
    def without_mask(self) -> str | None:
        """A sentence if the bundle has no graph for masks."""
        return None if self._bundle.accepts_mask else "its bundle has no graph for masks"

    @property
    def runtime_name(self) -> str:
        """The runtime with its version."""
        return self._bundle.runtime_name

    @property
    def citation(self) -> str:
        """One line to cite with a score."""
        return self._bundle.citation

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""
        return self._bundle.describe()

    @property
    def parts(self) -> Sequence[tuple[BundleSource, _OfBundle]]:
        """One summand: the bundle itself adds up its views."""
        return ((BundleSource(self._bundle), _OfBundle(self._bundle)),)

    @contextmanager
    def workers(self, threads: int) -> Iterator[Callable[[], None]]:
        """Let each worker give its number of threads to the bundle."""

        def start() -> None:
            _WORKER.threads = threads

        yield start
