"""The header of a JPEG XL codestream: depth and colours of its samples (ISO/IEC 18181-1, annexes A, D and E)."""

from __future__ import annotations

from dataclasses import dataclass

from innersight.io.boxes import boxes

CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
CODESTREAM = b"\xff\x0a"

_SIZE = ((9, 1), (13, 1), (18, 1), (30, 1))
_EIGHTHS: tuple[tuple[int, int], ...] = ()  # a side of up to 256 pixels, divided by 8, takes 5 bits
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_ALPHA, _SPOT, _FILTER = 0, 2, 5  # types of extra channels
_CUSTOM = 2
_PREVIEW_EIGHTHS = ((0, 16), (0, 32), (5, 1), (9, 33))
_PREVIEW = ((6, 1), (8, 65), (10, 321), (12, 1345))


@dataclass(frozen=True)
class JpegXlHeader:
    """What a JPEG XL file says about its samples.

    Attributes:
        height: Rows as stored, before the orientation is applied.
        width: Columns as stored.
        bits: Bits per sample.
        is_float: Whether the samples are floats.
        animated: Whether the file is an animation.
        premultiplied: Whether the colours are multiplied by alpha.
        has_profile: Whether an ICC profile describes the colours.
        cicp: Primaries and transfer as code points of ITU-T H.273; None if they have none, or with a profile.
    """

    height: int
    width: int
    bits: int
    is_float: bool
    animated: bool
    premultiplied: bool
    has_profile: bool
    cicp: tuple[int, int] | None


def read_header(data: bytes) -> JpegXlHeader:
    """Read the header of a JPEG XL file.

    Args:
        data: The file, or its first bytes.

    Raises:
        ValueError: If the header is cut or not that of a JPEG XL file.
    """
    stream = data
    if data.startswith(CONTAINER):
        # A codestream in parts has the number of the part before each.
        parts = [(kind, content) for kind, content in boxes(data) if kind in (b"jxlc", b"jxlp")]
        stream = b"".join(content[4:] if kind == b"jxlp" else content for kind, content in parts)
    if not stream.startswith(CODESTREAM):
        raise ValueError("it has no codestream")
    return _header(_Bits(stream[2:]))


class _Bits:
    """Reads numbers from bits, the lowest bit of a byte first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self, bits: int) -> int:
        value = 0
        for place in range(bits):
            byte, bit = divmod(self._position, 8)
            if byte >= len(self._data):
                raise ValueError("its header is cut")
            value |= (self._data[byte] >> bit & 1) << place
            self._position += 1
        return value

    def flag(self) -> bool:
        return self.number(1) == 1

    def choice(self, choices: tuple[tuple[int, int], ...]) -> int:
        """Read two bits, which choose the number of further bits and what is added to their value."""
        bits, offset = choices[self.number(2)]
        return self.number(bits) + offset


def _header(bits: _Bits) -> JpegXlHeader:
    height, width = _size(bits)
    depth, is_float, animated, premultiplied = 8, False, False, False
    if bits.flag():  # all values are the defaults
        return JpegXlHeader(height, width, depth, is_float, animated, premultiplied, has_profile=False, cicp=(1, 13))
    if bits.flag():  # extra fields
        bits.number(3)  # orientation, which the decoder applies
        if bits.flag():
            _size(bits)  # of the display
        if bits.flag():
            _skip_preview(bits)
        if animated := bits.flag():
            _skip_animation(bits)
    is_float, depth = _depth(bits)
    bits.flag()  # whether 16-bit buffers suffice
    for _ in range(bits.choice(((0, 0), (0, 1), (4, 2), (12, 1)))):
        premultiplied |= _extra_channel(bits)
    bits.flag()  # whether the samples are stored as XYB
    has_profile, cicp = _colours(bits)
    return JpegXlHeader(height, width, depth, is_float, animated, premultiplied, has_profile, cicp)


def _size(bits: _Bits) -> tuple[int, int]:
    choices = _EIGHTHS if bits.flag() else _SIZE
    height = _side(bits, choices)
    return height, _width(bits, height, choices)


def _side(bits: _Bits, choices: tuple[tuple[int, int], ...]) -> int:
    return 8 * (bits.number(5) + 1) if choices is _EIGHTHS else bits.choice(choices)


def _width(bits: _Bits, height: int, choices: tuple[tuple[int, int], ...]) -> int:
    ratio = bits.number(3)
    if ratio == 0:
        return _side(bits, choices)
    above, below = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * above // below


def _skip_preview(bits: _Bits) -> None:
    choices = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW
    _width(bits, bits.choice(choices), choices)


def _skip_animation(bits: _Bits) -> None:
    bits.choice(((0, 100), (0, 1000), (10, 1), (30, 1)))  # ticks per second: numerator
    bits.choice(((0, 1), (0, 1001), (8, 1), (10, 1)))  # denominator
    bits.choice(((0, 0), (3, 0), (16, 0), (32, 0)))  # loops
    bits.flag()  # whether frames have time codes


def _depth(bits: _Bits) -> tuple[bool, int]:
    if bits.flag():
        depth = bits.choice(((0, 32), (0, 16), (0, 24), (6, 1)))
        bits.number(4)  # bits of the exponent
        return True, depth
    return False, bits.choice(((0, 8), (0, 10), (0, 12), (6, 1)))


def _extra_channel(bits: _Bits) -> bool:
    """Read about one channel beside the colours; return whether the colours are multiplied by it."""
    if bits.flag():  # plain alpha of 8 bits
        return False
    kind = bits.choice(_ENUM)
    _depth(bits)
    bits.choice(((0, 0), (0, 3), (0, 4), (3, 1)))  # reduction of its size
    for _ in range(bits.choice(((0, 0), (4, 0), (5, 16), (10, 48)))):
        bits.number(8)  # its name
    if kind == _SPOT:
        bits.number(64)
    elif kind == _FILTER:
        bits.choice(((0, 1), (2, 0), (4, 3), (8, 19)))
    return bits.flag() if kind == _ALPHA else False


def _colours(bits: _Bits) -> tuple[bool, tuple[int, int] | None]:
    """Read the description of the colours: whether it is an ICC profile, and the code points."""
    if bits.flag():
        return False, (1, 13)  # sRGB
    if bits.flag():
        return True, None
    space = bits.choice(_ENUM)
    if space > 1:  # neither RGB nor grey
        return False, None
    white, primaries = bits.choice(_ENUM), 1
    if white == _CUSTOM:
        _chromaticity(bits)
    if space == 0:
        primaries = bits.choice(_ENUM)
        if primaries == _CUSTOM:
            for _ in range(3):
                _chromaticity(bits)
    if bits.flag():  # a power in place of a curve with a number
        return False, None
    transfer = bits.choice(_ENUM)
    # JPEG XL states the white point apart. Its primaries 11 with D65 are 12 of H.273 (Display P3).
    code = {(1, 1): 1, (1, 9): 9, (1, 11): 12, (11, 11): 11}.get((white, primaries))
    return False, None if code is None else (code, transfer)


def _chromaticity(bits: _Bits) -> None:
    for _ in range(2):
        bits.choice(((19, 0), (19, 524288), (20, 1048576), (21, 2097152)))
