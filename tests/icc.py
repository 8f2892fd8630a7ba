"""Small ICC profiles for the tests, with the layouts of ICC.1:2001-04."""

from __future__ import annotations

import struct

import numpy as np

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_D50 = (0.9642, 1.0, 0.8249)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _curve(table: np.ndarray) -> bytes:
    values = np.round(np.clip(table, 0, 1) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + values.tobytes()


def _text(text: str) -> bytes:
    body = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(body)) + body + b"\0" * (4 + 4 + 2 + 1 + 67)


def _profile(space: bytes, device_class: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text("made for a test"), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(_D50), **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", offset + len(data), len(value))
        data += value
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sI4sI8sI12s4s44s",
        offset + len(data), b"lcms", 0x02400000, device_class, space, connection, b"\0" * 12, b"acsp", b"\0" * 4,
        0, b"\0" * 4, 0, b"\0" * 8, 0, _fixed(*_D50), b"\0" * 4, b"\0" * 44,
    )  # fmt: skip
    assert len(header) == 128
    return header + table + data


def srgb_curve() -> np.ndarray:
    x = np.linspace(0, 1, 1024)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def gamma_curve(gamma: float) -> np.ndarray:
    return np.linspace(0, 1, 1024) ** gamma


def rgb_profile(primaries: tuple[tuple[float, float, float], ...], curve: np.ndarray) -> bytes:
    """A display profile: primaries as D50-adapted XYZ columns, one tone curve."""
    tags = {name + b"XYZ": _xyz(column) for name, column in zip((b"r", b"g", b"b"), primaries, strict=True)}
    tags |= {name + b"TRC": _curve(curve) for name in (b"r", b"g", b"b")}
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags)


def grey_profile(curve: np.ndarray) -> bytes:
    return _profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": _curve(curve)})


def cmyk_profile() -> bytes:
    """An output profile that gives grey only: L* = 100 (1 - mean(C, M, Y)) (1 - K), a* = b* = 0."""
    identity = np.arange(256, dtype=np.uint8).tobytes()
    clut = b""
    for corner in range(16):
        c, m, y, k = ((corner >> bit) & 1 for bit in (3, 2, 1, 0))
        clut += bytes((round(255 * (1 - (c + m + y) / 3) * (1 - k)), 128, 128))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + identity * 4 + clut + identity * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": lut, b"A2B1": lut})
