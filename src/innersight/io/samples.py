"""Samples of a decoder: their orientation, depth, colours and alpha."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from innersight.errors import ImageError
from innersight.io.arrays import Floats
from innersight.io.colour_profiles import Bytes, find_transform, to_srgb
from innersight.io.colour_tags import tags_of_cicp
from innersight.io.image_sources import EncodedImage

Decoded: TypeAlias = "tuple[Floats | Bytes, Floats | None]"
"""(H, W, 3) sRGB, 8-bit or float32 in [0, 1]; and (H, W, 1) alpha in [0, 1], or None."""


def split_samples(
    samples: npt.NDArray[Any],
    white: int,
    file: EncodedImage,
    *,
    profile: bytes | None = None,
    cicp: tuple[int, int] | None = None,
) -> Decoded:
    """Convert the samples of a decoder to sRGB and alpha.

    Args:
        samples: (H, W) grey, or (H, W, C): grey, grey with alpha, RGB, RGB with alpha. Unsigned integers.
        white: The sample of white, and of full opacity, from 1.
        file: What the samples come from, for messages.
        profile: ICC profile of the colours. Default: none.
        cicp: Primaries and transfer of the colours as code points of ITU-T H.273. A profile takes precedence.
            Default: sRGB.

    Returns:
        The colours and alpha.

    Raises:
        ImageError: If a sample is above that of white, or the colours cannot be converted to sRGB.
    """
    if samples.ndim == 2:
        samples = samples[..., None]
    if white < np.iinfo(samples.dtype).max and samples.size and int(samples.max()) > white:
        raise ImageError(
            f"{file.subject} is damaged. It has the sample {samples.max()}, above its largest value {white}."
        )
    colours = 3 if samples.shape[2] >= 3 else 1
    alpha = samples[..., colours : colours + 1].astype(np.float32) / np.float32(white)
    colour = samples[..., :colours]
    if profile is not None:
        # Pillow gives LittleCMS 8 bits. Only a profile that is not sRGB needs it, so sRGB keeps its precision.
        eight = Image.fromarray(_eight_bits(colour, white).squeeze(2) if colours == 1 else _eight_bits(colour, white))
        if find_transform(eight.mode, profile, file.name) is not None:
            return to_srgb(eight, profile, file.name), _or_none(alpha)
    tags = None if profile is not None or cicp is None else tags_of_cicp(*cicp, file.name)
    if colour.dtype != np.uint8 or white != 255:  # 8-bit samples are converted last, to save memory
        colour = colour.astype(np.float32) / np.float32(white)
    rgb = np.broadcast_to(colour, (*colour.shape[:2], 3))
    return (rgb if tags is None else tags.to_srgb(rgb)), _or_none(alpha)


def without_premultiplication(samples: npt.NDArray[Any], white: int) -> npt.NDArray[np.uint16]:
    """Divide the colours of an image by its alpha, before a profile is applied. Transparent pixels become black.

    Args:
        samples: (H, W, C), unsigned integers; the last channel is alpha.
        white: The sample of white, and of full opacity.

    Returns:
        The same channels with 16 bits: 65535 is white and opaque.
    """
    alpha = samples[..., -1:].astype(np.float32)
    plain = np.zeros(samples.shape, dtype=np.float32)
    np.divide(samples[..., :-1], alpha, out=plain[..., :-1], where=alpha > 0)
    plain[..., -1:] = alpha / np.float32(white)
    found: npt.NDArray[np.uint16] = (plain.clip(0, 1) * np.float32(65535)).round().astype(np.uint16)
    return found


def _eight_bits(colour: npt.NDArray[Any], white: int) -> Bytes:
    if colour.dtype == np.uint8 and white == 255:
        return np.ascontiguousarray(colour)
    eight: Bytes = (colour.astype(np.float32) * np.float32(255 / white)).round().astype(np.uint8)
    return eight


def _or_none(alpha: Floats) -> Floats | None:
    return alpha if alpha.shape[2] else None
