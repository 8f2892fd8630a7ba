"""PNG files of images, without loss."""

from __future__ import annotations

import numpy as np

from innersight.io.pictures import Picture


def png_of(picture: Picture) -> bytes:
    """Encode an image as PNG.

    Args:
        picture: The image, sRGB.

    Returns:
        A PNG file: RGB, or RGBA for an image with transparent pixels. It has 8 bits per sample if these hold all values
        exactly, otherwise 16 bits, to which values are rounded.

    Example:
        >>> from innersight.io.images import read_image, read_picture
        >>> image = np.arange(48, dtype=np.uint16).reshape(4, 4, 3) * 1000
        >>> np.array_equal(read_image(png_of(read_picture(image))), read_image(image))
        True
    """
    import imagecodecs  # here, since its import takes long

    planes = picture.colour
    if picture.is_transparent and picture.alpha is not None:
        colour = planes if planes.dtype == np.float32 else planes / np.float32(255)
        planes = np.concatenate((colour, picture.alpha))
    if planes.dtype == np.float32:
        eight = np.round(planes * np.float32(255))
        if np.array_equal(eight / np.float32(255), planes):
            planes = eight.astype(np.uint8)
        else:
            planes = np.round(planes.astype(np.float64) * 65535).astype(np.uint16)  # type: ignore[assignment]
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(planes.transpose(1, 2, 0))))
