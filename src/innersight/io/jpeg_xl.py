"""Reading of JPEG XL files."""

from __future__ import annotations

from innersight.errors import ImageError
from innersight.io.image_sources import EncodedImage
from innersight.io.jpeg_xl_header import CODESTREAM, CONTAINER, JpegXlHeader, read_header
from innersight.io.samples import Decoded, split_samples


def is_jpeg_xl(head: bytes) -> bool:
    """Return whether the first bytes are those of a JPEG XL file."""
    return head.startswith((CODESTREAM, CONTAINER))


def jpeg_xl_size(file: EncodedImage) -> tuple[int, int]:
    """Return the height and width in the header, before the orientation is applied.

    Raises:
        ValueError: If the header is damaged.
    """
    header = read_header(file.content())
    return header.height, header.width


def read_jpeg_xl(file: EncodedImage) -> Decoded:
    """Read a JPEG XL file with all its bits. The decoder applies the orientation.

    Raises:
        ImageError: If the file is an animation and no frame is chosen, or has float samples, premultiplied alpha, an
            ICC profile, or colours that cannot be converted to sRGB.
        ValueError: If the header is damaged.
    """
    import imagecodecs

    data = file.content()
    header = read_header(data)
    _check(header, file)
    samples = imagecodecs.jpegxl_decode(data)
    # All frames are decoded: the decoder gives no error for a number beyond the last.
    file.check_count(len(samples) if samples.ndim == 4 else 1)
    if samples.ndim == 4:
        samples = samples[file.frame]
    return split_samples(samples, 2**header.bits - 1, file, cicp=header.cicp)


def _check(header: JpegXlHeader, file: EncodedImage) -> None:
    if header.animated and file.frame is None:
        raise ImageError(
            f"{file.subject} is an animation, but a score needs one image. Choose one, from 0: `innersight score "
            "--frame 0`, or `frame=0` in Python."
        )
    if header.is_float or header.bits > 16:
        what = "float samples" if header.is_float else f"{header.bits} bits per sample"
        raise ImageError(f"{file.subject} has {what}, which are not read. Save it with 8 to 16 unsigned bits.")
    if header.premultiplied:
        raise ImageError(f"{file.subject} has premultiplied alpha. Save it with plain alpha.")
    if header.cicp is None:
        what = "an ICC profile" if header.has_profile else "colours of its own"
        raise ImageError(f"{file.subject} is a JPEG XL file with {what}, which is not read. Convert it to sRGB first.")
