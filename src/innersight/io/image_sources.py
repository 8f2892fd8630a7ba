"""What an image can be given as: a path, encoded bytes, a binary file object, a PIL image or an array."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from innersight.errors import ArgumentError, ImageError

if TYPE_CHECKING:
    from innersight.io.pictures import Picture

ImageSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | npt.NDArray[Any] | "
    "EncodedImage"
)
"""Everything that `read_image` takes. `docs/images.md` states what each of them must hold."""

_PATIENCE = 60.0
"""Seconds without data after which a pipe is given up."""

MOST_BYTES = 1 << 30
"""Largest size of a file. An image of 89 million pixels with alpha and 16 bits is smaller."""


@dataclass(frozen=True)
class EncodedImage:
    """An image file, on disk or in memory.

    Attributes:
        name: What a message calls it, such as `'a.png'` or `the bytes object`.
        path: The path of the file, or None if the file is in memory.
        data: The content of the file, or None if the file is on disk.
        frame: Which of several images is read, from 0; None for the only one.
        decode: What decodes it within limits (`innersight.Decoder`); None for this process.
    """

    name: str
    path: Path | None
    data: bytes | None
    frame: int | None = None
    decode: Callable[[EncodedImage], Picture] | None = None

    @property
    def subject(self) -> str:
        """The name at the start of a sentence."""
        return capitalised(self.name)

    def check_count(self, count: int) -> None:
        """Check that the file has one image, or the frame that is read.

        Args:
            count: The number of images of the file.

        Raises:
            ImageError: If it has several and no frame is chosen, or it has no such frame.
        """
        if self.frame is None and count > 1:
            raise ImageError(
                f"{self.subject} has {count} images, but a score needs one. Choose one, from 0: `innersight "
                "score --frame 0`, or `frame=0` in Python."
            )
        if self.frame is not None and self.frame >= count:
            last = "only the frame 0" if count == 1 else f"the frames 0 to {count - 1}"
            raise ImageError(f"{self.subject} cannot be read: the file has {last}.")

    def pillow_source(self) -> Path | BinaryIO:
        """Return what Pillow opens. It maps the pixels of some files into memory, but only if it gets their path."""
        return self.open() if self.path is None else self.path

    def head(self, size: int = 64) -> bytes:
        """Return the first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.data or b"") if self.path is None else self.path.stat().st_size

    def content(self) -> bytes:
        """Return all bytes."""
        with self.open() as stream:
            return stream.read()

    def open(self) -> BinaryIO:
        """Open the content from its start."""
        return io.BytesIO(self.data or b"") if self.path is None else self.path.open("rb")


def source_name(source: ImageSource) -> str:
    """Return what a message calls an image.

    Args:
        source: Anything that `read_image` takes.

    Returns:
        The path in quotes, or the kind of object.

    Example:
        >>> source_name("a.png"), source_name(b"...")
        ("'a.png'", 'the bytes object')
    """
    if isinstance(source, EncodedImage):
        return source.name
    if isinstance(source, (str, os.PathLike)):
        return f"'{os.fspath(source)}'"
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "the bytes object"
    if isinstance(source, Image.Image):
        return "the PIL image"
    return "the array" if isinstance(source, np.ndarray) else "the file object"


def capitalised(name: str) -> str:
    """Return a name with a capital first letter; `str.capitalize` would change the other letters too."""
    return name[:1].upper() + name[1:]


def identify(source: object) -> EncodedImage | Image.Image | npt.NDArray[Any]:
    """Find out what an image is given as. This is the only place that decides it.

    Args:
        source: Anything that `read_image` takes. A file object is read from its current position to its end.

    Returns:
        An image file, a PIL image or an array. The content is not checked.

    Raises:
        ArgumentError: If the object is none of these, or a file object that gives text.
        ImageError: If the path is a web address or cannot be the name of a file, or the file object cannot be read.
    """
    if isinstance(source, (EncodedImage, Image.Image, np.ndarray)):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return EncodedImage(source_name(source), None, bytes(source))
    text = os.fspath(source) if isinstance(source, os.PathLike) else source
    if isinstance(text, str):
        return _identify_path(text)
    if callable(getattr(source, "read", None)):
        return EncodedImage("the file object", None, _read_all(source))
    raise ArgumentError(
        "An image must be a path (str or pathlib.Path), bytes, a binary file object, a PIL image or a numpy array, but "
        f"got {type(source).__name__}.{_step(source)}"
    )


