"""Too little memory or too many open files, which many decoders report as damage of the file."""

from __future__ import annotations

import errno

import numpy as np

_BYTES_PER_PIXEL = 16
"""Memory that must be free for each pixel, bytes. It is more than the decoders of all formats took in the tests."""

_LEAST = 4 << 20
"""Memory that must be free for an image of any size, bytes."""

_UNKNOWN = 32 << 20
"""Memory that must be free for an image of unknown size, bytes: half of the lowest limit of `DecodingLimits`. libwebp
takes the memory of the pixels before Pillow knows the size."""


def check_resources(error: Exception, name: str, pixels: int | None = None) -> None:
    """Raise another error if an image could not be read because memory is short or too many files are open.

    Such a failure says nothing about the file. It must end a run, which then resumes, and not become the error of a
    row. Some decoders name no reason. This function therefore tries to allocate the memory that the image needs.

    Args:
        error: The error of the decoder.
        name: The image, for the error message.
        pixels: Its number of pixels. Default: unknown.

    Raises:
        MemoryError: If the memory does not suffice.
        OSError: The error itself, if too many files are open.

    Example:
        >>> check_resources(ValueError("no valid header"), "'a.png'", 64 * 64)  # nothing is raised
        >>> check_resources(MemoryError(), "'a.png'", 64 * 64)
        Traceback (most recent call last):
        MemoryError: too little memory to read 'a.png'
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE):
        raise error
    lacks_memory = isinstance(error, MemoryError) or number == errno.ENOMEM
    if not lacks_memory:
        try:
            np.empty(_UNKNOWN if pixels is None else _LEAST + _BYTES_PER_PIXEL * pixels, np.uint8)
        except MemoryError:
            lacks_memory = True
    if lacks_memory:
        raise MemoryError(f"too little memory to read {name}") from error
