"""A pair of images as the metric gets it: limited to a region, on each background that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from innersight.inference.regions import Region, RegionPair
from innersight.io.pictures import WHITE, Colour, Picture

BLACK: Colour = (0.0, 0.0, 0.0)
"""The second background of transparent pixels."""


@dataclass(frozen=True, eq=False)
class PairImages:
    """Both images of a pair on one background.

    Attributes:
        pair: The images, limited to the region.
        background: What the transparent pixels were composited on, or None if no pixel of both images is transparent.
    """

    pair: RegionPair
    background: Colour | None


def compositions(
    reference: Picture, distorted: Picture, region: Region, background: Colour | None
) -> Iterator[PairImages]:
    """Composite both images on each background that counts.

    White content on transparent pixels is invisible on white, so a difference in it would be hidden there. Images with
    transparent pixels are therefore compared on white and on black, unless a background is given.

    Args:
        reference: The reference.
        distorted: The distorted image, of the same size.
        region: What is scored.
        background: The background of transparent pixels. Default: white and black.

    Yields:
        One pair for images without transparent pixels or for a given background, else two.

    Raises:
        ImageError: As `Region.apply`.
    """
    transparent = reference.is_transparent or distorted.is_transparent
    chosen: Sequence[Colour] = (background,) if background is not None else (WHITE, BLACK)
    for colour in chosen if transparent else (WHITE,):
        pair = region.apply(reference.on(colour), distorted.on(colour))
        yield PairImages(pair, colour if transparent else None)


def larger_difference(found: Sequence[Mapping[str, float]], higher_is_better: Callable[[str], bool]) -> dict[str, int]:
    """Return for each metric the index of the scores with the larger difference, the first of equal ones.

    Args:
        found: Scores by metric, for each background.
        higher_is_better: Tells it of a metric.

    Example:
        >>> larger_difference([{"lite": 0.0, "psnr": 30.0}, {"lite": 4.0, "psnr": 40.0}], lambda name: name == "psnr")
        {'lite': 1, 'psnr': 0}
    """
    return {
        name: (min if higher_is_better(name) else max)(range(len(found)), key=lambda index: found[index][name])
        for name in found[0]
    }
