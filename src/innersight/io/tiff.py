"""Reading of TIFF files, with tifffile: Pillow cuts 16 bits to 8, and libtiff writes lines of its own to stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from innersight.errors import ImageError
from innersight.io.colour_profiles import to_srgb
from innersight.io.image_sources import EncodedImage
from innersight.io.orientation import ORIENTATION_TAG, oriented
from innersight.io.samples import Decoded, split_samples, without_premultiplication
from innersight.io.tiff_segments import check_images, check_tiles

if TYPE_CHECKING:
    import tifffile

_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_PHOTOMETRIC, _MAX_SAMPLE, _INK_SET, _SAMPLE_FORMAT, _PROFILE, _DNG_VERSION = 262, 281, 332, 339, 34675, 50706  # tags
_TOO_LONG = ("INSUFFICIENT_SPACE", "OUTPUT_TOO_SMALL", "buffer is too small")  # of imagecodecs
_CR2 = b"CR"  # at byte 8 of Canon's raw files
_MOST_SAMPLES = 8
_RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw
_JPEG_2000_YCBCR = 33003
_ASSOCIATED, _UNASSOCIATED = 1, 2  # values of ExtraSamples
_PHOTOMETRICS = ("MINISBLACK", "MINISWHITE", "RGB", "YCBCR", "PALETTE", "SEPARATED")
_UNSIGNED = (1, 4)  # values of SampleFormat: unsigned, undefined


def is_tiff(head: bytes) -> bool:
    """Return whether the first bytes are those of a TIFF or BigTIFF file. Many camera raw files are TIFF files."""
    return head[:4] in _HEADS


def tiff_size(file: EncodedImage) -> tuple[int, int]:
    """Return the height and width of the image, as stored.

    Raises:
        ImageError: As `read_tiff`.
    """
    import tifffile

    with file.open() as stream, tifffile.TiffFile(stream) as tiff:
        page = _find_page(tiff, file)
        return page.imagelength, page.imagewidth


def read_tiff(file: EncodedImage) -> Decoded:
    """Read the image of a TIFF file.

    Smaller copies of the first image are ignored, as pyramids have them. The largest sample is white: `MaxSampleValue`
    if it is 2^n - 1, else 2^n - 1 of n bits per sample.

    Args:
        file: The file.

    Returns:
        The colours and alpha.

    Raises:
        ImageError: If it is a camera raw file, its first image is a smaller copy of another, it has several
            images and no frame is chosen, or
            its samples have no defined range or colours.
        ValueError: If pixels are missing.
    """
    import tifffile

    with file.open() as stream, tifffile.TiffFile(stream) as tiff:
        page = _find_page(tiff, file)
        _check_samples(page, file)
        try:
            samples = page.asarray()
        except Exception as error:
            if not any(text in str(error) for text in _TOO_LONG):
                raise
            return _by_pillow(page, file)
        if page.axes == "SYX":
            samples = samples.transpose(1, 2, 0)
        orientation = page.tags.valueof(ORIENTATION_TAG, default=1)
        return _convert(oriented(samples, orientation), page, file)


def _by_pillow(page: tifffile.TiffPage, file: EncodedImage) -> Decoded:
    """Read a file whose last strip is stored longer than the image needs, which tifffile does not decode."""
    with Image.open(file.pillow_source(), formats=("TIFF",)) as image:
        # Pillow opens the first page.
        if page.index != 0 or image.size != (page.imagewidth, page.imagelength) or image.mode not in ("1", "L", "RGB"):
            raise ValueError("its last strip is longer than the image")
        profile = image.info.get("icc_profile")
        shown = ImageOps.exif_transpose(image)
        return to_srgb(shown.convert("L") if shown.mode == "1" else shown, profile, file.name), None


def _find_page(tiff: tifffile.TiffFile, file: EncodedImage) -> tifffile.TiffPage:
    pages = _pages(tiff)
    first = pages[0]
    below = [page.aspage() for page in first.pages or ()]
    is_raw = file.head()[8:10] == _CR2 or _DNG_VERSION in first.tags
    if is_raw or any(page.photometric in _RAW_PHOTOMETRICS for page in (*pages, *below)):
        raise ImageError(f"{file.subject} is a camera raw file. Develop it into a PNG or TIFF file of RGB first.")
    size = first.imagelength * first.imagewidth
    larger = max((*below, *pages), key=lambda page: page.imagelength * page.imagewidth)
    if first.subfiletype & _REDUCED or any(page.imagelength * page.imagewidth > size for page in below):
        raise ImageError(
            f"{file.subject} has a reduced copy ({first.imagewidth} x {first.imagelength}) as its first image. Its "
            f"largest image is {larger.imagewidth} x {larger.imagelength}. Save that image as a file of its own."
        )
    if any(page.subfiletype & _MASK for page in pages):
        raise ImageError(
            f"{file.subject} has a transparency mask as a page of its own. Save it with an alpha channel, or without "
            "the mask."
        )
    if (tiff.is_imagej or tiff.is_shaped) and len(pages) == 1 and tiff.series[0].size > first.size:
        raise ImageError(
            f"{file.subject} has {tiff.series[0].size // first.size} images in one page. Save the one that you need "
            "as a file of its own."
        )
    full = [page for page in pages if not page.subfiletype & _REDUCED]
    file.check_count(len(full))
    return full[file.frame or 0]


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    pages: list[tifffile.TiffPage] = []
    seen: set[int] = set()
    for each in tiff.pages:
        page = each.aspage()
        if page.offset in seen:
            raise ValueError("its pages form a loop")
        seen.add(page.offset)
        pages.append(page)
    return pages


def _check_samples(page: tifffile.TiffPage, file: EncodedImage) -> None:
    import tifffile

    formats = page.tags.valueof(_SAMPLE_FORMAT, default=1)
    if not {int(each) for each in (formats if isinstance(formats, tuple) else (formats,))} <= set(_UNSIGNED):
        raise _no_range(file, f"samples of type {page.dtype}")
    if not isinstance(page.bitspersample, int):
        raise ImageError(f"{file.subject} is a TIFF file whose samples have different numbers of bits. Save it as RGB.")
    if page.samplesperpixel > _MOST_SAMPLES:
        raise ImageError(
            f"{file.subject} is a TIFF file with {page.samplesperpixel} samples per pixel. Save it as grey or RGB."
        )
    if _PHOTOMETRIC not in page.tags:
        raise ImageError(f"{file.subject} is a TIFF file that does not state its colours. Save it as grey or RGB.")
    if page.bitspersample > 16:
        raise _no_range(file, f"{page.bitspersample} bits per sample")
    name = _name(page.photometric)
    if name not in _PHOTOMETRICS:
        raise ImageError(f"{file.subject} is a TIFF file with {name} pixels. Save it as grey or RGB.")
    if page.axes not in ("YX", "YXS", "SYX"):
        raise ImageError(f"{file.subject} is a TIFF file with the axes {page.axes}. Save it as one grey or RGB image.")
    if page.compression == _JPEG_2000_YCBCR or (name == "YCBCR" and not _is_jpeg(page) and not _is_full(page)):
        raise ImageError(f"{file.subject} is a TIFF file with subsampled YCbCr pixels. Save it as RGB.")
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise ImageError(
            f"{file.subject} is a TIFF file with the compression {_name(page.compression)}. Save it with Deflate."
        )
    stored = page.parent.filehandle.size
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if not segments or any(not offset or not count or offset + count > stored for offset, count in segments):
        raise ValueError("some of its pixels are not in the file")
    check_tiles(page, file)
    if page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:
        check_images(page, segments, file)


def _name(value: int) -> str:
    """Return the name of a value that tifffile knows, or its digits."""
    return str(getattr(value, "name", int(value)))


def _is_jpeg(page: tifffile.TiffPage) -> bool:
    return page.compression in (6, 7)  # decoded to RGB


def _is_full(page: tifffile.TiffPage) -> bool:
    return tuple(page.subsampling or (2, 2)) == (1, 1)  # (2, 2) is the default of TIFF


def _convert(samples: npt.NDArray[Any], page: tifffile.TiffPage, file: EncodedImage) -> Decoded:
    photometric = _name(page.photometric)
    profile = page.tags.valueof(_PROFILE)
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if photometric == "PALETTE":
        if page.colormap is None:
            raise ImageError(f"{file.subject} is damaged. It has a palette without colours.")
        if tuple(page.extrasamples)[:1] in ((_ASSOCIATED,), (_UNASSOCIATED,)):
            raise ImageError(f"{file.subject} is a TIFF file with a palette and alpha. Save it as RGB with alpha.")
        colours = np.asarray(page.colormap)
        # As libtiff does: the high byte of a 16-bit colour, and colours of 8 bits as they are.
        colours = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8).T
        return split_samples(colours[samples if samples.ndim == 2 else samples[..., 0]], 255, file, profile=profile)
    white = _white(samples, page, file)
    if photometric == "MINISWHITE":
        grey = white - (samples if samples.ndim == 2 else samples[..., :1])
        samples = grey if samples.ndim == 2 else np.concatenate((grey, samples[..., 1:]), axis=2)
    extra = tuple(int(each) for each in page.extrasamples)
    if photometric == "SEPARATED":
        if page.tags.valueof(_INK_SET, default=1) != 1:
            raise ImageError(f"{file.subject} is a TIFF file with inks other than CMYK. Save it as RGB.")
        return _from_cmyk(samples, extra, profile, file)
    if photometric == "YCBCR" and not _is_jpeg(page):
        if samples.dtype != np.uint8 or white != 255:
            raise ImageError(f"{file.subject} is a TIFF file with YCbCr pixels of 16 bits. Save it as RGB.")
        samples = np.asarray(Image.fromarray(np.ascontiguousarray(samples[..., :3]), mode="YCbCr").convert("RGB"))
    # A sample after the colours is alpha only if the file declares it.
    has_alpha = extra[:1] in ((_ASSOCIATED,), (_UNASSOCIATED,))
    count = (1 if photometric in ("MINISBLACK", "MINISWHITE") else 3) + has_alpha
    if samples.ndim == 3:
        samples = samples[..., :count]
    if extra[:1] == (_ASSOCIATED,):
        samples, white = without_premultiplication(samples, white), 65535
    return split_samples(samples, white, file, profile=profile)


def _white(samples: npt.NDArray[Any], page: tifffile.TiffPage, file: EncodedImage) -> int:
    full = (1 << int(page.bitspersample)) - 1
    stated = page.tags.valueof(_MAX_SAMPLE)
    stated = int(max(stated)) if isinstance(stated, tuple) else stated
    brightest = int(samples.max())
    # The tag can also hold the largest sample of this image, which is no white. 2^n - 1 is the white of n bits.
    if isinstance(stated, int) and 255 <= stated < full and stated & (stated + 1) == 0 and brightest <= stated:
        return stated
    if full == 65535 and stated != full and 0 < brightest <= 4095:
        raise ImageError(
            f"{file.subject} has 16 bits per sample, but no sample above {brightest}, as files with samples of 8 to "
            "12 bits have. State white in its tag MaxSampleValue, such as 4095, or 65535 if the image is this dark."
        )
    return full


def _from_cmyk(samples: npt.NDArray[Any], extra: tuple[int, ...], profile: bytes | None, file: EncodedImage) -> Decoded:
    if samples.dtype != np.uint8 or samples.ndim != 3 or samples.shape[2] < 4 or extra[:1] not in ((), (0,)):
        raise ImageError(
            f"{file.subject} is a TIFF file with separated inks that are not 8-bit CMYK without alpha. Save it as RGB."
        )
    image = Image.fromarray(np.ascontiguousarray(samples[..., :4]), mode="CMYK")
    return to_srgb(image, profile, file.name), None


def _no_range(file: EncodedImage, what: str) -> ImageError:
    return ImageError(
        f"{file.subject} has {what}, which have no defined range. Save it as grey, RGB or CMYK with 8 or 16 unsigned "
        "bits per channel."
    )
