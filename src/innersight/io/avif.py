"""Reading of AVIF files."""

from __future__ import annotations

from PIL import Image

from innersight.errors import ImageError
from innersight.io.boxes import primary_properties
from innersight.io.image_sources import EncodedImage
from innersight.io.orientation import ORIENTATION_TAG, oriented
from innersight.io.samples import Decoded, split_samples

_DEEP = (10, 12)  # bits of samples that the decoder returns with 16


def read_avif(image: Image.Image, file: EncodedImage) -> Decoded:
    """Read an AVIF file with all its bits.

    Args:
        image: The file as opened by Pillow, which knows its profile and its orientation but reduces samples to 8 bits.
        file: The file.

    Raises:
        ImageError: If the file does not state its bits, or the colours cannot be converted to sRGB.
    """
    import imagecodecs

    data = file.content()
    properties = primary_properties(data)
    # All frames are decoded: the decoder ends the process if it is given a number.
    samples = imagecodecs.avif_decode(data)
    if samples.ndim == 4:
        samples = samples[file.frame or 0]
    samples = oriented(samples, image.getexif().get(ORIENTATION_TAG))
    if samples.dtype.itemsize == 2 and properties.bits not in _DEEP:
        raise ImageError(f"{file.subject} is damaged. It does not state whether its samples have 10 or 12 bits.")
    white = 255 if samples.dtype.itemsize == 1 else 2 ** (properties.bits or 0) - 1
    cicp = None if properties.cicp is None else properties.cicp[:2]
    return split_samples(samples, white, file, profile=image.info.get("icc_profile"), cicp=cicp)
