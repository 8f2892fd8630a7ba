"""PNG files that Pillow does not write: any depth and colour type, interlaced, and with damaged parts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def write_png(
    path: Path,
    samples: np.ndarray,
    *,
    depth: int,
    colour_type: int,
    interlaced: bool = False,
    chunks: Mapping[bytes, bytes] | None = None,
) -> Path:
    """Write a PNG file.

    Args:
        path: The file.
        samples: (H, W, C) samples or indices, from 0 to 2^depth - 1.
        depth: Bits of a sample.
        colour_type: 0, 2, 3, 4 or 6.
        interlaced: Whether the rows are in the order of Adam7.
        chunks: Chunks before the pixels, such as PLTE.
    """
    height, width, _ = samples.shape
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [samples[top::down, left::across] for left, top, across, down in passes]
    rows = b"".join(b"\0" + _pack(row, depth) for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    listed = [(b"IHDR", header), *(chunks or {}).items(), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in listed))
    return path


def _pack(row: np.ndarray, depth: int) -> bytes:
    """Return the bytes of a row. The bits of small samples are filled up with zeros at its end."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = np.unpackbits(row.reshape(-1, 1).astype(np.uint8), axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()
