"""Checks of image tensors: type, layout, shape, dtype, device and range of values."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from innersight.errors import ArgumentError

_ROUNDING = 1e-4
"""Tolerance of the range [0, 1]. Rounding in a resize or a decoder can leave values slightly outside."""


def check_images(
    name: str, images: torch.Tensor, *, dtype: torch.dtype, device: torch.device, check_range: bool = True
) -> None:
    """Check one batch of images.

    Args:
        name: Name of the argument, for the error message.
        images: The images. They must be a dense tensor of floats of shape (N, 3, H, W) in [0, 1].
        dtype: The dtype of the metric.
        device: The device of the metric.
        check_range: Whether to check the values too. Default: True. The check waits for the device. It is skipped
            while torch compiles or exports, and on the meta device.

    Raises:
        ArgumentError: If the images cannot be used. The message names the argument, what is allowed, what came and
            the next step.

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
    """Check everything except the values."""
    if not isinstance(images, torch.Tensor):
        raise ArgumentError(
            f"Argument `{name}` must be a torch.Tensor of shape (N, 3, H, W), but got {type(images).__name__}. "
            "torch.from_numpy(innersight.read_image(path))[None] reads a file into one."
        )
    _check_layout(name, images, device)
    shape = tuple(images.shape)
    if images.ndim != 4:
        step = " Add a batch dimension: images[None]." if images.ndim == 3 else ""
        raise ArgumentError(f"Argument `{name}` must have shape (N, 3, H, W), but got {shape}.{step}")
    if shape[1] != 3:
        step = {
            1: " Grey images: images.expand(-1, 3, -1, -1).",
            4: " Composite the image on a background to remove the alpha channel.",
        }.get(shape[1], " Channels come second: images.permute(0, 3, 1, 2)." if shape[3] == 3 else "")
        raise ArgumentError(f"Argument `{name}` must have 3 channels (R, G, B), but got shape {shape}.{step}")
    if 0 in shape:
        raise ArgumentError(f"Argument `{name}` must not be empty, but got shape {shape}.")
    if not images.is_floating_point():
        largest = {torch.uint8: 255, torch.uint16: 65535}.get(images.dtype)
        step = f" Use images.float() / {largest}." if largest else " Convert them to real floats in [0, 1]."
        raise ArgumentError(f"Argument `{name}` must hold floats in [0, 1], but got {images.dtype}.{step}")
    if images.dtype != dtype:
        # A metric does not support float16 and bfloat16, so metric.to is only suggested for wider types.
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


def _check_layout(name: str, images: torch.Tensor, device: torch.device) -> None:
    """Refuse tensors that torch's convolutions and resizes do not accept."""
    if images.is_nested:
        found, step = "nested", "Bring the images to one size and use torch.stack(images.unbind())"
    elif isinstance(images, torch.masked.MaskedTensor):
        found, step = "masked", "Use images.to_tensor(0)"
    elif images.is_quantized:
        found, step = "quantized", "Use images.dequantize()"
    elif images.layout != torch.strided:  # sparse and mkldnn
        found, step = str(images.layout).removeprefix("torch.").strip("_"), "Use images.to_dense()"
    elif images.is_meta and device.type != "meta":
        raise ArgumentError(
            f"Argument `{name}` must hold values, but got a tensor on the meta device, which has none. "
            f"Pass a tensor on {device}."
        )
    else:
        return
    raise ArgumentError(f"Argument `{name}` must be a dense tensor, but got a {found} one. {step}.")


def _check_range(batches: Mapping[str, torch.Tensor]) -> None:
    """Check the values of all batches with one transfer from the device."""
    if torch.compiler.is_compiling():  # values are unknown while a graph is recorded
        return
    if any(images.is_meta for images in batches.values()):  # tensors on the meta device have no values
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
        return " It has NaN values. Find the step that produced them."
    if low > -0.5 and high < 1.5:
        return " If a network or a resize left these slightly outside, use images.clamp(0, 1)."
    if low >= 0:
        return f" These look like 0..{255 if high <= 255 else 65535} values: divide by {255 if high <= 255 else 65535}."
    if low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        return " These look like -1..1: use (images + 1) / 2."
    return " Undo any normalisation by mean and standard deviation: the metric takes sRGB values."


def check_pair(
    reference: torch.Tensor,
    distorted: torch.Tensor,
    *,
    dtype: torch.dtype,
    device: torch.device,
    check_range: bool = True,
) -> None:
    """Check two batches of images, and that they have the same shape.

    Args:
        reference: The reference images, (N, 3, H, W).
        distorted: The distorted images, of the same shape.
        dtype: The dtype of the metric.
        device: The device of the metric.
        check_range: Whether to check the values too, as in `check_images`. Default: True.

    Raises:
        ArgumentError: If `check_images` refuses one of them, or the shapes differ. Nothing is broadcast, resized or
            cropped.

    Example:
        >>> a, b = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9)
        >>> check_pair(a, b, dtype=torch.float32, device=torch.device("cpu"))
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Arguments `reference` and `distorted` must have the same shape, but got
        (1, 3, 8, 8) and (1, 3, 8, 9). Resize or crop them to one size first.
    """
    _check_form("reference", reference, dtype, device)
    _check_form("distorted", distorted, dtype, device)
    if reference.shape != distorted.shape:
        raise ArgumentError(
            f"Arguments `reference` and `distorted` must have the same shape, but got {tuple(reference.shape)} and "
            f"{tuple(distorted.shape)}. Resize or crop them to one size first."
        )
    if check_range:
        _check_range({"reference": reference, "distorted": distorted})
