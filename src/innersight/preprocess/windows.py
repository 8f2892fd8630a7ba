"""Cropping of sliding windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def cut_windows(images: torch.Tensor, corners: Sequence[tuple[int, int]], window: int) -> torch.Tensor:
    """Crop windows of every image.

    Args:
        images: (N, C, H, W).
        corners: First pixel row and column of K windows, see `WindowGrid.corners`.
        window: Side of the windows, pixels.

    Returns:
        (K * N, C, window, window): the first window of all images, then the second window of all images, and so on.

    Example:
        >>> cut_windows(torch.rand(2, 3, 8, 8), [(0, 0), (0, 4), (4, 4)], 4).shape
        torch.Size([6, 3, 4, 4])
    """
    return torch.cat([images[..., top : top + window, left : left + window] for top, left in corners])
