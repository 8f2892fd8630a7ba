"""The chunks of PNG files: their checksums, and the colours that they state."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from innersight.errors import ImageError
from innersight.io.colour_tags import ColourTags, tags_of_cicp, tags_of_gamma
from innersight.io.image_sources import EncodedImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOUR_CHUNKS = {b"cICP": 4, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}
"""Chunks that state colours, with their sizes in bytes. iCCP is read by Pillow."""

_PART = 1 << 20  # bytes that are read at a time
_LONGEST = 2**31 - 1


@dataclass(frozen=True)
class PngFacts:
    """What the chunks of a PNG file state.

    Attributes:
        length: Bytes of the file up to the end of IEND. What follows is no part of the image.
        colours: The colours, or None for sRGB and for those of an ICC profile.
        uses_profile: Whether an ICC profile counts: cICP takes precedence over it.
    """

    length: int
    colours: ColourTags | None
    uses_profile: bool


def check_png(file: EncodedImage) -> PngFacts:
    """Check the chunks of a PNG file, and read the colours that they state.

    The checksums of all critical chunks (IHDR, PLTE, IDAT, IEND) and of those with colours must be right. The file is
    read up to IEND. The order of precedence is that of the third edition of the PNG specification: cICP, iCCP, sRGB,
    then gAMA and cHRM.

    Args:
        file: The file.

    Raises:
        ImageError: If a chunk is damaged or missing, or the colours cannot be converted to sRGB.
    """
    with file.open() as stream:
        found, length = _walk(stream, file)
    if b"cICP" in found:
        primaries, transfer, matrix, full_range = found[b"cICP"]
        if matrix != 0:
            raise ImageError(f"{file.subject} is a PNG with the matrix {matrix} in its cICP chunk, which must be 0.")
        colours = tags_of_cicp(primaries, transfer, file.name, full_range=bool(full_range))
        return PngFacts(length, colours, uses_profile=False)
    if b"iCCP" in found or b"sRGB" in found:
        return PngFacts(length, None, uses_profile=True)
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 100_000 if b"gAMA" in found else None
    chromaticities = None
    if b"cHRM" in found:
        chromaticities = [value / 100_000 for value in struct.unpack(">8I", found[b"cHRM"])]
    return PngFacts(length, tags_of_gamma(gamma, chromaticities, file.name), uses_profile=True)


def _walk(stream: BinaryIO, file: EncodedImage) -> tuple[dict[bytes, bytes], int]:
    """Read the chunks: the content of those with colours, and the length of the file up to the end of IEND."""
    found: dict[bytes, bytes] = {}
    kinds: set[bytes] = set()
    length = len(stream.read(len(SIGNATURE)))
    while b"IEND" not in kinds:
        head = stream.read(8)
        size, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        if not (kind.isalpha() and size <= _LONGEST and (kinds or kind == b"IHDR")):
            raise _damaged(file, "it ends before IEND" if len(head) < 8 else "a chunk has no valid name")
        wanted = kind in _COLOUR_CHUNKS and b"IDAT" not in kinds
        if kind[:1].isupper() or wanted:
            content = _checked(stream, size, kind, file, keep=wanted)
            if wanted:
                if size != _COLOUR_CHUNKS[kind]:
                    raise _damaged(file, f"the chunk {kind.decode()} has {size} bytes")
                found.setdefault(kind, content)
        else:
            stream.seek(size + 4, 1)  # texts, previews and the like
            if kind == b"iCCP":
                found.setdefault(kind, b"")
        kinds.add(kind)
        length += size + 12
    if b"IDAT" not in kinds:
        raise _damaged(file, "it has no IDAT")
    return found, length


def _checked(stream: BinaryIO, size: int, kind: bytes, file: EncodedImage, *, keep: bool) -> bytes:
    """Read the content of a chunk and check its sum; return it if `keep` is set."""
    sum_, left = zlib.crc32(kind), size
    kept = b""
    while left:
        part = stream.read(min(left, _PART))
        if not part:
            raise _damaged(file, f"it ends within {kind.decode()}")
        sum_ = zlib.crc32(part, sum_)
        left -= len(part)
        if keep:
            kept += part
    stated = stream.read(4)
    if len(stated) < 4:
        raise _damaged(file, f"it ends within {kind.decode()}")
    if stated != struct.pack(">I", sum_):
        raise _damaged(file, f"the checksum of {kind.decode()} is wrong")
    return kept


def _damaged(file: EncodedImage, how: str) -> ImageError:
    return ImageError(f"{file.subject} cannot be decoded. It is damaged or truncated: {how}.")
