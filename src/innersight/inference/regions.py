"""Regions of images: what of a pair is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from innersight.errors import ArgumentError, ImageError
from innersight.inference.backend import Image
from innersight.io.image_sources import ImageSource, source_name
from innersight.io.images import read_image
from innersight.preprocess.masks import Mask

_BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Region:
    """What of a pair of images is scored: inside a border, inside a mask, and outside ignored rectangles.

    Pixels outside are taken from the reference in both images, so that a difference there has no effect at all. The
    metric weights each position by the share of it that lies inside. docs/regions.md describes both.

    Attributes:
        mask: An image of the size of the pair, or a boolean array (H, W). White pixels count, black ones do not, grey
            ones count by their value. Transparent pixels are black. Default: everything counts.
        ignore: Rectangles (x, y, width, height) that do not count, pixels from the top left corner of the images. A
            part outside the images has no effect. Default: none.
        crop_border: Number of pixels that are cut off on each side of both images before anything else, as papers on
            super-resolution do. Default: 0.

    Raises:
        ArgumentError: If a rectangle is not four whole numbers, x and y from 0, width and height from 1, or
            `crop_border` is not a whole number from 0.

    Example:
        >>> Region(ignore=((0, 0, 100, 20),)).describe()
        {'mask': None, 'ignore': [[0, 0, 100, 20]], 'crop_border': 0}
    """

    mask: ImageSource | None = None
    ignore: Sequence[tuple[int, int, int, int]] = ()
    crop_border: int = 0

    def __post_init__(self) -> None:
        for rectangle in self.ignore:
            if (
                not isinstance(rectangle, Sequence)
                or len(rectangle) != 4
                or any(not _is_whole(value, least) for value, least in zip(rectangle, (0, 0, 1, 1), strict=True))
            ):
                raise ArgumentError(
                    "Argument `ignore` must hold rectangles (x, y, width, height) of whole numbers, x and y from 0, "
                    f"width and height from 1, but got {rectangle!r}."
                )
        if not _is_whole(self.crop_border, 0):
            raise ArgumentError(
                f"Argument `crop_border` must be a whole number of pixels from 0, but got {self.crop_border!r}."
            )
        object.__setattr__(self, "ignore", tuple(tuple(rectangle) for rectangle in self.ignore))

    @property
    def is_everything(self) -> bool:
        """Whether the whole images are scored."""
        return self.mask is None and not self.ignore and not self.crop_border

    @property
    def needs_mask(self) -> bool:
        """Whether the metric must accept a mask. It need not for a border alone."""
        return self.mask is not None or bool(self.ignore)

    def describe(self) -> dict[str, Any]:
        """Return the region in JSON types. A mask in memory is named by what it is."""
        mask = None if self.mask is None else source_name(self.mask).strip("'")
        return {"mask": mask, "ignore": [list(one) for one in self.ignore], "crop_border": self.crop_border}

    def apply(self, reference: Image, distorted: Image) -> RegionPair:
        """Cut both images and fill what does not count.

        Args:
            reference: (3, H, W).
            distorted: (3, H, W).

        Returns:
            What the metric gets.

        Raises:
            ImageError: If the mask cannot be read or has another size, the border leaves no pixel, a rectangle lies
                outside the images, or no pixel counts.
        """
        height, width = size = reference.shape[1], reference.shape[2]
        border = self.crop_border
        if 2 * border >= min(size):
            raise ImageError(
                f"The images have {width} x {height} pixels (width x height): nothing is left inside a border of "
                f"{border} pixels. Use a smaller border."
            )
        mask = self._read_mask(size)
        place = slice(border, height - border), slice(border, width - border)
        first, second = (np.ascontiguousarray(image[:, place[0], place[1]]) for image in (reference, distorted))
        if mask is None:
            return RegionPair(first, second, None, size, place)
        mask = np.ascontiguousarray(mask[place])
        if not mask.any():
            raise ImageError("No pixel counts inside the mask, the border and outside the ignored rectangles.")
        if mask.min() == 1:
            return RegionPair(first, second, None, size, place)
        return RegionPair(first, np.where(mask > 0, second, first), mask, size, place)

    def _read_mask(self, size: tuple[int, int]) -> Mask | None:
        if not self.needs_mask:
            return None
        height, width = size
        mask = np.ones(size, dtype=np.float32)
        if self.mask is not None:
            source = self.mask
            if isinstance(source, np.ndarray) and source.dtype == np.bool_:
                source = source.astype(np.uint8) * np.uint8(255)
            mask = read_image(source, background=_BLACK).mean(0, dtype=np.float64).astype(np.float32)
            if mask.shape != size:
                raise ImageError(
                    f"The mask must have the size of the images, {width} x {height} (width x height), but "
                    f"{source_name(self.mask)} is {mask.shape[1]} x {mask.shape[0]}."
                )
        for x, y, wide, high in self.ignore:
            if x >= width or y >= height:
                raise ImageError(
                    f"The ignored rectangle {x},{y},{wide},{high} (x, y, width, height) lies outside the images of "
                    f"{width} x {height} pixels. Correct it."
                )
            mask[y : y + high, x : x + wide] = 0
        return mask


@dataclass(frozen=True, eq=False)
class RegionPair:
    """A pair of images, limited to a region.

    Attributes:
        reference: (3, h, w), inside the border.
        distorted: (3, h, w), with the pixels of the reference where the mask is 0.
        mask: (h, w), or None if all pixels inside the border count.
        size: (H, W) of the whole images.
        place: Rows and columns of the cut images in the whole ones.
    """

    reference: Image
    distorted: Image
    mask: Mask | None
    size: tuple[int, int]
    place: tuple[slice, slice]

    def whole_map(self, map: Image) -> npt.NDArray[np.float32]:
        """Return a map of the cut images as a map of the whole images, 0 outside the region."""
        found = np.zeros(self.size, dtype=np.float32)
        found[self.place] = map if self.mask is None else np.where(self.mask > 0, map, 0)
        return found


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)
