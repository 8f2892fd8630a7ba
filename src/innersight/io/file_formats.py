"""The file formats that Pillow does not open, or not with all their bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from innersight.io import heif, jpeg_xl, netpbm, tiff
from innersight.io.image_sources import EncodedImage
from innersight.io.samples import Decoded


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    Attributes:
        name: Its name.
        accepts: Tells whether the first 64 bytes are those of a file of this format.
        size: Returns the height and width, without decoding the image.
        read: Decodes the image.
    """

    name: str
    accepts: Callable[[bytes], bool]
    size: Callable[[EncodedImage], tuple[int, int]]
    read: Callable[[EncodedImage], Decoded]


FILE_FORMATS = (
    FileFormat("JPEG XL", jpeg_xl.is_jpeg_xl, jpeg_xl.jpeg_xl_size, jpeg_xl.read_jpeg_xl),
    FileFormat("HEIC", heif.is_heif, heif.heif_size, heif.read_heif),
    FileFormat("Netpbm", netpbm.is_netpbm, netpbm.netpbm_size, netpbm.read_netpbm),
    FileFormat("TIFF", tiff.is_tiff, tiff.tiff_size, tiff.read_tiff),
)
"""The formats. To add one is to add its module and its line here."""


def find_format(file: EncodedImage) -> FileFormat | None:
    """Return the format of a file by its first bytes, or None if Pillow opens it."""
    head = file.head()
    return next((each for each in FILE_FORMATS if each.accepts(head)), None)
