"""Search of the setting of an encoder that gives a wanted score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

from innersight.errors import ArgumentError
from innersight.inference.scorer import Scorer
from innersight.io.image_sources import ImageSource

Status: TypeAlias = Literal["within tolerance", "nearest", "outside", "stopped"]

_MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Encoding:
    """One encoding of the reference.

    Attributes:
        quality: The setting of the encoder.
        score: The score of the decoded image.
        data: The encoded image.
    """

    quality: float
    score: float
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class TargetResult:
    """The result of a search.

    Attributes:
        best: The encoding whose score is nearest to the wanted one.
        encodings: All encodings, in the order in which they were made.
        status: `within tolerance`; `nearest` if two neighbouring settings have scores on both sides of the wanted one,
            outside the tolerance; `outside` if the wanted score is beyond those of both ends; `stopped` if the number
            of encodings was used up before.
    """

    best: Encoding
    encodings: tuple[Encoding, ...]
    status: Status

    @property
    def found(self) -> bool:
        """Whether the best setting is known to be the wanted one: within the tolerance, or the nearest."""
        return self.status in ("within tolerance", "nearest")


def find_quality(
    scorer: Scorer,
    reference: ImageSource,
    encode: Callable[[float], bytes],
    wanted: float,
    *,
    lowest: float = 1,
    highest: float = 100,
    step: float = 1,
    tolerance: float = 0.05,
    max_encodes: int = 8,
) -> TargetResult:
    """Find the setting of an encoder for which the score of the decoded image is nearest to a wanted one.

    The features of the reference are computed once. The first two encodings tell whether a higher setting gives a
    higher or a lower score. Each further one interpolates between two measured settings with scores on both sides of
    the wanted one, as far as the encodings that are left suffice to halve the rest of the range down to one step. So 8
    encodings find the nearest of 100 settings of an encoder whose scores rise or fall. Where the scores of neighbouring
    settings are out of order, a setting is found at which they cross the wanted score. The best measured one is
    returned.

    Args:
        scorer: The scorer.
        reference: The reference image.
        encode: Encodes the reference with a setting, and returns the content of a file that
            `innersight.read_image` reads.
        wanted: The wanted score.
        lowest: The lowest setting. Default: 1.
        highest: The highest setting. Default: 100.
        step: Difference of neighbouring settings, above 0. Default: 1.
        tolerance: Largest difference from the wanted score that ends the search, from 0. Default: 0.05.
        max_encodes: Largest number of encodings, from 1. Default: 8.

    Returns:
        The best encoding and all others.

    Raises:
        ArgumentError: If a number is out of its range.
        ImageError: If the reference or an encoded image cannot be read, or the sizes differ.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> image = Image.radial_gradient("L")
        >>> def encode(quality: float) -> bytes:
        ...     file = io.BytesIO()
        ...     image.save(file, "JPEG", quality=int(quality))
        ...     return file.getvalue()
        >>> result = find_quality(Scorer("lite"), image, encode, 4)
        >>> result.found, len(result.encodings) <= 8
        (True, True)
    """
    count = _check_range(wanted, lowest, highest, step, tolerance, max_encodes)
    features = scorer.reference(reference)
    made: dict[int, Encoding] = {}

    def measure(index: int) -> float:
        quality = round(lowest + index * step, 9)
        data = encode(quality)
        made[index] = Encoding(quality, scorer.score(features, data).score, data)
        return made[index].score

    status = _search(measure, count, wanted, tolerance, max_encodes)
    best = min(made.values(), key=lambda encoding: abs(encoding.score - wanted))
    return TargetResult(best, tuple(made.values()), status)


def _search(measure: Callable[[int], float], count: int, wanted: float, tolerance: float, max_encodes: int) -> Status:
    """Measure settings 0 to `count` - 1 until the wanted score is found."""
    last = count - 1
    found: dict[int, float] = {}
    planned = [last // 4, last - last // 4]
    while True:
        if any(abs(score - wanted) <= tolerance for score in found.values()):
            return "within tolerance"
        new = next((index for index in planned if index not in found), None)
        if new is None:
            bracket = _bracket(found, wanted)
            if bracket is None:
                new = _end(found, last, wanted)
                if new is None:
                    return "outside"
            else:
                low, high = bracket
                if high - low == 1:
                    return "nearest"
                new = _interpolated(low, high, found, wanted, max_encodes - len(found))
        if len(found) == max_encodes:
            return "stopped"
        found[new] = measure(new)


def _bracket(found: dict[int, float], wanted: float) -> tuple[int, int] | None:
    """Return neighbouring measured settings with scores on both sides of the wanted one; the nearest if several."""
    indices = sorted(found)
    pairs = [(low, high) for low, high in pairwise(indices) if (found[low] - wanted) * (found[high] - wanted) <= 0]
    return min(pairs, key=lambda pair: pair[1] - pair[0], default=None)


def _end(found: dict[int, float], last: int, wanted: float) -> int | None:
    """Return the end whose score is expected to be nearer to the wanted one, if it was not measured, or the other."""
    low, high = min(found), max(found)
    order = (0, last) if abs(found[low] - wanted) < abs(found[high] - wanted) else (last, 0)
    return next((index for index in order if index not in found), None)


def _interpolated(low: int, high: int, found: dict[int, float], wanted: float, left: int) -> int:
    """Interpolate a setting between two, not so near to one that halving takes more than `left` encodings."""
    rise = found[high] - found[low]
    share = 0.5 if rise == 0 else (wanted - found[low]) / rise
    widest = 1 << max(0, left - 1)  # the range that the encodings after this one can halve to one step
    least, most = max(low + 1, high - widest), min(high - 1, low + widest)
    if least > most:
        return (low + high) // 2
    return min(max(round(low + share * (high - low)), least), most)


def _check_range(wanted: float, lowest: float, highest: float, step: float, tolerance: float, max_encodes: int) -> int:
    """Check the numbers, and return the number of settings."""
    numbers = {"wanted": wanted, "lowest": lowest, "highest": highest, "step": step, "tolerance": tolerance}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ArgumentError(f"Argument `{name}` must be a finite number, but got {value!r}.")
    if step <= 0 or tolerance < 0:
        raise ArgumentError(
            f"Arguments `step` must be above 0 and `tolerance` from 0, but got {step:g} and {tolerance:g}."
        )
    if highest < lowest:
        raise ArgumentError(f"Argument `highest` must be at least `lowest`, {lowest:g}, but got {highest:g}.")
    if type(max_encodes) is not int or max_encodes < 1:
        raise ArgumentError(f"Argument `max_encodes` must be a whole number from 1, but got {max_encodes!r}.")
    count = int((highest - lowest) / step + 1e-9) + 1
    if count > _MOST_STEPS:
        raise ArgumentError(f"Argument `step` must leave at most {_MOST_STEPS:,} settings, but gives {count:,}.")
    return count
