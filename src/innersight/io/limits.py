"""Limits of the decoding of one image."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from innersight.errors import ArgumentError

PIXELS = 89_478_485
"""Default limit of the number of pixels: Pillow's own. Files above it can be decompression bombs."""

SECONDS = 60.0
"""Default limit of the time."""

MEMORY = 4 << 30 if sys.platform == "linux" else None
"""Default limit of the memory, bytes; None on systems where a process cannot be limited."""


@dataclass(frozen=True)
class DecodingLimits:
    """The largest image that is decoded, and what its decoding may take.

    Attributes:
        pixels: Largest number of pixels, an integer from 1. A larger image is refused before it is decoded. Default:
            89,478,485.
        seconds: Longest time to read and decode an image, above 0. Default: 60.
        memory: Largest memory for the file, the library that decodes it and the decoded image, bytes, from 64 MiB; None
            for no limit. Linux only. Default: 4 GiB on Linux, None elsewhere.

    Raises:
        ArgumentError: If a limit is out of its range, or `memory` is given on another system than Linux.

    Example:
        >>> DecodingLimits(pixels=16_000_000, seconds=5)
        DecodingLimits(pixels=16000000, seconds=5, memory=...)
    """

    pixels: int = PIXELS
    seconds: float = SECONDS
    memory: int | None = MEMORY

    def __post_init__(self) -> None:
        check_pixels("pixels", self.pixels)
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, (int, float)) or not 0 < self.seconds < 1e6:
            raise ArgumentError(
                f"Argument `seconds` must be a number above 0 and below 1,000,000, but got {self.seconds!r}. The "
                f"default is {SECONDS:g}."
            )
        if self.memory is None:
            return
        if not _is_whole(self.memory) or not 64 << 20 <= self.memory < 1 << 62:
            raise ArgumentError(
                f"Argument `memory` must be a whole number of bytes from {64 << 20:,} (64 MiB), or None, but got "
                f"{self.memory!r}. The default is {MEMORY if MEMORY is None else format(MEMORY, ',')}."
            )
        if sys.platform != "linux":
            raise ArgumentError("Argument `memory` is a limit that only Linux enforces. Leave it out.")

    def describe(self) -> dict[str, float | None]:
        """Return the limits in JSON types."""
        return {"pixels": self.pixels, "seconds": self.seconds, "memory": self.memory}


def check_pixels(argument: str, pixels: object) -> None:
    """Check a limit of the number of pixels.

    Args:
        argument: The name of the argument, for the message.
        pixels: The limit.

    Raises:
        ArgumentError: If it is not an integer from 1.
    """
    if not _is_whole(pixels) or pixels < 1:  # type: ignore[operator]
        raise ArgumentError(
            f"Argument `{argument}` must be an integer from 1, but got {pixels!r}. The default is {PIXELS}."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
