"""Reading of Netpbm files: PBM, PGM, PPM and PAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from innersight.errors import ImageError
from innersight.io.image_sources import EncodedImage
from innersight.io.samples import Decoded, split_samples

if TYPE_CHECKING:
    from netpbmfile import NetpbmFile


_LARGEST = 65535


def is_netpbm(head: bytes) -> bool:
    """Return whether the first bytes are those of a Netpbm file."""
    return head[:1] == b"P" and head[1:2] in tuple(b"%d" % n for n in range(1, 8)) and head[2:3].isspace()


def netpbm_size(file: EncodedImage) -> tuple[int, int]:
    """Return the height and width in the header."""
    import netpbmfile

    with file.open() as stream, netpbmfile.NetpbmFile(stream) as opened:
        return _size(opened)


def read_netpbm(file: EncodedImage) -> Decoded:
    """Read a Netpbm file. The largest value in the header is white.

    Raises:
        ImageError: If the file has several images, a sample above its largest value, or a PAM type without colours.
    """
    import netpbmfile

    with file.open() as stream, netpbmfile.NetpbmFile(stream) as opened:
        if opened.frames > 1:
            raise ImageError(f"{file.subject} has several images, but a score needs one. Extract one image.")
        file.check_count(1)
        samples: Any = opened.asarray()
        white = int(opened.maxval)
    if samples.ndim == 3 and samples.shape[2] > 4:
        raise ImageError(
            f"{file.subject} has {samples.shape[2]} channels. Save it as grey or RGB, with or without alpha."
        )
    if not 0 < white <= _LARGEST:
        raise ImageError(
            f"{file.subject} is damaged. Its largest value is {white}, which must be from 1 to {_LARGEST}."
        )
    if samples.dtype == np.bool_:
        # In PBM 1 is black. In PAM 1 is white.
        samples = (samples if opened.magicnumber == "P7" else ~samples).astype(np.uint8)
    return split_samples(samples, white, file)


def _size(opened: NetpbmFile) -> tuple[int, int]:
    height, width = opened.shape[opened.axes.index("Y")], opened.shape[opened.axes.index("X")]
    return int(height), int(width)
