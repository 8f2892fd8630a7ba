"""Checks and conversion of arrays that hold images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from innersight.errors import ArgumentError

Floats = npt.NDArray[np.float32]

_LARGEST = {"u1": 255, "u2": 65535}
"""The value of white of each type of integers."""


def split_array(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Floats | None]:
    """Check an array, and split it into colour and alpha.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or float32 or float64 in [0, 1].

    Returns:
        (H, W, 3) colour, uint8 or float32 in [0, 1], and (H, W, 1) alpha in [0, 1] or None.

    Raises:
        ArgumentError: If the array has another shape, another dtype, a value outside [0, 1] or NaN, or is masked.

    Example:
        >>> split_array(np.full((2, 2, 3), 300.0))
        Traceback (most recent call last):
        innersight.errors.ArgumentError: An image array of floats must hold values in [0, 1], but got 300 to 300. Divide
        it by the value of white, such as 65535.
    """
    check_array_shape(array)
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if kind not in ("u1", "u2", "f4", "f8"):
        raise ArgumentError(
            "An image array must be uint8, uint16, or float32 or float64 in [0, 1], but got "
            f"{array.dtype}. {_dtype_step(array)}"
        )
    samples = array[..., None] if array.ndim == 2 else array
    if kind[0] == "f":
        _check_range(samples)
    alpha = _to_floats(samples[..., 3:], kind) if samples.shape[2] == 4 else None
    colour = samples[..., :3]
    if kind != "u1":  # 8-bit samples are converted last, to save memory
        colour = _to_floats(colour, kind)
    return np.broadcast_to(colour, (*colour.shape[:2], 3)), alpha


def _to_floats(samples: npt.NDArray[Any], kind: str) -> Floats:
    values = samples.astype(np.float32)
    return values / np.float32(_LARGEST[kind]) if kind in _LARGEST else values


def check_array_shape(array: npt.NDArray[Any]) -> None:
    """Check that an array has the shape of one image.

    Raises:
        ArgumentError: If it has another shape, is empty or is masked.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise ArgumentError("An image array must not be masked. Use array.filled(0), or the value that you want.")
    shape = array.shape
    if 0 in shape:
        raise ArgumentError(f"An image array must not be empty, but got shape {shape}.")
    if array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4)):
        return
    step = "Pass one image, with the channels last."
    if array.ndim == 3 and shape[0] in (1, 3, 4):
        step = "Channels come last: array.transpose(1, 2, 0)."
    elif array.ndim == 3 and shape[2] == 2:
        step = "Composite grey with alpha on a background first."
    elif array.ndim == 4:
        step = "Pass the images one by one: array[0]."
    raise ArgumentError(
        f"An image array must have shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), but got {shape}. {step}"
    )


def _dtype_step(array: npt.NDArray[Any]) -> str:
    if array.dtype.kind == "i":
        return "If it holds 0..255, use array.astype(numpy.uint8)."
    if array.dtype.kind == "f":
        return "Use array.astype(numpy.float32)."
    return "Convert it to one of these, and scale it so that white is 255, 65535 or 1."


def _check_range(samples: npt.NDArray[Any]) -> None:
    low, high = float(samples.min()), float(samples.max())
    if low >= 0 and high <= 1:  # NaN fails every comparison
        return
    if not (math.isfinite(low) and math.isfinite(high)):
        step = "It has NaN or infinite values. Find the step that produced them."
    elif low > -0.5 and high < 1.5:
        step = "If a resize left values slightly outside, use array.clip(0, 1)."
    elif low >= 0:
        step = f"Divide it by the value of white, such as {255 if high <= 255 else 65535}."
    elif low >= -1 and high <= 1:
        step = "These look like -1..1: use (array + 1) / 2."
    else:
        step = "Undo any normalisation by mean and standard deviation."
    raise ArgumentError(f"An image array of floats must hold values in [0, 1], but got {low:.6g} to {high:.6g}. {step}")
