"""Anti-aliased and differentiable resizing of images."""

from __future__ import annotations

import torch


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
    # An exported graph serves all sizes, so it does not compare them.
    if not torch.compiler.is_exporting() and tuple(images.shape[-2:]) == size:
        return images
    return torch.nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