def _step(source: object) -> str:
    if type(source).__module__.partition(".")[0] == "torch":
        return " Pass tensors to a metric of innersight.create_metric, or an array of shape (H, W, 3)."
    return " Convert it to one of these."


def _identify_path(text: str) -> EncodedImage:
    if text.startswith(("http://", "https://")):
        raise ImageError(f"'{text}' is a web address. Download the file, and pass the path of the copy.")
    try:
        valid = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        valid = False
    if not valid:
        raise ImageError(f"{text!r} is not a valid file name.")
    path = Path(text)
    name = f"'{path}'"
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # opening the file gives the reason
        mode = stat.S_IFREG
    if stat.S_ISFIFO(mode):
        return EncodedImage(name, None, _read_pipe(path, name))
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise ImageError(f"{name} is a device or a socket, not a file. Pass the path of an image file.")
    return EncodedImage(name, path, None)


def at_frame(source: ImageSource, frame: int | None) -> ImageSource:
    """Choose one of several images of a file.

    Args:
        source: Anything that `read_image` takes.
        frame: The number of the image, from 0. Default of `read_image`: None, for a file of one image.

    Returns:
        The image to read; the source itself if `frame` is None.

    Raises:
        ArgumentError: If `frame` is not an integer from 0, or `source` is no file, no bytes and no file object.
        ImageError: As `identify`.
    """
    if frame is None:
        return source
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
        raise ArgumentError(f"Argument `frame` must be an integer from 0 (the first image), but got {frame!r}.")
    found = identify(source)
    if not isinstance(found, EncodedImage):
        raise ArgumentError(
            f"Argument `frame` needs an image file, but got {source_name(source)}. Choose the frame of it first."
        )
    return replace(found, name=f"frame {frame} of {found.name}", frame=frame)


def read_once(reference: ImageSource, distorted: ImageSource) -> tuple[ImageSource, ImageSource]:
    """Read the sources of a pair that can be read only once, so that they can then be used more than once.

    Args:
        reference: Anything that `read_image` takes.
        distorted: The same. If it is the same object, both are one image.

    Returns:
        The content of a pipe or of a file object; any other source as it is.

    Raises:
        ImageError: If a pipe or a file object cannot be read.
        ArgumentError: If a source is not an image.
    """
    held = _held(reference)
    return held, held if distorted is reference else _held(distorted)


def _held(source: ImageSource) -> ImageSource:
    if isinstance(source, (bytes, bytearray, memoryview, Image.Image, np.ndarray)):
        return source
    found = identify(source)
    return found if isinstance(found, EncodedImage) and found.path is None else source


def standard_input() -> EncodedImage:
    """Read an image file from the standard input.

    Raises:
        ImageError: If it is a terminal, or empty.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError("`-` is the standard input, which is a terminal here. Send a file to it, as in `- <a.png`.")
    return EncodedImage("the standard input", None, sys.stdin.buffer.read())


def _read_pipe(path: Path, name: str) -> bytes:
    """Read a FIFO, or the pipe of a process substitution, to its end. It has no size, and can be read once."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    found = bytearray()
    had_writer = False
    try:
        while True:
            try:
                part = os.read(descriptor, 1 << 20)
            except BlockingIOError:  # there is a writer, but no data yet
                pass
            else:
                if not part and had_writer:  # the end
                    return bytes(found)
                found += part
                had_writer = had_writer or bool(part)
                if len(found) > MOST_BYTES:
                    raise ImageError(f"{name} gives more than {MOST_BYTES:,} bytes. Pass an image file.")
                if part:
                    continue
            if not select.select([descriptor], [], [], _PATIENCE)[0]:
                raise ImageError(f"{name} is a pipe that gave no data for {_PATIENCE:.0f} seconds. Pass a file.")
            had_writer = True
    finally:
        os.close(descriptor)


def _read_all(file: Any) -> bytes:
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # a closed file is a ValueError
        raise ImageError(f"The file object cannot be read: {error}. Open it for reading in binary mode.") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ArgumentError(
            f"The file object must give bytes, but its read() gave {type(data).__name__}. Open it in binary mode: 'rb'."
        )
    return bytes(data)
