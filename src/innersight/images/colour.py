"""Blur an image's chroma and leave its luma: the eye sees colour detail far less sharply than brightness."""

from __future__ import annotations

import math

import torch

MOST_BLUR = 64.0
"""The largest deviation of a blur, pixels."""

# Luma and the two colour differences of JPEG (ITU-T T.871), from RGB in [0, 1].
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def blur_chroma(images: torch.Tensor, deviation: float) -> torch.Tensor:
    r"""Blur the two colour differences of each image with a Gaussian, :math:`g_\sigma`, and keep its luma.

    .. math:: Y' = Y,\quad C_b' = g_\sigma * C_b,\quad C_r' = g_\sigma * C_r

    The kernel ends at three deviations; borders are mirrored. What falls out of [0, 1] is cut off.

    Args:
        images: (N, 3, H, W), sRGB in [0, 1].
        deviation: :math:`\sigma`, pixels, from 0 (nothing is done) to `MOST_BLUR`.

    Returns:
        The same shape, in [0, 1].

    Example:
        >>> grey = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
        >>> bool((blur_chroma(grey, 2.0) - grey).abs().max() < 1e-5)
        True
    """
    if deviation == 0:
        return images
    matrix = images.new_tensor(_TO_YCC)
    planes = torch.einsum("ij,njhw->nihw", matrix, images)
    luma, chroma = planes[:, :1], planes[:, 1:]
    reach = math.ceil(3 * deviation)
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(offsets**2) / (2 * deviation**2))
    kernel = kernel / kernel.sum()
    for axis in (2, 3):
        chroma = _blur_along(chroma, kernel, axis)
    blurred = torch.cat((luma, chroma), dim=1)
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(matrix), blurred).clamp(0, 1)


def _blur_along(planes: torch.Tensor, kernel: torch.Tensor, axis: int) -> torch.Tensor:
    length, reach = planes.shape[axis], kernel.numel() // 2
    # Mirrored as often as needed: an image may be smaller than the kernel.
    positions = torch.arange(-reach, length + reach, device=planes.device).remainder(2 * length)
    mirrored = torch.where(positions < length, positions, 2 * length - 1 - positions)
    padded = planes.index_select(axis, mirrored)
    weight = kernel.view(1, 1, -1, 1) if axis == 2 else kernel.view(1, 1, 1, -1)
    return torch.nn.functional.conv2d(padded, weight.repeat(2, 1, 1, 1), groups=2)
