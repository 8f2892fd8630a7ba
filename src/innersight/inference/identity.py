"""Recognition of identical images: by the bytes of their files, or by their pixels."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

import numpy as np

from innersight.inference.backend import Image
from innersight.io.image_sources import EncodedImage

_CHUNK = 1 << 20  # bytes
_SAMPLES = 1024  # pixels that are compared before a digest of all pixels is computed


def same_bytes(reference: object, distorted: object) -> bool:
    """Tell whether two sources of images are the same object, equal bytes or files of equal bytes.

    Args:
        reference: A source of an image, see `innersight.read_image`.
        distorted: The same.

    Returns:
        Whether both certainly hold the same image. False for a file that cannot be read.

    Example:
        >>> same_bytes(b"abc", b"abc"), same_bytes(b"abc", b"abd")
        (True, False)
    """
    if reference is distorted:
        return True
    one, other = (source.data if isinstance(source, EncodedImage) else source for source in (reference, distorted))
    if isinstance(one, bytes) and isinstance(other, bytes):
        return one == other
    if not (isinstance(reference, (str, os.PathLike)) and isinstance(distorted, (str, os.PathLike))):
        return False
    try:
        with (
            open(reference, "rb", opener=_without_waiting) as first,
            open(distorted, "rb", opener=_without_waiting) as second,
        ):
            states = os.fstat(first.fileno()), os.fstat(second.fileno())
            # Only a regular file has an end and can be read again.
            if states[0].st_size != states[1].st_size or not all(stat.S_ISREG(each.st_mode) for each in states):
                return False
            while (chunk := first.read(_CHUNK)) == second.read(_CHUNK):
                if not chunk:
                    return True
    except (OSError, ValueError, TypeError):  # reading it as an image gives the reason
        return False
    return False


def same_pixels(reference: Image, distorted: Image) -> bool:
    """Tell whether two images are equal pixel by pixel."""
    if reference.shape != distorted.shape:
        return False
    return bool(_sample(reference) == _sample(distorted) and np.array_equal(reference, distorted))


def pixel_digest(image: Image) -> bytes:
    """Return a digest of the pixels of an image."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


@dataclass(frozen=True)
class Fingerprint:
    """What recognises an image whose pixels are not kept.

    Attributes:
        shape: Of the image.
        sample: Some pixels. Most other images differ in them, and no digest is needed.
        digest: Of all pixels.
    """

    shape: tuple[int, ...]
    sample: bytes
    digest: bytes

    @classmethod
    def of(cls, image: Image) -> Fingerprint:
        """Make the fingerprint of an image."""
        return cls(image.shape, _sample(image), pixel_digest(image))

    def matches(self, image: Image) -> bool:
        """Tell whether an image has the same pixels."""
        return self.shape == image.shape and self.sample == _sample(image) and self.digest == pixel_digest(image)


def _sample(image: Image) -> bytes:
    flat = image.reshape(-1)
    return flat[:: max(1, flat.size // _SAMPLES)].tobytes()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO that nobody writes to is opened at once too."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
