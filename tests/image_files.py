"""Pixels and image files that several tests of reading share."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from innersight.io.images import read_image

RNG = np.random.default_rng(0)
RGB8 = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY8 = RGB8[..., 0]
RGB16 = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


def read(path: Path, **options) -> np.ndarray:
    """(H, W, 3) as an array."""
    image = read_image(path, **options)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert 0 <= image.min() <= image.max() <= 1
    return image.transpose(1, 2, 0)


def write_png16(path: Path, samples: np.ndarray, chunks: dict[bytes, bytes] | None = None) -> Path:
    """A 16-bit PNG by hand: Pillow writes no 16-bit colour."""
    samples = samples[..., None] if samples.ndim == 2 else samples
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)),
        *(chunks or {}).items(),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    path.write_bytes(data)
    return path


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()
