"""Scores of the frames of two videos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import numpy as np

from innersight.errors import ArgumentError, ImageError
from innersight.io.image_sources import ImageSource
from innersight.io.video import Video

_END = object()


def score_frames(
    score: Callable[[ImageSource, ImageSource], float],
    reference: Iterable[ImageSource],
    distorted: Iterable[ImageSource],
) -> Iterator[float]:
    """Score the frames of two videos, one after the other; see `Scorer.score_frames`.

    Args:
        score: Scores one pair of frames.
        reference: The frames of the reference.
        distorted: The frames of the distorted video.

    Returns:
        The scores, in the order of the frames.

    Raises:
        ArgumentError: If an argument is not iterable, or an array without the axis of the frames.
        ImageError: If the numbers of frames differ, or `score` raises it.

    Example:
        >>> list(score_frames(lambda r, d: float(abs(r - d).max()), np.zeros((2, 4, 4, 3)), np.ones((2, 4, 4, 3))))
        [1.0, 1.0]
    """
    for name, frames in (("reference", reference), ("distorted", distorted)):
        if isinstance(frames, np.ndarray):
            if frames.ndim != 4:
                raise ArgumentError(
                    f"Argument `{name}` must be an array (T, H, W, C) or an iterable of images, but got an array of "
                    f"shape {frames.shape}."
                )
        elif isinstance(frames, (str, bytes)) or not isinstance(frames, Iterable):
            raise ArgumentError(
                f"Argument `{name}` must be an array (T, H, W, C) or an iterable of images, but got "
                f"{type(frames).__name__}. `innersight.Video` reads a video file."
            )
    if isinstance(reference, np.ndarray) and isinstance(distorted, np.ndarray) and len(reference) != len(distorted):
        raise ImageError(
            f"The videos differ in their number of frames: the reference has {len(reference)}, the distorted video "
            f"{len(distorted)}."
        )
    if isinstance(reference, Video) and isinstance(distorted, Video) and reference.every != distorted.every:
        raise ArgumentError(
            f"Both videos must have the same `every`, but got {reference.every} and {distorted.every}: "
            "different frames would be compared."
        )
    return _scores(score, reference, distorted)


def _scores(
    score: Callable[[ImageSource, ImageSource], float],
    reference: Iterable[ImageSource],
    distorted: Iterable[ImageSource],
) -> Iterator[float]:
    for index, (first, second) in enumerate(zip_longest(reference, distorted, fillvalue=_END)):
        if first is _END or second is _END:
            ended, goes_on = ("reference", "distorted video") if first is _END else ("distorted video", "reference")
            raise ImageError(
                f"The videos differ in their number of frames: the {ended} ends after {index}, the {goes_on} goes on."
            )
        try:
            yield score(first, second)  # type: ignore[arg-type]
        except ImageError as error:
            raise ImageError(f"Frame {index} of the sequence: {error}") from error
    if isinstance(reference, Video) and isinstance(distorted, Video) and reference.decoded != distorted.decoded:
        raise ImageError(
            f"The videos differ in their number of frames: '{reference.path}' has {reference.decoded}, "
            f"'{distorted.path}' has {distorted.decoded}."
        )
