"""Checks that JPEG, BMP and GIF files are complete.

Pillow fills the missing part of such files with grey if `PIL.ImageFile.LOAD_TRUNCATED_IMAGES` is set, which a program
can have done for another purpose.
"""

from __future__ import annotations

import re

from innersight.errors import ImageError
from innersight.io.image_sources import EncodedImage

MOST_SCANS = 100
"""Most scans of a JPEG file that is decoded. Encoders write about 10. Each scan takes the time of a small image."""

_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # not a stuffed 0xFF, not a restart marker
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, 0xD8)  # TEM, SOI
_UNCOMPRESSED_BMP = (0, 3, 6)
_GIF_EXTENSION, _GIF_IMAGE = 0x21, 0x2C


def check_complete(file: EncodedImage, format: str | None) -> None:
    """Check that the end of a file is there, and that a JPEG file has no more than `MOST_SCANS` scans.

    Args:
        file: The file.
        format: Its format as Pillow names it. Formats other than JPEG, MPO, BMP and GIF are not checked.

    Raises:
        ImageError: If a JPEG file has too many scans.
        ValueError: If the file is truncated.
    """
    if format in ("JPEG", "MPO"):
        _check_jpeg(file)
    elif format == "BMP":
        _check_bmp(file)
    elif format == "GIF":
        try:
            _check_gif(file.content())
        except IndexError:
            raise ValueError("its end is missing") from None


def _check_jpeg(file: EncodedImage) -> None:
    """Go from marker to marker up to the end of the first image (ITU-T T.81, annex B)."""
    data = file.content()
    position, scans = 0, 0
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker, position = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS:
                raise ImageError(
                    f"{file.subject} is a JPEG file with more than {MOST_SCANS} scans, which take long to decode. Save "
                    "it again."
                )
        position += int.from_bytes(data[position : position + 2], "big")
    raise ValueError("its end is missing")


def _check_bmp(file: EncodedImage) -> None:
    head = file.head()
    start, header = int.from_bytes(head[10:14], "little"), int.from_bytes(head[14:18], "little")
    if header == 12:  # OS/2
        width, height = int.from_bytes(head[18:20], "little"), int.from_bytes(head[20:22], "little")
        bits, compression = int.from_bytes(head[24:26], "little"), 0
    else:
        width = abs(int.from_bytes(head[18:22], "little", signed=True))
        height = abs(int.from_bytes(head[22:26], "little", signed=True))
        bits, compression = int.from_bytes(head[28:30], "little"), int.from_bytes(head[30:34], "little")
    row = (width * bits + 31) // 32 * 4
    if compression in _UNCOMPRESSED_BMP and file.size() < start + row * (height - 1) + (width * bits + 7) // 8:
        raise ValueError("its end is missing")


def _check_gif(data: bytes) -> None:
    """Go from block to block. A missing trailer after a whole block is no damage.

    Raises:
        IndexError: If the data end within a block.
    """
    position = 13 + _colours(data[10])
    while position < len(data) and data[position] in (_GIF_EXTENSION, _GIF_IMAGE):
        if data[position] == _GIF_EXTENSION:
            position += 2
        else:
            position += 11 + _colours(data[position + 9])
        while (length := data[position]) > 0:
            position += 1 + length
        position += 1


def _colours(flags: int) -> int:
    """Return the bytes of the table of colours that the flags describe."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
