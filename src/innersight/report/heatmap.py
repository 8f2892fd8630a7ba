"""A picture of where two images differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps

from innersight.errors import ArgumentError

# Three stops of matplotlib's inferno, dark to bright: lightness rises all along, so it reads in grey too.
_DARK, _MIDDLE, _BRIGHT = "#000004", "#bc3754", "#fcffa4"
_PICTURE_SHARE = 0.35


def draw_heatmap(values: torch.Tensor, image: torch.Tensor, top: float | None = None) -> Image.Image:
    """Lay a map over the grey image it belongs to: black where nothing differs, bright yellow where most does.

    Args:
        values: (H, W) map, from 0, on the CPU.
        image: (3, H, W) distorted image in [0, 1], shown faintly beneath.
        top: The value shown brightest; by default the map's own largest. Give one value to compare several maps.

    Returns:
        RGB picture of H x W pixels.

    Raises:
        ArgumentError: If the sizes differ, or `top` is not positive.

    Example:
        >>> draw_heatmap(torch.eye(4), torch.zeros(3, 4, 4)).size
        (4, 4)
    """
    if values.shape != image.shape[-2:]:
        raise ArgumentError(
            f"The map is {tuple(values.shape)}, the image {tuple(image.shape[-2:])}: they must be one size."
        )
    if top is not None and not top > 0:
        raise ArgumentError(f"Argument `top` must be positive, but got {top}.")
    peak = values.max().item() if top is None else top
    share = (values / peak).clamp(0, 1) if peak > 0 else torch.zeros_like(values)
    colours = ImageOps.colorize(_grey(share), black=_DARK, mid=_MIDDLE, white=_BRIGHT)
    return Image.blend(colours, _grey(image.mean(0)).convert("RGB"), _PICTURE_SHARE)


def check_destination(path: Path, inputs: Sequence[Path]) -> None:
    """Check that a picture can be written to this path, before the work it shows.

    Args:
        path: Where it is to go.
        inputs: Files that it must not replace.

    Raises:
        ArgumentError: If the name does not end in .png, is a folder's or an input's, or can't be written there.

    Example:
        >>> check_destination(Path("where.jpg"), [])
        Traceback (most recent call last):
        innersight.errors.ArgumentError: A map is written as PNG, to a name that ends in .png, but got 'where.jpg'.
    """
    if path.suffix.lower() != ".png":
        raise ArgumentError(f"A map is written as PNG, to a name that ends in .png, but got '{path}'.")
    if not path.parent.is_dir():
        raise ArgumentError(f"There is no folder '{path.parent}' to write the map to: create it first.")
    if path.is_dir():
        raise ArgumentError(f"The map can't be written to '{path}', which is a folder.")
    if any(path.exists() and path.samefile(other) for other in inputs if other.exists()):
        raise ArgumentError(f"The map would replace the image '{path}': give it a name of its own.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentError(f"The map can't be written to '{path}': permission denied.")


def _grey(values: torch.Tensor) -> Image.Image:
    return Image.fromarray((values * 255).round().to(torch.uint8).numpy())
