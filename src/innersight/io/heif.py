"""Reading of HEIC files, with the extra `heif`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from innersight.errors import ImageError
from innersight.io.boxes import primary_properties
from innersight.io.image_sources import EncodedImage
from innersight.io.samples import Decoded, split_samples, without_premultiplication

if TYPE_CHECKING:
    from pillow_heif import HeifFile

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")


def is_heif(head: bytes) -> bool:
    """Return whether the first bytes are those of a HEIC file: its main brand, or `mif1` with a brand of HEVC."""
    if head[4:8] != b"ftyp":
        return False
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size, 4))]
    return brands[0] in _BRANDS or (brands[0] in (b"mif1", b"msf1") and any(brand in _BRANDS for brand in brands))


def heif_size(file: EncodedImage) -> tuple[int, int]:
    """Return the height and width of the image, after the rotation in its header.

    Raises:
        ImageError: As `read_heif`.
    """
    opened = _open(file, file.content())
    width, height = opened[_index(opened, file)].size
    return height, width


def read_heif(file: EncodedImage) -> Decoded:
    """Read the main image of a HEIC file with all its bits. The decoder applies the rotation in its header.

    Raises:
        ImageError: If pillow-heif is not installed, the file has no such frame, or its colours cannot be converted to
            sRGB.
    """
    data = file.content()
    opened = _open(file, data)
    image = opened[_index(opened, file)]
    cicp = primary_properties(data).cicp
    facts: dict[str, Any] = image.info
    samples, white = np.asarray(image), 2 ** int(facts["bit_depth"]) - 1
    if image.premultiplied_alpha:
        samples, white = without_premultiplication(samples, white), 65535
    return split_samples(
        samples,
        white,
        file,
        profile=facts.get("icc_profile"),
        cicp=None if cicp is None else cicp[:2],
    )


def _open(file: EncodedImage, data: bytes) -> HeifFile:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise ImageError(
            f"{file.subject} is a HEIC file, which needs pillow-heif. Run: pip install 'innersight[heif]'."
        ) from None
    return pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)


def _index(opened: HeifFile, file: EncodedImage) -> int:
    if file.frame is None:
        return int(opened.primary_index)
    file.check_count(len(opened))
    return file.frame
