"""Boxes of ISO base media files: AVIF, HEIC, JPEG 2000 and JPEG XL are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Properties:
    """What the primary image of an AVIF or HEIC file says about itself.

    Attributes:
        bits: Bits per sample; None if the file does not say it.
        cicp: Code points of ITU-T H.273: primaries, transfer and 1 for full range; None if the file has none.
    """

    bits: int | None
    cicp: tuple[int, int, int] | None


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each box, in their order. A box that is cut ends the iteration.

    Args:
        data: The content of a file or of a box.

    Example:
        >>> list(boxes(bytes([0, 0, 0, 10]) + b"ftyp" + b"ab"))
        [(b'ftyp', b'ab')]
    """
    position = 0
    while position + 8 <= len(data):
        size, kind, head = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:  # the size follows in 64 bits
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        if size == 0:  # the box reaches to the end
            size = len(data) - position
        if size < head or position + size > len(data):
            return
        yield kind, data[position + head : position + size]
        position += size


def find_box(data: bytes, *path: bytes) -> bytes | None:
    """Return the content of the first box at a path of types, or None if there is none.

    Args:
        data: The content of a file or of a box.
        path: Types, from the outermost box.
    """
    for kind, content in boxes(data):
        if kind == path[0]:
            return content if len(path) == 1 else find_box(content, *path[1:])
    return None


def primary_properties(data: bytes) -> Properties:
    """Return what an AVIF or HEIC file says about its primary image (ISO/IEC 23008-12)."""
    meta = (find_box(data, b"meta") or bytes(4))[4:]  # version and flags come first
    primary = find_box(meta, b"pitm") or bytes(8)
    item = int.from_bytes(primary[4:6] if primary[0] == 0 else primary[4:8], "big")
    shared = list(boxes(find_box(meta, b"iprp", b"ipco") or b""))
    bits = cicp = None
    for index in _associated(find_box(meta, b"iprp", b"ipma") or bytes(8), item):
        kind, content = shared[index - 1] if 1 <= index <= len(shared) else (b"", b"")
        if kind == b"pixi" and len(content) > 5:
            bits = content[5]
        elif kind == b"av1C" and len(content) > 2 and bits is None:
            high, twelve = content[2] >> 6 & 1, content[2] >> 5 & 1
            bits = (12 if twelve else 10) if high else 8
        elif kind == b"colr" and content[:4] == b"nclx" and len(content) > 10:
            primaries, transfer = (int.from_bytes(content[at : at + 2], "big") for at in (4, 6))
            cicp = primaries, transfer, content[10] >> 7
    return Properties(bits, cicp)


def _associated(ipma: bytes, item: int) -> list[int]:
    """Return the numbers of an item's properties, from 1."""
    version, wide = ipma[0], ipma[3] & 1
    position = 8
    for _ in range(int.from_bytes(ipma[4:8], "big")):
        width = 2 if version == 0 else 4
        found = int.from_bytes(ipma[position : position + width], "big")
        count = ipma[position + width] if position + width < len(ipma) else 0
        position += width + 1
        size = 2 if wide else 1
        numbers = [int.from_bytes(ipma[at : at + size], "big") for at in range(position, position + count * size, size)]
        position += count * size
        if found == item:
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]  # the highest bit says "essential"
    return []
