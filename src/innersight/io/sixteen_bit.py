"""Reading of PNG and TIFF files with 16 bits per sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from innersight.errors import ImageError
from innersight.io.colour_profiles import Bytes, find_transform, to_srgb
from innersight.io.image_sources import EncodedImage

Floats = npt.NDArray[np.float32]

_BITS_PER_SAMPLE, _ORIENTATION = 258, 274  # TIFF tags
# EXIF orientation -> (swap rows and columns, then flip vertically, then flip horizontally).
_ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def png_depth(image: Image.Image, file: EncodedImage) -> int:
    """Return the bits per sample of a PNG file, or 0 for another format."""
    if image.format != "PNG":
        return 0
    with file.open() as stream:
        return stream.read(25)[24]  # the bit depth in IHDR


def has_16_bit_samples(image: Image.Image, file: EncodedImage) -> bool:
    """Return whether an image has 16 bits per sample."""
    if image.format == "TIFF":
        return 16 in image.tag_v2.get(_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
    return png_depth(image, file) == 16


def oriented(samples: npt.NDArray[Any], image: Image.Image) -> npt.NDArray[Any]:
    """Apply the EXIF or TIFF orientation of an image to its samples, (H, W) or (H, W, C)."""
    swap, upside_down, mirrored = _ORIENTATIONS.get(image.getexif().get(_ORIENTATION, 1), _ORIENTATIONS[1])
    if swap:
        samples = samples.swapaxes(0, 1)
    return samples[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


def read_16_bit(image: Image.Image, file: EncodedImage, length: int = -1) -> tuple[Floats | Bytes, Floats | None]:
    """Read an image that Pillow would reduce to 8 bits: (H, W, 3) colour, and (H, W, 1) alpha or None.

    Args:
        image: The image as Pillow opened it.
        file: The file.
        length: Bytes of the file that are read, for PNG. Default: all.
    """
    profile = image.info.get("icc_profile")
    if image.format == "PNG":
        if "transparency" in image.info:
            raise ImageError(
                f"{file.subject} is a 16-bit PNG with a transparent colour (tRNS). Save it with an alpha channel."
            )
        samples = _decode_png(file, length)
    else:
        samples = _decode_tiff(file)
    samples = oriented(samples, image)

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


def _decode_tiff(file: EncodedImage) -> npt.NDArray[np.uint16]:
    import tifffile

    with file.open() as stream, tifffile.TiffFile(stream) as tiff:
        page = tiff.pages[0]
        photometric, axes = page.photometric.name, page.axes
        if photometric not in ("MINISBLACK", "RGB") or axes not in ("YX", "YXS", "SYX"):
            raise ImageError(
                f"{file.subject} is a 16-bit TIFF with {photometric} pixels ({axes}). Save it as grey or RGB."
            )
        extra = tuple(page.extrasamples)
        if 1 in extra:
            raise ImageError(f"{file.subject} is a 16-bit TIFF with premultiplied alpha. Save it with plain alpha.")
        samples: npt.NDArray[np.uint16] = page.asarray()
    samples = {"YX": samples[..., None], "YXS": samples, "SYX": samples.transpose(*range(1, samples.ndim), 0)}[axes]
    colours = 3 if photometric == "RGB" else 1
    # A sample after the colours is alpha only if the file declares it, as in 8-bit files.
    return samples[..., : colours + 1] if extra[:1] == (2,) else samples[..., :colours]
