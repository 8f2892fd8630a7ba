"""Strips and tiles of TIFF files are no larger than the header says, before they are decoded."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from innersight.errors import ImageError
from innersight.io.images import read_image

RGB = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
IMAGES = ("jpeg", "jpeg2000", "png", "webp", "jpegxl")


def write(samples: np.ndarray, **options: Any) -> bytes:
    tifffile.imwrite(file := io.BytesIO(), samples, photometric="rgb", metadata=None, **options)
    return file.getvalue()


def with_segment(content: bytes, segment: bytes) -> bytes:
    """Replace the only strip of a file."""
    changed = bytearray(content)
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        tags = opened.pages.first.tags
        for tag, value in ((273, len(content)), (279, len(segment))):
            place = tags[tag].offset
            changed[place + 2 : place + 12] = struct.pack("<HII", 4, 1, value)
    return bytes(changed) + segment


def segment_of(content: bytes) -> bytes:
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        page = opened.pages.first
        return content[page.dataoffsets[0] : page.dataoffsets[0] + page.databytecounts[0]]


@pytest.mark.parametrize("compression", IMAGES)
def test_an_image_in_a_strip_that_is_larger_than_the_header_says_is_refused(compression: str) -> None:
    """Without the check the decoder gets the memory of the larger image, and its first pixels are scored."""
    small = write(RGB, compression=compression, rowsperstrip=16)
    assert read_image(small).shape == (3, 16, 24)
    larger = segment_of(write(np.zeros((400, 500, 3), np.uint8), compression=compression, rowsperstrip=400))
    with pytest.raises(ImageError, match="strips or tiles of 24 x 16, but one has 500 x 400 pixels"):
        read_image(with_segment(small, larger))


@pytest.mark.parametrize("compression", IMAGES)
@pytest.mark.parametrize("options", [{"rowsperstrip": 16}, {"rowsperstrip": 8}, {"tile": (16, 16)}, {"tile": (32, 32)}])
def test_images_in_strips_and_tiles_of_the_stated_size_are_read(compression: str, options: dict[str, Any]) -> None:
    assert read_image(write(RGB, compression=compression, **options)).shape == (3, 16, 24)


def test_an_image_without_a_size_of_strips_is_limited_by_the_height_of_the_image() -> None:
    small = write(RGB, compression="jpeg", rowsperstrip=2**31 - 1)
    assert read_image(small).shape == (3, 16, 24)
    larger = segment_of(write(np.zeros((4000, 24, 3), np.uint8), compression="jpeg", rowsperstrip=4000))
    with pytest.raises(ImageError, match="but one has 24 x 4000 pixels"):
        read_image(with_segment(small, larger))


def test_a_strip_with_an_image_of_another_format_or_with_none_is_damaged() -> None:
    small = write(RGB, compression="webp", rowsperstrip=16)
    Image.fromarray(RGB).save(file := io.BytesIO(), "PNG")
    for segment in (file.getvalue(), b"RIFF", b"\xff\xd8\xff"):
        with pytest.raises(ImageError, match=r"cannot be decoded|is not an image"):
            read_image(with_segment(small, segment))


def test_a_compression_whose_images_have_no_known_size_is_refused() -> None:
    with pytest.raises(ImageError, match=r"with the compression JPEGXR, which is not read\. Save it with Deflate"):
        read_image(write(RGB, compression="jpegxr", rowsperstrip=16))


@pytest.mark.parametrize("compression", ["zlib", "lzw", None])
def test_a_tile_that_is_much_larger_than_the_image_is_refused(compression: str | None) -> None:
    content = bytearray(write(RGB, tile=(32, 32), compression=compression))
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        for tag in (322, 323):
            place = opened.pages.first.tags[tag].offset
            content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 20_000)
    with pytest.raises(ImageError, match=r"an image of 24 x 16 in a tile of 20000 x 20000\. It can be a decompression"):
        read_image(bytes(content))


def test_a_tile_of_4096_pixels_is_read_for_an_image_of_any_size() -> None:
    assert read_image(write(RGB, tile=(4096, 4096), compression="zlib")).shape == (3, 16, 24)
