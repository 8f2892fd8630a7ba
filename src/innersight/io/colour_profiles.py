"""Conversion of images from their ICC profiles to sRGB."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from innersight.errors import ImageError
from innersight.io.image_sources import capitalised
from innersight.io.resources import check_resources

Bytes = npt.NDArray[np.uint8]

_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
"""The colour space of a valid profile for each mode of Pillow."""


def to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Bytes:
    """Convert an L, RGB or CMYK image to (H, W, 3) bytes, through its profile if it needs that.

    `name` is what an error calls the image.
    """
    transform = find_transform(image.mode, profile, name) if profile else None
    if transform is not None:
        image = transform.apply(image)
    values: Bytes = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return values


def find_transform(mode: str, profile: bytes, name: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from `profile` to sRGB, or None if the pixels need none.

    They need none if the profile is for another colour space than the pixels, which is invalid in PNG and JPEG. They
    need none either if the profile is sRGB: if it changes no colour of a fine grid by more than one 8-bit level.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _PROFILE_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        check_resources(error, name)
        raise ImageError(
            f"{capitalised(name)} has an ICC profile that cannot be used ({error}). Repair or remove it."
        ) from error
    if mode == "CMYK":
        return transform
    probe = _probe(mode)
    change = np.abs(
        np.asarray(transform.apply(probe), dtype=np.int16) - np.asarray(probe.convert("RGB"), dtype=np.int16)
    )
    return None if int(change.max()) <= 1 else transform


def _probe(mode: str) -> Image.Image:
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(grid.reshape(18, -1, 3))
