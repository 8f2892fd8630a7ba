"""The process that decodes images for `innersight.io.decoder.Decoder`. It reads requests and writes images.

A request and a reply are a line of JSON, and the bytes of a file or an image. Nothing is unpickled on either side.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from innersight.errors import ImageError
from innersight.io.image_sources import EncodedImage
from innersight.io.images import read_picture

READY = b"ready\n"
"""What the process writes before its first reply, so that its start does not count as the time of an image."""

_LATE = 5
"""Seconds after the limit at which the process ends itself: the process that started it may have been killed."""


def main(pixels: int, seconds: float, memory: int | None) -> None:
    """Decode images until the standard input ends.

    Args:
        pixels: Largest number of pixels.
        seconds: Time for one image.
        memory: Memory for one image, bytes, or None.
    """
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a C library prints must not mix with the replies
    Image.MAX_IMAGE_PIXELS = None  # the limit of this process takes its place
    if memory is not None:
        _limit_memory(memory)
    replies.write(READY)
    replies.flush()
    while line := requests.readline():
        with _alarm(seconds + _LATE):
            _reply(replies, json.loads(line), requests, pixels)


def _reply(replies: BinaryIO, request: Mapping[str, Any], requests: BinaryIO, pixels: int) -> None:
    data = None if request["bytes"] is None else requests.read(request["bytes"])
    path = None if request["path"] is None else Path(request["path"])
    try:
        picture = read_picture(EncodedImage(request["name"], path, data, request["frame"]), max_pixels=pixels)
    except (ImageError, MemoryError) as error:
        _write(replies, {"error": None if isinstance(error, MemoryError) else str(error)})
        return
    arrays = [picture.colour] if picture.alpha is None else [picture.colour, picture.alpha]
    _write(replies, {"arrays": [{"shape": array.shape, "dtype": array.dtype.name} for array in arrays]})
    for array in arrays:
        replies.write(array.data.cast("B"))
    replies.flush()


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End this process if the block takes too long."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _write(replies: BinaryIO, reply: Mapping[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


def _limit_memory(memory: int) -> None:
    import resource

    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + memory,) * 2)
