"""Reading of PNG files with 16 bits per sample."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from innersight.errors import ImageError
from innersight.io.colour_profiles import Bytes, find_transform, to_srgb
from innersight.io.image_sources import EncodedImage
from innersight.io.orientation import ORIENTATION_TAG, oriented

Floats = npt.NDArray[np.float32]


def png_depth(file: EncodedImage) -> int:
    """Return the bits per sample of a PNG file."""
    with file.open() as stream:
        return stream.read(25)[24]  # the bit depth in IHDR


def read_16_bit_png(image: Image.Image, file: EncodedImage, length: int) -> tuple[Floats | Bytes, Floats | None]:
    """Read a PNG file that Pillow would reduce to 8 bits: (H, W, 3) colour, and (H, W, 1) alpha or None.

    Args:
        image: The image as Pillow opened it.
        file: The file.
        length: Bytes of the file that are read.
    """
    profile = image.info.get("icc_profile")
    if "transparency" in image.info:
        raise ImageError(
            f"{file.subject} is a 16-bit PNG with a transparent colour (tRNS). Save it with an alpha channel."
        )
    samples = _decode_png(file, length)
    samples = oriented(samples, image.getexif().get(ORIENTATION_TAG))

    # One plane after the other, so that a large image takes little more memory than its floats.
    colours, has_alpha = (3 if samples.shape[2] >= 3 else 1), samples.shape[2] in (2, 4)
    planes = np.empty((colours + has_alpha, *samples.shape[:2]), dtype=np.float32)
    for index, plane in enumerate(planes):
        np.divide(samples[..., -1 if index == colours else index], np.float32(65535), out=plane, dtype=np.float32)
    del samples
    alpha = planes[colours:].transpose(1, 2, 0) if has_alpha else None
    colour = planes[:colours].transpose(1, 2, 0)
    if profile is not None:
        # Pillow gives LittleCMS 8 bits. Only a profile that is not sRGB needs it, so sRGB keeps its precision.
        eight = Image.fromarray((colour * 255).round().astype(np.uint8).squeeze(2 if colour.shape[2] == 1 else ()))
        if find_transform(eight.mode, profile, file.name) is not None:
            return to_srgb(eight, profile, file.name), alpha
    return np.broadcast_to(colour, (*colour.shape[:2], 3)), alpha


def _decode_png(file: EncodedImage, length: int) -> npt.NDArray[np.uint16]:
    import imagecodecs

    with file.open() as stream:
        samples: npt.NDArray[np.uint16] = imagecodecs.png_decode(stream.read(length))
    return samples[..., None] if samples.ndim == 2 else samples
