"""The share of a mask that lies in each position of a feature. This module does not need torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from innersight.preprocess.input_policy import InputPolicy

Mask: TypeAlias = npt.NDArray[np.float32]
"""(H, W), from 0 (the pixel does not count) to 1 (it counts)."""


def cell_shares(mask: Mask, rows: int, columns: int) -> Mask:
    r"""Average a mask over the cells of a grid that covers it.

    Cell (i, j) of R x C cells covers the rows from :math:`iH/R` to :math:`(i+1)H/R` and the columns from
    :math:`jW/C` to :math:`(j+1)W/C`. A pixel on the border of two cells counts in each by the part that lies in it.

    Args:
        mask: (H, W), from 0 to 1.
        rows: R, from 1.
        columns: C, from 1.

    Returns:
        (R, C), from 0 to 1.

    Example:
        >>> cell_shares(np.array([[1, 1, 0], [1, 0, 0]], np.float32), 1, 2).round(3).tolist()
        [[0.8330000042915344, 0.16699999570846558]]
    """
    height, width = mask.shape
    found = mask.astype(np.float64)
    if rows != height:
        found = _averages(height, rows) @ found
    if columns != width:
        found = found @ _averages(width, columns).T
    return found.clip(0, 1).astype(np.float32)


def window_masks(mask: Mask, policy: InputPolicy, multiple: int, view: str) -> list[Mask]:
    """Cut a mask as a view cuts its images.

    Args:
        mask: (H, W), of the size of the images.
        policy: The resize and the windows of the view.
        multiple: Number that divides the sides of a whole image of the view, pixels.
        view: Name of the view, for errors.

    Returns:
        The mask of each window. For a view without windows it is the mask itself, at its own size.

    Raises:
        ArgumentError: If the images are smaller than a window.

    Example:
        >>> mask = np.ones((448, 600), np.float32)
        >>> [part.shape for part in window_masks(mask, InputPolicy(None, 400, 400), 1, "main")]
        [(400, 400), (400, 400), (400, 400), (400, 400)]
    """
    height, width = mask.shape
    size = policy.prepared_size(height, width, multiple)
    grid = policy.grid(*size, view)
    if grid is None:
        return [mask]
    prepared = cell_shares(mask, *size)
    return [prepared[top : top + grid.window, left : left + grid.window] for top, left in grid.corners]


def position_weights(masks: Sequence[Mask], rows: int, columns: int, tokens: int | None = None) -> Mask:
    """Compute the weight of each position of a feature in each window.

    A token without a position (class, register) gets the mean weight of the positions, so that its part in the mean
    over tokens stays the same.

    Args:
        masks: The masks of K windows.
        rows: Rows of the feature.
        columns: Columns of the feature.
        tokens: Number of tokens, those without a position included; None for maps.

    Returns:
        (K, rows, columns), or (K, tokens) with the tokens without a position first.

    Example:
        >>> half = np.array([[1, 0]], np.float32)
        >>> position_weights([half], 2, 2, tokens=5)
        array([[0.5, 1. , 0. , 1. , 0. ]], dtype=float32)
    """
    found = np.stack([cell_shares(mask, rows, columns) for mask in masks])
    if tokens is None:
        return found
    flat = found.reshape(len(masks), -1)
    return np.concatenate((flat.mean(1, keepdims=True).repeat(tokens - flat.shape[1], 1), flat), axis=1)


def _averages(length: int, cells: int) -> npt.NDArray[np.float64]:
    """Make the matrix (cells, length) that averages positions over cells."""
    edges = np.arange(cells + 1) * length / cells
    position = np.arange(length)
    overlap = np.minimum(edges[1:, None], position + 1) - np.maximum(edges[:-1, None], position)
    return overlap.clip(0) * (cells / length)
