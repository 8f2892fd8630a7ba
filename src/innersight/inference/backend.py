"""The interface of what computes the scores of one metric: by torch, or by the runtime of a bundle.

The engine and `Scorer` know images as arrays and features as opaque objects. A backend knows what is in the features.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from innersight.errors import ArgumentError
from innersight.preprocess.masks import Mask

Image: TypeAlias = npt.NDArray[np.float32]
"""An image as `innersight.read_image` returns it: (3, H, W), sRGB in [0, 1]."""


class Features(Protocol):
    """Features of N images, in K windows of each; K is 1 where images are used whole."""

    @property
    def batch(self) -> int:
        """N, the number of images."""
        ...

    @property
    def windows(self) -> int:
        """K, the number of windows of each image."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        ...

    def one(self, index: int) -> Features:
        """Return the features of one of the N images, in memory of their own."""
        ...


F = TypeVar("F", bound=Features)
"""The type of the features of one backend."""


class Source(ABC, Generic[F]):
    """What metrics compare: features, or pixels. It is extracted once for all metrics whose sources have one key.

    Attributes:
        key: What decides the features that metrics can share: the extraction without its outputs, and the device.
        distributions: The distributions whose versions decide the features, see `innersight.provenance`.
        window: Side of the sliding windows, pixels; None where images are used whole.
    """

    key: str
    distributions: tuple[str, ...]
    window: int | None = None

    @property
    @abstractmethod
    def extraction(self) -> str:
        """What decides the features, beside the image and the versions of the software."""

    def join_sources(self, others: Sequence[Source[F]]) -> Source[F]:  # noqa: ARG002
        """Return a source with the features of this source and of others with its key. Default: this source."""
        return self

    @abstractmethod
    def extract_in_parts(self, images: Sequence[Image]) -> Iterator[F]:
        """Extract the features of images of one size, some windows at a time.

        Raises:
            ArgumentError: If the metric does not accept images of this size.
        """

    @abstractmethod
    def join(self, parts: Sequence[F]) -> F:
        """Join features of the same images in different windows."""

    @abstractmethod
    def count_pixels(self, height: int, width: int) -> int:
        """Return a number to which the memory of the features of an image of this size is proportional.

        Raises:
            ArgumentError: If the metric does not accept images of this size.
        """

    @abstractmethod
    def pack(self, features: F) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Return the features of one image as arrays and facts, to store them."""

    @abstractmethod
    def unpack(self, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, str]) -> F:
        """Return the features that `pack` was given."""

    def window_masks(self, mask: Mask) -> Sequence[Mask]:
        """Cut a mask of the size of the images as their windows are cut. Only metrics that accept a mask need it."""
        raise NotImplementedError

    def extract(self, images: Sequence[Image]) -> F:
        """Extract the features of images of one size, all windows together."""
        return self.join(list(self.extract_in_parts(images)))

    def extract_both(self, reference: Image, distorted: Image) -> tuple[F, F]:
        """Extract the features of two images of one size, one after the other."""
        return self.extract([reference]), self.extract([distorted])


class Comparison(ABC, Generic[F]):
    """One summand of a metric's score, computed from the features of one source."""

    @abstractmethod
    def compare(
        self, reference: F, distorted: F, *, per_layer: bool, masks: Sequence[Mask] | None = None
    ) -> tuple[float, list[float]]:
        """Compare one pair of images.

        Args:
            reference: Features of one image, of all its windows or of some.
            distorted: Features of one image, of the same windows.
            per_layer: Whether to compute each layer's part.
            masks: For each window the mask that the comparison is limited to, of `Source.window_masks`. At least one
                covers something. Default: everything counts.

        Returns:
            The mean over the windows, weighted by the means of their masks, and each layer's part of it; an empty list
            if it is not asked for.
        """

    def map(self, pairs: Iterable[tuple[F, F]], size: tuple[int, int]) -> Image | None:  # noqa: ARG002
        """Map the differences of one pair of images.

        Args:
            pairs: Features of the reference and of the distorted image, some windows at a time, in their order.
            size: (height, width) of the images.

        Returns:
            (height, width), or None if this summand has no map. Default: None.
        """
        return None


class Backend(ABC):
    """Computes the scores of one metric. Safe to use from several threads."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the metric."""

    @property
    @abstractmethod
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""

    @property
    @abstractmethod
    def zero_for_identical(self) -> bool:
        """Whether the score, its parts and the map are 0 for identical images, of which the features are finite."""

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers' parts of the score; empty if the metric has none."""

    @property
    @abstractmethod
    def has_map(self) -> bool:
        """Whether the metric has a map."""

    @property
    @abstractmethod
    def without_mask(self) -> str | None:
        """What of the metric cannot be limited to a mask, in words for an error; None if all of it can."""

    @property
    @abstractmethod
    def runtime_name(self) -> str:
        """The library that computes the scores, with its version where it is not torch."""

    @property
    @abstractmethod
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[tuple[Source[Any], Comparison[Any]]]:
        """The summands of the score, each with the source of the features that it compares."""

    @abstractmethod
    def workers(self, threads: int) -> AbstractContextManager[Callable[[], None]]:
        """Prepare for worker threads that compute at the same time.

        Args:
            threads: Number of threads of one computation in a worker.

        Returns:
            A context for the time of the workers. Its value is a function that each worker calls first.
        """

    @property
    def threads(self) -> int:
        """Number of threads that a computation uses outside workers. Default: one for each core."""
        return cores()

    @property
    def on_gpu(self) -> bool:
        """Whether scores are computed on a GPU. Default: False."""
        return False

    def require(self, *, per_layer: bool, map: bool, mask: bool = False) -> None:
        """Check that the metric has what is asked for.

        Raises:
            ArgumentError: If it has no layers or no map, or accepts no mask.
        """
        if mask and (reason := self.without_mask) is not None:
            raise ArgumentError(
                f"The metric {self.name} cannot be limited to a mask: {reason}. Use another metric, such as 'lite', or "
                "crop the images."
            )
        for wanted, there, what in ((map, self.has_map, "map"), (per_layer, bool(self.layer_names), "layers")):
            if wanted and not there:
                raise ArgumentError(f"The metric {self.name} has no {what}: use a metric of features, such as 'lite'.")


def cores() -> int:
    """Return the number of processor cores that this process may use, or OMP_NUM_THREADS if that is set.

    Example:
        >>> cores() >= 1
        True
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted) >= 1:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
