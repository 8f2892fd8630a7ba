"""What an image can be given as: a path, encoded bytes, a binary file object, a PIL image or an array."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from innersight.errors import ArgumentError, ImageError

ImageSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | npt.NDArray[Any]"
)
"""Everything that `read_image` takes. `docs/images.md` states what each of them must hold."""


@dataclass(frozen=True)
class EncodedImage:
    """An image file, on disk or in memory.

    Attributes:
        name: What a message calls it, such as `'a.png'` or `the bytes object`.
        path: The path of the file, or None if the file is in memory.
        data: The content of the file, or None if the file is on disk.
    """

    name: str
    path: Path | None
    data: bytes | None

    @property
    def subject(self) -> str:
        """The name at the start of a sentence."""
        return capitalised(self.name)

    def pillow_source(self) -> Path | IO[bytes]:
        """Return what Pillow opens. It maps the pixels of some files into memory, but only if it gets their path."""
        return self.open() if self.path is None else self.path

    def open(self) -> IO[bytes]:
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
    if isinstance(source, (Image.Image, np.ndarray)):
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
    return EncodedImage(f"'{path}'", path, None)


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
