"""Checks of the strips and tiles of TIFF files, before they are decoded.

The header of a TIFF file states the size of its image. A tile can be larger, and a strip or tile can hold an image of
another format with a size of its own. A decoder gives them memory for the size that they state.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from innersight.errors import ImageError
from innersight.io.image_sources import EncodedImage
from innersight.io.jpeg_2000 import codestream_size
from innersight.io.jpeg_xl_header import read_header

if TYPE_CHECKING:
    import tifffile

_MOST_TILE_PIXELS = 1 << 24
"""Most pixels of a tile that has more than the image. Programs write tiles of 64 x 64 to 4096 x 4096."""

_JPEG, _JPEG_2000, _JPEG_XL = (6, 7, 33007, 34892), (33003, 33004, 33005, 34712), (50002, 52546)  # compressions
_PILLOW = {34933: "PNG", 50001: "WEBP", **dict.fromkeys(_JPEG, "JPEG")}


def check_tiles(page: tifffile.TiffPage, file: EncodedImage) -> None:
    """Check that no tile has many more pixels than the image.

    Args:
        page: The page.
        file: The file.

    Raises:
        ImageError: If a tile is that large.
    """
    if not page.is_tiled:
        return
    sides = page.tiledepth, page.tilelength, page.tilewidth
    if math.prod(sides) > max(_MOST_TILE_PIXELS, page.imagelength * page.imagewidth):
        raise ImageError(
            f"{file.subject} is a TIFF file with an image of {page.imagewidth} x {page.imagelength} in a tile of "
            f"{page.tilewidth} x {page.tilelength}. It can be a decompression bomb. Save it with smaller tiles."
        )


def check_images(page: tifffile.TiffPage, segments: Sequence[tuple[int, int]], file: EncodedImage) -> None:
    """Check that images of another format in the strips or tiles are not larger than the header says.

    Args:
        page: The page. Its compression is an image format, such as JPEG.
        segments: Position and size of each strip or tile in the file, bytes.
        file: The file.

    Raises:
        ImageError: If such an image is larger, or its format has no size that is known before decoding.
        ValueError: If the header of an image is damaged.
    """
    length, width = page.tilelength, page.tilewidth
    if not page.is_tiled:
        # JPEG has blocks of up to 16 rows, and a strip can end with a whole one. rowsperstrip is 2^32 - 1 by default.
        length, width = min(page.rowsperstrip, math.ceil(page.imagelength / 16) * 16), page.imagewidth
    with file.open() as stream:
        for offset, count in segments:
            stream.seek(offset)
            found = _stated_size(stream.read(count), int(page.compression), page.jpegheader)
            if found is None:
                raise ImageError(
                    f"{file.subject} is a TIFF file with the compression {_name(page.compression)}, which is not read. "
                    "Save it with Deflate."
                )
            if found[0] > length or found[1] > width:
                raise ImageError(
                    f"{file.subject} is damaged. It is a TIFF file with strips or tiles of {width} x {length}, but one "
                    f"has {found[1]} x {found[0]} pixels."
                )


def _stated_size(data: bytes, compression: int, jpeg_header: bytes | None) -> tuple[int, int] | None:
    """Return the height and width that an image states; None if they are not known."""
    if compression in _JPEG_2000:
        return codestream_size(data)
    if compression in _JPEG_XL:
        header = read_header(data)
        return header.height, header.width
    if compression not in _PILLOW:
        return None
    whole = data if jpeg_header is None or data[:2] == b"\xff\xd8" else jpeg_header + data
    with Image.open(io.BytesIO(whole), formats=(_PILLOW[compression],)) as image:
        return image.height, image.width


def _name(compression: int) -> str:
    return str(getattr(compression, "name", compression))
