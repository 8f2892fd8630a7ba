"""Anti-aliased and differentiable resizing of images."""

from __future__ import annotations

import torch

from innersight.errors import ArgumentError

_MAX_PIXELS = 2**24
"""Largest number of pixels of a resized image."""


def fit_short_side(height: int, width: int, short_side: int, multiple: int = 1) -> tuple[int, int]:
    """Compute the size with a given shorter side and the same aspect ratio.

    Args:
        height: Height of the image, pixels.
        width: Width of the image, pixels.
        short_side: Shorter side of the result, pixels.
        multiple: Each side is rounded to a multiple of this, pixels, with halves up. For a transformer it is the side
            of its patches. Default: 1.

    Returns:
        (height, width), each at least `multiple`.

    Raises:
        ArgumentError: If the result has more than 2^24 pixels, as for a long and narrow image.

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
    if fitted[0] * fitted[1] > _MAX_PIXELS:
        raise ArgumentError(
            f"Images of {height} x {width} (height x width) with a shorter side of {short_side} have "
            f"{fitted[0]} x {fitted[1]} pixels, more than the limit of {_MAX_PIXELS:,}. Crop them, or use "
            "input='native'."
        )
    return fitted


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize images with an anti-aliased bilinear filter, as BILINEAR of Pillow.

    Args:
        images: (N, C, H, W), floats.
        size: (height, width) of the result.

    Returns:
        (N, C, *size). If the images have this size, it is the same tensor.

    Example:
        >>> resize(torch.ones(1, 3, 384, 512), (256, 341)).shape
        torch.Size([1, 3, 256, 341])
    """
    if tuple(images.shape[-2:]) == size:
        return images
    return torch.nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
