"""Heatmaps of the differences between two images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from innersight.errors import ArgumentError

Floats = npt.NDArray[np.float32]

_DARK, _MIDDLE, _BRIGHT = "#000004", "#bc3754", "#fcffa4"
"""Three colours of the colormap inferno of matplotlib. Their lightness increases, so the map is readable in grey."""

_IMAGE_SHARE = 0.35
"""Share of the grey image in the heatmap."""


def draw_heatmap(values: Floats, image: Floats, top: float | None = None) -> Image.Image:
    """Draw a map of differences over the grey image. 0 is black and the largest value is bright yellow.

    Args:
        values: (H, W) map, float32 from 0.
        image: (3, H, W) distorted image, float32 in [0, 1], as `innersight.read_image` returns it.
        top: The value that is drawn brightest. The same value makes several maps comparable. Default: the maximum of
            `values`.

    Returns:
        RGB image of H x W pixels.

    Raises:
        ArgumentError: If the sizes differ, or `top` is not above 0.

    Example:
        >>> draw_heatmap(np.eye(4, dtype=np.float32), np.zeros((3, 4, 4), dtype=np.float32)).size
        (4, 4)
    """
    if values.shape != image.shape[-2:]:
        raise ArgumentError(
            f"Argument `values` must have the size of the image, {image.shape[-2:]}, but got "
            f"{values.shape}. Use the map of this image."
        )
    if top is not None and not top > 0:
        raise ArgumentError(f"Argument `top` must be above 0, but got {top}. Use None for the maximum of the map.")
    peak = float(values.max()) if top is None else top
    share = (values / peak).clip(0, 1) if peak > 0 else np.zeros_like(values)
    return Image.blend(_colourise(share), _grey(image.mean(0)).convert("RGB"), _IMAGE_SHARE)


def colour_table() -> list[list[int]]:
    """Return the colours of a heatmap: 256 colours (R, G, B), 0 to 255, from no difference to the largest one.

    Example:
        >>> colour_table()[0], colour_table()[-1]
        ([0, 0, 4], [252, 255, 164])
    """
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    return [list(colour) for colour in np.asarray(_colourise(ramp))[0].tolist()]


def _colourise(share: Floats) -> Image.Image:
    return ImageOps.colorize(_grey(share), black=_DARK, mid=_MIDDLE, white=_BRIGHT)


def _grey(values: Floats) -> Image.Image:
    return Image.fromarray((values * 255).round().astype(np.uint8))
