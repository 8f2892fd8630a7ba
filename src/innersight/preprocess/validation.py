"""Check image tensors before anything is computed from them: a wrong range taken silently is the field's worst bug."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from innersight.errors import ArgumentError, ImageError

_ROUNDING = 1e-4
"""How far past [0, 1] a value may lie: what float rounding in a resize or a decoder leaves behind."""


def check_images(
    name: str, images: torch.Tensor, *, dtype: torch.dtype, device: torch.device, check_range: bool = True
) -> None:
    """Check one batch of images.

    Args:
        name: The argument's name, for the message.
        images: Expected to be floats of shape (N, 3, H, W) in [0, 1].
        dtype: The dtype that is computed in.
        device: The device that is computed on.
        check_range: Check the values too. This waits for the device; it is skipped while torch compiles or exports.

    Raises:
        ArgumentError: Naming the argument, what is allowed, what came, and the next step.

    Example:
        >>> check_images("reference", torch.rand(1, 3, 8, 8) * 255, dtype=torch.float32, device=torch.device("cpu"))
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `reference` must hold values in [0, 1], but got ... to .... These
        look like 0..255 values: divide by 255.
    """
    _check_form(name, images, dtype, device)
    if check_range:
        _check_range({name: images})


def _check_form(name: str, images: torch.Tensor, dtype: torch.dtype, device: torch.device) -> None:
    """Check all that can be known without a look at the values."""
    if not isinstance(images, torch.Tensor):
        raise ArgumentError(
            f"Argument `{name}` must be a torch.Tensor of shape (N, 3, H, W), but got {type(images).__name__}. "
            "innersight.read_image reads a file into (3, H, W)."
        )
    shape = tuple(images.shape)
    if images.ndim != 4:
        step = " Add a batch dimension: images[None]." if images.ndim == 3 else ""
        raise ArgumentError(f"Argument `{name}` must have shape (N, 3, H, W), but got {shape}.{step}")
    if shape[1] != 3:
        step = {
            1: " Grey images: images.expand(-1, 3, -1, -1).",
            4: " Composite the alpha channel on a background first.",
        }.get(shape[1], " Channels come second: images.permute(0, 3, 1, 2)." if shape[3] == 3 else "")
        raise ArgumentError(f"Argument `{name}` must have 3 channels (R, G, B), but got shape {shape}.{step}")
    if 0 in shape:
        raise ArgumentError(f"Argument `{name}` must not be empty, but got shape {shape}.")
    if not images.is_floating_point():
        step = " Use images.float() / 255." if images.dtype == torch.uint8 else ""
        raise ArgumentError(f"Argument `{name}` must hold floats in [0, 1], but got {images.dtype}.{step}")
    if images.dtype != dtype:
        # Half precision is no precision of a metric, so only a wider one is offered as the other way out.
        other = f", or metric.to({images.dtype})" if images.dtype in (torch.float32, torch.float64) else ""
        raise ArgumentError(
            f"Argument `{name}` must be {dtype} as the metric is, but got {images.dtype}. "
            f"Use images.to({dtype}){other}."
        )
    if images.device != device:
        raise ArgumentError(
            f"Argument `{name}` must be on {device} as the metric is, but got {images.device}. "
            f"Use images.to('{device}'), or metric.to('{images.device}')."
        )


def _check_range(batches: Mapping[str, torch.Tensor]) -> None:
    """Check the values of all batches with one transfer from the device."""
    if torch.compiler.is_compiling():  # a value can't decide anything while a graph is recorded
        return
    extremes = torch.stack([value for images in batches.values() for value in images.detach().aminmax()]).tolist()
    for name, low, high in zip(batches, extremes[::2], extremes[1::2], strict=True):
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN fails every comparison
            raise ArgumentError(
                f"Argument `{name}` must hold values in [0, 1], but got {low:.6g} to {high:.6g}."
                f"{_range_hint(low, high)}"
            )


def _range_hint(low: float, high: float) -> str:
    if low != low or high != high:
        return " It holds NaN."
    if low > -0.5 and high < 1.5:
        return " Overshoot of a network or a resize: images.clamp(0, 1)."
    if low >= 0:
        return f" These look like 0..{255 if high <= 255 else 65535} values: divide by {255 if high <= 255 else 65535}."
    if low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        return " These look like -1..1: use (images + 1) / 2."
    return " Undo any mean/std normalisation: plain sRGB is expected."


def check_pair(
    reference: torch.Tensor,
    distorted: torch.Tensor,
    *,
    dtype: torch.dtype,
    device: torch.device,
    check_range: bool = True,
) -> None:
    """Check both batches (see `check_images`) and that they have one shape.

    Raises:
        ArgumentError: As `check_images`, or if the shapes differ; nothing is broadcast, resized or cropped.

    Example:
        >>> a, b = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9)
        >>> check_pair(a, b, dtype=torch.float32, device=torch.device("cpu"))
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Arguments `reference` and `distorted` must have one shape, but got (1, 3, 8, 8)
        and (1, 3, 8, 9). Nothing is resized, cropped or broadcast silently.
    """
    _check_form("reference", reference, dtype, device)
    _check_form("distorted", distorted, dtype, device)
    if reference.shape != distorted.shape:
        raise ArgumentError(
            f"Arguments `reference` and `distorted` must have one shape, but got {tuple(reference.shape)} and "
            f"{tuple(distorted.shape)}. Nothing is resized, cropped or broadcast silently."
        )
    if check_range:
        _check_range({"reference": reference, "distorted": distorted})


def check_same_size(reference: tuple[int, int], distorted: tuple[int, int], names: tuple[str, str]) -> None:
    """Check that two images read from files have one size.

    Args:
        reference: (height, width).
        distorted: (height, width).
        names: The files' names, for the message.

    Raises:
        ImageError: If the sizes differ.
    """
    if reference != distorted:
        (h, w), (k, v) = reference, distorted
        raise ImageError(
            f"The images differ in size: '{names[0]}' is {w} x {h}, '{names[1]}' is {v} x {k} (width x height). "
            "Nothing is resized or cropped silently: bring them to one size first."
        )
