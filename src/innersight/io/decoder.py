"""Decoding of image files in other processes, which are ended if an image takes too long or too much memory."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader, BufferedWriter
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from innersight.errors import ImageError
from innersight.io.decoder_process import READY
from innersight.io.image_sources import EncodedImage, ImageSource, identify
from innersight.io.limits import DecodingLimits
from innersight.io.pictures import Picture

_PROGRAM = (
    "import json, sys; sys.path[:], limits = json.loads(sys.argv[1]); "
    "from innersight.io import decoder_process; decoder_process.main(*limits)"
)
"""What a process runs. It gets the folders of modules of this process: `python -m` adds the current folder to them."""

Pipes: TypeAlias = tuple[BufferedWriter, BufferedReader]

_MOST_REPLY = 1 << 16  # bytes of the line of a reply


class Decoder:
    """Decodes image files within limits, in processes of its own.

    A process decodes one image at a time. It is started with the first image, and another one for each thread that
    decodes at the same time. An image that exceeds a limit, or that ends its process by an error of a C library, is an
    error of this image only. The processes end with the decoder, and if this process is killed.

    Args:
        limits: The limits of each image. Default: those of `DecodingLimits`.

    Example:
        >>> from PIL import Image
        >>> from innersight import read_image
        >>> path = getfixture("tmp_path") / "large.png"
        >>> Image.new("RGB", (400, 300)).save(path)
        >>> decoder = Decoder(DecodingLimits(pixels=100_000))
        >>> read_image(decoder.limit(path))
        Traceback (most recent call last):
        innersight.errors.ImageError: '...large.png' has 400 x 300 pixels, more than the limit of 100,000. ...
    """

    def __init__(self, limits: DecodingLimits | None = None) -> None:
        self.limits = limits or DecodingLimits()
        self._idle: list[_Process] = []
        weakref.finalize(self, _end_all, self._idle)

    def limit(self, source: ImageSource) -> ImageSource:
        """Return the image for `innersight.read_image` and `Scorer`, which then decode it with this decoder.

        Args:
            source: Anything that `innersight.read_image` takes.

        Returns:
            The image file; the source itself if it is a PIL image or an array, which are decoded already.

        Raises:
            ArgumentError: If `source` is not an image.
            ImageError: If it cannot be the name of a file, or cannot be read.
        """
        found = identify(source)
        return replace(found, decode=self.decode) if isinstance(found, EncodedImage) else source

    def decode(self, file: EncodedImage) -> Picture:
        """Decode an image file.

        Args:
            file: The file.

        Returns:
            The image.

        Raises:
            ImageError: As `innersight.read_image`, or if the image exceeds a limit.
        """
        process = self._take()
        try:
            picture = process.decode(file)
        except BaseException:
            if process.is_usable:
                self._idle.append(process)
            else:
                process.end()
            raise
        self._idle.append(process)
        return picture

    def _take(self) -> _Process:
        while True:
            try:
                process = self._idle.pop()  # safe for threads
            except IndexError:
                return _Process(self.limits)
            if process.is_alive:
                return process
            process.end()  # something killed it while it waited

    def __reduce__(self) -> tuple[Callable[..., Decoder], tuple[DecodingLimits]]:
        return Decoder, (self.limits,)


class _Process:
    """One process that decodes images.

    Attributes:
        is_usable: Whether it waits for the next image.
    """

    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        arguments = json.dumps([sys.path, [limits.pixels, limits.seconds, limits.memory]])
        self._process = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-I", "-c", _PROGRAM, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends this process, and its end ends that one
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # threads reserve memory
        )
        self._requests, self._replies = cast("Pipes", (self._process.stdin, self._process.stdout))
        self.is_usable = self._replies.readline(len(READY)) == READY
        if not self.is_usable:
            self.end()
            raise ImageError(
                f"The process that decodes images within limits cannot be started with {sys.executable!r} (status "
                f"{self._process.returncode}). Try without limits to see whether the images can be read."
            )

    def decode(self, file: EncodedImage) -> Picture:
        self.is_usable = False
        expired = threading.Event()
        timer = threading.Timer(self._limits.seconds, self._expire, (expired,))
        timer.daemon = True
        timer.start()
        try:
            reply, arrays = self._ask(file)
        except (EOFError, OSError, ValueError):
            if expired.is_set():
                raise ImageError(
                    f"{file.subject} takes longer to decode than the limit of {self._limits.seconds:g} seconds. It can "
                    "be a decompression bomb. If you trust it, raise the limit: --max-decode-seconds, or `seconds` of "
                    "innersight.DecodingLimits."
                ) from None
            raise self._ended(file) from None
        finally:
            timer.cancel()
        if arrays:
            self.is_usable = True
            return Picture(arrays[0], arrays[1] if len(arrays) > 1 else None)
        if reply["error"] is None:
            raise self._memory_error(file)
        self.is_usable = True
        raise ImageError(reply["error"])

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        with contextlib.suppress(OSError):  # what was not written to it is dropped
            self._process.communicate()

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self._process.kill()

    def _ask(self, file: EncodedImage) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        path = None if file.path is None else os.path.abspath(file.path)  # noqa: PTH100 - a link stays a link
        size = None if file.data is None else len(file.data)
        request = {"name": file.name, "path": path, "frame": file.frame, "bytes": size}
        self._requests.write(json.dumps(request).encode() + b"\n")
        self._requests.write(file.data or b"")
        self._requests.flush()
        line = self._replies.readline(_MOST_REPLY)
        if not line:
            raise EOFError
        reply = json.loads(line)
        arrays = [self._read_array(each["shape"], each["dtype"]) for each in reply.get("arrays", ())]
        return reply, arrays

    def _read_array(self, shape: list[int], dtype: str) -> npt.NDArray[Any]:
        planes, height, width = shape
        if dtype not in ("uint8", "float32") or planes not in (1, 3) or height * width > self._limits.pixels:
            raise ValueError(f"no image: {shape}, {dtype}")
        found = np.empty(shape, dtype)
        content = found.data.cast("B")
        if self._replies.readinto(content) != len(content):
            raise EOFError
        return found

    def _ended(self, file: EncodedImage) -> ImageError:
        return ImageError(
            f"{file.subject} ends the process that decodes it (status {self._process.wait()}). It is damaged, or needs "
            f"more memory than {self._memory()}."
        )

    def _memory_error(self, file: EncodedImage) -> ImageError:
        return ImageError(
            f"{file.subject} needs more memory to be decoded than {self._memory()}. It can be a decompression bomb. If "
            "you trust it, raise the limit: --max-decode-memory, or `memory` of innersight.DecodingLimits."
        )

    def _memory(self) -> str:
        memory = self._limits.memory
        return "this machine has" if memory is None else f"the limit of {memory / (1 << 20):,.0f} MiB"


def _end_all(processes: list[_Process]) -> None:
    for process in processes:
        process.end()
