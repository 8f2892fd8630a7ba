"""What a score means: the quality of the JPEG, and the blur, of the same reference that have this score."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from innersight.errors import ArgumentError
from innersight.inference.regions import Region
from innersight.io.image_sources import ImageSource
from innersight.io.images import read_picture
from innersight.io.pictures import WHITE, Colour, check_background

if TYPE_CHECKING:
    from innersight.inference.scorer import Scorer

Beyond: TypeAlias = Literal["closer", "further"]

QUALITIES = tuple(range(1, 101))
"""JPEG qualities, the strongest distortion first."""

SIGMAS = tuple(float(f"{32 * 320 ** (-step / 126):.3g}") for step in range(127))
"""Standard deviations of the Gaussian blur, from 32 to 0.1 pixels, each 4.7 % below the one before."""


@dataclass(frozen=True)
class Explanation:
    """A score in terms of two well-known distortions of the same reference.

    Attributes:
        jpeg_equivalent: Quality of the JPEG whose score is nearest, 1 to 100; None beyond this range.
        jpeg_beyond: `closer` than quality 100, `further` than quality 1, or None.
        blur_equivalent: Standard deviation of the Gaussian blur whose score is nearest, pixels; None beyond its range.
        blur_beyond: `closer` than a blur of 0.1 pixels, `further` than one of 32 pixels, or None.
    """

    jpeg_equivalent: int | None
    jpeg_beyond: Beyond | None
    blur_equivalent: float | None
    blur_beyond: Beyond | None

    @property
    def sentence(self) -> str:
        """The explanation in one sentence.

        Example:
            >>> Explanation(41, None, 1.32, None).sentence
            'As different from the reference as its own JPEG at quality 41, or as a Gaussian blur of sigma 1.32 pixels.'
            >>> Explanation(None, "closer", None, "closer").sentence
            'Closer to the reference than its own JPEG at quality 100, and than a Gaussian blur of sigma 0.1 pixels.'
        """
        jpeg = f"its own JPEG at quality {self.jpeg_equivalent or {'closer': 100}.get(self.jpeg_beyond or '', 1)}"
        sigma = self.blur_equivalent or {"closer": SIGMAS[-1]}.get(self.blur_beyond or "", SIGMAS[0])
        blur = f"a Gaussian blur of sigma {sigma:g} pixels"
        starts: dict[Beyond | None, str] = {
            None: "as different from the reference as",
            "closer": "closer to the reference than",
            "further": "further from the reference than",
        }
        joins: dict[Beyond | None, str] = {None: "or as", "closer": "and than", "further": "and than"}
        first, second = starts[self.jpeg_beyond], starts[self.blur_beyond]
        end = joins[self.jpeg_beyond] if first == second else f"and {second}"
        return f"{first.capitalize()} {jpeg}, {end} {blur}."


class DistortedReference:
    """Scores of distorted copies of one reference. The features of the reference are computed once.

    Args:
        scorer: The scorer.
        reference: The reference image.
        region: What is scored. Default: the whole image.
        background: The background of transparent pixels, three numbers in [0, 1]. Default: white.

    Raises:
        ImageError: If the image cannot be read.
        ArgumentError: If `background` is not three numbers in [0, 1].
    """

    def __init__(
        self, scorer: Scorer, reference: ImageSource, *, region: Region | None = None, background: Colour = WHITE
    ) -> None:
        check_background(background)
        pixels = read_picture(reference).on(background)
        self._scorer = scorer
        self._image = Image.fromarray((255 * pixels + 0.5).astype(np.uint8).transpose(1, 2, 0))
        self._options: dict[str, Any] = {}
        self._reference: Any
        if region is None or region.is_everything:
            self._reference = scorer.reference(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        else:
            self._reference = np.ascontiguousarray(pixels.transpose(1, 2, 0))
            self._options = {"mask": region.mask, "ignore": region.ignore, "crop_border": region.crop_border}

    def score_of_jpeg(self, quality: int) -> float:
        """Score the JPEG of the reference, with 4:2:0 chroma subsampling.

        Args:
            quality: Of libjpeg, 1 to 100.

        Raises:
            ArgumentError: If it is another number.
        """
        if type(quality) is not int or not 1 <= quality <= 100:
            raise ArgumentError(f"Argument `quality` must be a whole number from 1 to 100, but got {quality!r}.")
        file = io.BytesIO()
        self._image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        return self._score(file.getvalue())

    def score_of_blur(self, sigma: float) -> float:
        """Score the reference after a Gaussian blur in sRGB values, by Pillow's approximation with three box blurs.

        Args:
            sigma: Standard deviation, pixels.
        """
        return self._score(self._image.filter(ImageFilter.GaussianBlur(sigma)))

    def explain(self, score: float) -> Explanation:
        """Find the JPEG quality and the blur whose scores are nearest to a score, by bisection in seven steps each.

        Args:
            score: A score of this reference, by the same scorer.
        """
        if score == 0 and self._scorer.backend.zero_for_identical:  # a very small blur changes no pixel either
            return Explanation(None, "closer", None, "closer")
        sign = -1 if self._scorer.higher_is_better else 1
        jpeg, jpeg_beyond = _nearest(QUALITIES, lambda quality: sign * self.score_of_jpeg(quality), sign * score)
        blur, blur_beyond = _nearest(SIGMAS, lambda sigma: sign * self.score_of_blur(sigma), sign * score)
        return Explanation(None if jpeg is None else int(jpeg), jpeg_beyond, blur, blur_beyond)

    def _score(self, image: ImageSource) -> float:
        return self._scorer.score(self._reference, image, **self._options).score


def score_of_jpeg(scorer: Scorer, reference: ImageSource, quality: int) -> float:
    """Score a reference against its own JPEG.

    Args:
        scorer: The scorer.
        reference: The reference image. Transparent pixels are composited on white.
        quality: Of libjpeg, with 4:2:0 chroma subsampling, 1 to 100.

    Raises:
        ImageError: If the image cannot be read.
        ArgumentError: If `quality` is another number.

    Example:
        >>> from innersight import Scorer
        >>> grey = np.linspace(0, 1, 64 * 64).reshape(64, 64)
        >>> score_of_jpeg(Scorer("lite"), grey, 10) > score_of_jpeg(Scorer("lite"), grey, 90)
        True
    """
    return DistortedReference(scorer, reference).score_of_jpeg(quality)


def _nearest(
    levels: Sequence[Any], distance: Callable[[Any], float], wanted: float
) -> tuple[Any | None, Beyond | None]:
    """Find the level whose distance is nearest.

    The distances fall along the levels. Where they rise a little in between, as those of neighbouring JPEG qualities
    can, the distances at several places are nearest, and one of them is found.
    """
    found: dict[int, float] = {}
    low, high = -1, len(levels)  # the distance is above `wanted` at `low`, and not at `high`
    while high - low > 1:
        middle = (low + high) // 2
        found[middle] = distance(levels[middle])
        if found[middle] > wanted:
            low = middle
        else:
            high = middle
    if high == len(levels):
        return None, "closer"
    if low == -1:
        return (levels[0], None) if found[0] == wanted else (None, "further")
    nearest = min((high, low), key=lambda index: abs(found[index] - wanted))
    return levels[nearest], None
