"""Reading of JPEG 2000 files: JP2 and bare codestreams."""

from __future__ import annotations

from dataclasses import dataclass

from innersight.errors import ImageError
from innersight.io.boxes import boxes, find_box
from innersight.io.image_sources import EncodedImage
from innersight.io.samples import Decoded, split_samples

_SIZ = b"\xff\x4f\xff\x51"
"""The start of a codestream and its first segment, which describes the components (ISO/IEC 15444-1, A.5.1)."""

_SRGB, _GREY = 16, 17
_ENUMERATED, _PROFILE = 1, 2
_PREMULTIPLIED = 2


@dataclass(frozen=True)
class _Component:
    bits: int
    signed: bool
    steps: tuple[int, int]


def read_jpeg_2000(file: EncodedImage) -> Decoded:
    """Read a JPEG 2000 file with all its bits.

    Raises:
        ImageError: If the components have different sizes or depths, are signed or refer to a palette, or if the
            colours cannot be converted to sRGB.
    """
    import imagecodecs

    data = file.content()
    header = find_box(data, b"jp2h") or b""
    components = _components(_codestream(data))
    _check(components, header, file)
    return split_samples(
        imagecodecs.jpeg2k_decode(data), 2 ** components[0].bits - 1, file, profile=_profile(header, file)
    )


def codestream_size(data: bytes) -> tuple[int, int]:
    """Return the height and width in a codestream, bare or in a JP2 file.

    Args:
        data: The content of the file.

    Raises:
        ValueError: If there is no codestream.
    """
    segment = _codestream(data)[4:]
    width, height, left, top = (int.from_bytes(segment[at : at + 4], "big") for at in range(4, 20, 4))
    return height - top, width - left


def _codestream(data: bytes) -> bytes:
    """Return the codestream that is decoded: another box can hold the same bytes."""
    found = data if data.startswith(_SIZ) else find_box(data, b"jp2c") or b""
    if not found.startswith(_SIZ):
        raise ValueError("it has no codestream")
    return found


def _components(codestream: bytes) -> list[_Component]:
    segment = codestream[4:]
    count = int.from_bytes(segment[36:38], "big")
    entries = [segment[at : at + 3] for at in range(38, 38 + 3 * count, 3)]
    return [_Component((entry[0] & 0x7F) + 1, bool(entry[0] >> 7), (entry[1], entry[2])) for entry in entries]


def _check(components: list[_Component], header: bytes, file: EncodedImage) -> None:
    first = components[0]
    if len(components) > 4 or any(component != first for component in components):
        raise ImageError(
            f"{file.subject} is a JPEG 2000 file with more than four components, or with components of different sizes "
            "or depths. Save it as grey or RGB without subsampling."
        )
    if first.signed or first.bits > 16:
        what = "signed samples" if first.signed else f"{first.bits} bits per sample"
        raise ImageError(f"{file.subject} has {what}, which are not read. Save it with 8 to 16 unsigned bits.")
    if find_box(header, b"pclr") is not None:
        raise ImageError(f"{file.subject} is a JPEG 2000 file with a palette. Save it as RGB.")
    definitions = find_box(header, b"cdef") or b""
    if any(int.from_bytes(definitions[at : at + 2], "big") == _PREMULTIPLIED for at in range(4, len(definitions), 6)):
        raise ImageError(f"{file.subject} has premultiplied alpha. Save it with plain alpha.")


def _profile(header: bytes, file: EncodedImage) -> bytes | None:
    """Return the ICC profile. The first description of the colours that is known counts."""
    found = [content for kind, content in boxes(header) if kind == b"colr"]
    for content in found:
        if content[0] == _PROFILE:
            return content[3:]
        if content[0] == _ENUMERATED and int.from_bytes(content[3:7], "big") in (_SRGB, _GREY):
            return None
    if found:
        raise ImageError(
            f"{file.subject} is a JPEG 2000 file with colours other than sRGB or grey. Convert it to sRGB first."
        )
    return None
