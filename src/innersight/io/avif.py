"""Reading of AVIF files."""

from __future__ import annotations

from PIL import Image

from innersight.io.boxes import primary_properties
from innersight.io.image_sources import EncodedImage
from innersight.io.samples import Decoded, split_samples
from innersight.io.sixteen_bit import oriented


def read_avif(image: Image.Image, file: EncodedImage) -> Decoded:
    """Read an AVIF file with all its bits.

    Args:
        image: The file as opened by Pillow, which knows its profile and its orientation but reduces samples to 8 bits.
        file: The file.

    Raises:
        ImageError: If the colours cannot be converted to sRGB.
    """
    import imagecodecs

    data = file.content()
    properties = primary_properties(data)
    samples = oriented(imagecodecs.avif_decode(data), image)
    white = 255 if samples.dtype.itemsize == 1 else 2 ** (properties.bits or 16) - 1
    cicp = None if properties.cicp is None else properties.cicp[:2]
    return split_samples(samples, white, file, profile=image.info.get("icc_profile"), cicp=cicp)
