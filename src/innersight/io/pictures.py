"""Images with transparent pixels, and their composition on a background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from innersight.errors import ArgumentError
from innersight.io.arrays import Floats
from innersight.io.colour_profiles import Bytes

Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue in [0, 1], sRGB."""

WHITE: Colour = (1.0, 1.0, 1.0)
"""Default background of transparent pixels."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image before its transparent pixels are composited.

    Attributes:
        colour: (3, H, W), uint8, or float32 in [0, 1].
        alpha: (1, H, W), float32 in [0, 1], or None for an image without an alpha channel.
    """

    colour: Bytes | Floats
    alpha: Floats | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return int(self.colour.shape[1]), int(self.colour.shape[2])

    @property
    def is_transparent(self) -> bool:
        """Whether a pixel is not opaque."""
        return self.alpha is not None and bool((self.alpha < 1).any())

    def on(self, background: Colour = WHITE) -> Floats:
        """Composite the transparent pixels on a background; see `read_image`.

        Args:
            background: Three numbers in [0, 1], sRGB. Default: white.

        Returns:
            float32 array (3, H, W) in [0, 1].
        """
        pixels = self.colour
        is_float = pixels.dtype == np.float32
        floats: Floats = pixels if is_float else np.divide(pixels, np.float32(255), dtype=np.float32)  # type: ignore[assignment]
        if self.alpha is None:
            return floats
        found = np.empty(floats.shape, dtype=np.float32)
        for plane, own, level in zip(found, floats, background, strict=True):  # plane by plane, to save memory
            np.multiply(self.alpha[0], own, out=plane)
            plane += (1 - self.alpha[0]) * np.float32(level)
        return found


def check_background(background: object) -> None:
    """Check a background.

    Raises:
        ArgumentError: If it is not three numbers in [0, 1].
    """
    if not _is_colour(background):
        raise ArgumentError(f"Argument `background` must be three numbers in [0, 1] (R, G, B), but got {background!r}.")


def _is_colour(background: object) -> bool:
    if not isinstance(background, Sequence) or len(background) != 3:
        return False
    return all(isinstance(value, (int, float, np.floating)) and 0 <= value <= 1 for value in background)
