"""Resize images, anti-aliased and differentiable."""

from __future__ import annotations

import torch

from innersight.errors import ArgumentError

_MOST_PIXELS = 2**24


def fit_short_side(height: int, width: int, short_side: int, multiple: int = 1) -> tuple[int, int]:
    """Return the size whose shorter side is `short_side`, aspect kept, each side rounded to a multiple.

    Args:
        height: Rows, pixels.
        width: Columns, pixels.
        short_side: The shorter side wanted, pixels.
        multiple: What each side must divide by (a transformer's patch), pixels; halves round up.

    Returns:
        (height, width), each at least `multiple`.

    Raises:
        ArgumentError: If the result would have more than 2^24 pixels, as a long thin strip's does.

    Example:
        >>> fit_short_side(384, 512, 256)
        (256, 341)
        >>> fit_short_side(384, 512, 256, multiple=14)
        (252, 336)
    """
    scale = short_side / min(height, width)

    def fit(side: int) -> int:
        return max(1, int(side * scale / multiple + 0.5)) * multiple

    fitted = fit(height), fit(width)
    if fitted[0] * fitted[1] > _MOST_PIXELS:
        raise ArgumentError(
            f"Images of {height} x {width} (height x width) would be resized to {fitted[0]} x {fitted[1]} to have a "
            f"shorter side of {short_side}, more than {_MOST_PIXELS:,} pixels: crop them, or use input='native'."
        )
    return fitted


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize with a bilinear filter that is widened by the reduction (anti-aliased), as Pillow's BILINEAR is.

    Args:
        images: (N, C, H, W) floats.
        size: (height, width) wanted.

    Returns:
        (N, C, *size); the very same tensor if the size is already right.

    Example:
        >>> resize(torch.ones(1, 3, 384, 512), (256, 341)).shape
        torch.Size([1, 3, 256, 341])
    """
    if tuple(images.shape[-2:]) == size:
        return images
    return torch.nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
