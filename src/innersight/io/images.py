"""Reading of images into sRGB floats in [0, 1].

`docs/images.md` states how each kind of image is read. Each line there has its test in `tests/io`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from innersight.errors import ArgumentError, ImageError
from innersight.io.arrays import Floats, check_array_shape, split_array
from innersight.io.avif import read_avif
from innersight.io.colour_profiles import Bytes, to_srgb
from innersight.io.colour_tags import ColourTags, tags_of_gamma
from innersight.io.completeness import check_complete
from innersight.io.file_formats import find_format
from innersight.io.image_sources import (
    MOST_BYTES,
    EncodedImage,
    ImageSource,
    at_frame,
    capitalised,
    identify,
    source_name,
)
from innersight.io.jpeg_2000 import read_jpeg_2000
from innersight.io.limits import PIXELS, check_pixels
from innersight.io.pictures import WHITE, Colour, Picture, check_background
from innersight.io.png import SIGNATURE, PngFacts, check_png
from innersight.io.resources import check_resources
from innersight.io.samples import Decoded
from innersight.io.sixteen_bit import png_depth, read_16_bit_png

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "AVIF", "JPEG2000")
"""The file formats that Pillow opens, as it names them. `innersight.io.file_formats` has the others."""

ALL_FORMATS = "PNG, JPEG, WebP, AVIF, JPEG XL, JPEG 2000, TIFF, BMP, GIF, HEIC, PBM, PGM, PPM, PAM"
"""The names of all formats that are read, for messages."""

_BYTES_PER_PIXEL = 12
"""Bytes of a file for each pixel that the limit allows: four channels of 16 bits, and a reserve."""

_EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


def read_image(
    source: ImageSource,
    *,
    background: Colour = WHITE,
    max_pixels: int = PIXELS,
    frame: int | None = None,
) -> Floats:
    r"""Read an image as sRGB, from a file, from memory, or from an object of Pillow or numpy.

    Files are PNG, JPEG, WebP, AVIF, JPEG XL, JPEG 2000, TIFF, BMP, GIF, PBM, PGM, PPM, PAM, or HEIC with the extra
    `heif`. A pipe is read once. The EXIF or TIFF orientation is applied. An embedded ICC profile is converted to sRGB.
    Grey images and palettes get three channels. Samples of 10 to 16 bits keep their precision. Transparent pixels are
    composited on `background`, in encoded (not linear) values as browsers do:
    :math:`\alpha c + (1 - \alpha) b`.

    Args:
        source: The path of a file (str or PathLike); its content as bytes; a binary file object, which is read from
            its current position to its end; a PIL image; or an array of sRGB values, with the channels last: (H, W),
            (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or float32 or float64 in [0, 1].
        background: Colour behind transparent pixels: three numbers in [0, 1], sRGB. Default: white.
        max_pixels: Largest allowed number of pixels of a file or a PIL image, an integer from 1. A larger file is
            refused before it is decoded. Default: 89,478,485.
        frame: Which image of a file with several is read (GIF, PNG, WebP, AVIF, JPEG XL, TIFF), from 0. Default: None,
            for a file of one image.

    Returns:
        float32 array of shape (3, H, W) in [0, 1], C-contiguous. It shares no memory with `source`.

    Raises:
        ImageError: If the file is missing, empty, truncated, not an image, of another format, of several images
            without `frame`, too large, or of a pixel type without a defined range (32-bit integers, floats, LAB).
        ArgumentError: If `source` is something else, an array has another shape, dtype or range, `background` is not
            three numbers in [0, 1], or `max_pixels` is not an integer from 1.
        MemoryError: If the memory does not suffice.
        OSError: If too many files are open.

    Example:
        >>> path = getfixture("tmp_path") / "glass.png"
        >>> Image.new("RGBA", (4, 2), (255, 0, 0, 128)).save(path)
        >>> read_image(path)[:, 0, 0].round(3).tolist()  # half-transparent red on white
        [1.0, 0.498, 0.498]
        >>> np.array_equal(read_image(path), read_image(path.read_bytes()))
        True
    """
    check_background(background)
    return read_picture(at_frame(source, frame), max_pixels=max_pixels).on(background)


def read_picture(source: ImageSource, *, max_pixels: int = PIXELS) -> Picture:
    """Read an image with its alpha channel; see `read_image`, which composites it.

    Args:
        source: As for `read_image`.
        max_pixels: As for `read_image`.

    Returns:
        The image. Its arrays share no memory with `source`.

    Raises:
        ImageError: As `read_image`.
        ArgumentError: As `read_image`.
        MemoryError: As `read_image`.
        OSError: As `read_image`.
    """
    identified = identify(source)
    check_pixels("max_pixels", max_pixels)
    if isinstance(identified, EncodedImage):
        if identified.decode is not None:
            return identified.decode(identified)
        colour, alpha = _decode(identified, max_pixels)
    elif isinstance(identified, Image.Image):
        colour, alpha = _convert(identified, max_pixels)
    else:
        colour, alpha = split_array(identified)
    # The arrays can be read-only views of the source. 8-bit samples are copied as bytes to save memory.
    planes = colour.transpose(2, 0, 1)
    is_own = isinstance(identified, EncodedImage) and planes.flags.c_contiguous and planes.flags.writeable
    pixels = planes if is_own else np.array(planes, order="C")
    del colour
    return Picture(pixels, None if alpha is None else np.array(alpha.transpose(2, 0, 1), order="C"))


def read_size(source: ImageSource) -> tuple[int, int] | None:
    """Return the size of an image, without decoding it.

    Args:
        source: Anything that `read_image` takes. The position of a file object is not changed.

    Returns:
        (height, width) as stored, or None if it is unknown: if the head of a file cannot be read, a file object cannot
        return to its position, or the file is a pipe or has more than 1 GiB. `read_image` then raises an error with the
        reason, if there is one. An orientation in the file can swap height and width. It is not applied here, since a
        PNG file can hold it at its end.

    Raises:
        ArgumentError: If `source` is not an image, or an array has a shape that an image cannot have.

    Example:
        >>> path = getfixture("tmp_path") / "wide.png"
        >>> Image.new("RGB", (40, 20)).save(path)
        >>> read_size(path)
        (20, 40)
    """
    position: int | None = None
    file: Any = source if hasattr(source, "read") else None
    if file is not None:
        try:
            position = file.tell()
        except (OSError, ValueError, AttributeError):
            return None
    try:
        if isinstance(source, (str, os.PathLike)) and Path(source).is_fifo():
            return None
        identified = identify(source)
        if isinstance(identified, np.ndarray):
            check_array_shape(identified)
            return int(identified.shape[0]), int(identified.shape[1])
        if isinstance(identified, Image.Image):
            return identified.height, identified.width
        if identified.size() > MOST_BYTES:
            return None
        if (other := find_format(identified)) is not None:
            return other.size(identified)
        with Image.open(identified.pillow_source(), formats=FORMATS) as image:
            return image.height, image.width
    except ArgumentError:
        raise
    except Exception:  # noqa: BLE001 - decoders report damage by any type of error
        return None
    finally:
        if position is not None:
            file.seek(position)


def check_same_size(
    reference: tuple[int, int], distorted: tuple[int, int], sources: tuple[ImageSource, ImageSource]
) -> None:
    """Check that two images have one size.

    Args:
        reference: (height, width).
        distorted: (height, width).
        sources: What the two images were read from, for the error message.

    Raises:
        ImageError: If the sizes differ.

    Example:
        >>> check_same_size((5, 7), (5, 8), ("a.png", "b.png"))
        Traceback (most recent call last):
        innersight.errors.ImageError: The images differ in size: 'a.png' is 7 x 5, 'b.png' is 8 x 5 (width x height).
        Resize or crop them to one size first.
    """
    if reference != distorted:
        (h, w), (k, v) = reference, distorted
        first, second = (source_name(source) for source in sources)
        if first == second:  # two arrays have one name
            first, second = "the reference image", "the distorted image"
        raise ImageError(
            f"The images differ in size: {first} is {w} x {h}, {second} is {v} x {k} (width x height). "
            "Resize or crop them to one size first."
        )


def _decode(file: EncodedImage, max_pixels: int) -> Decoded:
    """Decode a file: (H, W, 3) colour, and (H, W, 1) alpha or None."""
    pixels = None
    try:
        _check_bytes(file, max_pixels)
        if (other := find_format(file)) is not None:
            pixels = _check_pixels(other.size(file), file.name, max_pixels)
            return other.read(file)
        # The chunks are checked first: Pillow calls a PNG with a wrong checksum no image.
        facts = check_png(file) if file.head(len(SIGNATURE)) == SIGNATURE else None
        with Image.open(file.pillow_source(), formats=FORMATS) as image:
            _check_pixels((image.height, image.width), file.name, max_pixels)
            _choose_frame(image, file)
            # A frame of GIF can be larger than the first.
            pixels = _check_pixels((image.height, image.width), file.name, max_pixels)
            if file.frame is not None and image.format == "AVIF" and image.n_frames > 1:
                _check_frames(image, file, max_pixels)
            check_complete(file, image.format)
            if facts is not None:
                return _decode_png(image, file, facts)
            if image.format == "AVIF":
                return read_avif(image, file)
            if image.format == "JPEG2000":
                return read_jpeg_2000(file)
            return _eight_bit(image, file.name)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"No such file: {file.name}.") from None
    except IsADirectoryError:
        raise ImageError(f"{file.subject} is a folder, not an image file.") from None
    except PermissionError:
        raise ImageError(f"This user may not read {file.name} (permission denied).") from None
    except UnidentifiedImageError as error:
        check_resources(error, file.name)
        raise ImageError(f"{file.subject} is not an image in a supported format ({ALL_FORMATS}).") from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"{file.subject} has more pixels than Pillow reads. It can be a decompression bomb. Crop the image, or "
            "raise the limit: --max-pixels, or `pixels` of innersight.DecodingLimits."
        ) from None
    except Exception as error:
        check_resources(error, file.name, pixels)
        # Errors of the operating system have a number. Decoders report damage by any type of error.
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"{file.subject} cannot be read: {error.strerror}.") from None
        raise ImageError(f"{file.subject} cannot be decoded. It is damaged or truncated: {error}") from error


def _decode_png(image: Image.Image, file: EncodedImage, facts: PngFacts) -> Decoded:
    if not facts.uses_profile:
        image.info.pop("icc_profile", None)
    depth = png_depth(file)
    if depth == 16 and file.frame:
        raise ImageError(f"{file.subject} is a frame of a PNG with 16 bits, of which only the frame 0 is read.")
    if depth == 16:
        colour, alpha = read_16_bit_png(image, file, facts.length)
    else:
        if image.mode == "L" and "transparency" in image.info and depth in (2, 4):
            # Pillow compares the 2-bit or 4-bit key with samples that it has scaled to 8 bits, and finds no match.
            raise ImageError(
                f"{file.subject} is a {depth}-bit PNG with a transparent grey (tRNS). Save it with 8 bits."
            )
        colour, alpha = _eight_bit(image, file.name)
    return (colour if facts.colours is None else facts.colours.to_srgb(colour)), alpha


def _convert(image: Image.Image, max_pixels: int) -> Decoded:
    """Convert an image that Pillow has opened or made: (H, W, 3) colour, and (H, W, 1) alpha or None."""
    name = source_name(image)
    if 0 in image.size:
        raise ImageError(f"{capitalised(name)} has no pixels. Pass an image of at least 1 x 1.")
    pixels = _check_pixels((image.height, image.width), name, max_pixels)
    _check_depth(image, name)
    try:
        if image.mode in _SIXTEEN_BIT_MODES:
            colour, alpha = split_array(np.asarray(ImageOps.exif_transpose(image), dtype=np.uint16))
        else:
            colour, alpha = _eight_bit(image, name)
        tags = None if "icc_profile" in image.info or "srgb" in image.info else _tags_of_info(image, name)
        return (colour if tags is None else tags.to_srgb(colour)), alpha
    except ImageError:
        raise
    except Exception as error:  # Pillow decodes an opened image here
        check_resources(error, name, pixels)
        raise ImageError(
            f"{capitalised(name)} cannot be decoded. It is damaged, truncated or closed: {error}"
        ) from error


def _tags_of_info(image: Image.Image, name: str) -> ColourTags | None:
    """Return the colours that Pillow found in the chunks of a PNG file. It does not read cICP."""
    return tags_of_gamma(image.info.get("gamma"), image.info.get("chromaticity"), name)


def _check_bytes(file: EncodedImage, max_pixels: int) -> None:
    """Check the size of a file: some decoders read all of it."""
    size, most = file.size(), max(MOST_BYTES, _BYTES_PER_PIXEL * max_pixels)
    if size > most:
        raise ImageError(f"{file.subject} has {size:,} bytes, more than the limit of {most:,}. Pass an image file.")


def _check_pixels(size: tuple[int, int], name: str, max_pixels: int) -> int:
    """Check and return the number of pixels."""
    height, width = size
    if height * width > max_pixels:
        raise ImageError(
            f"{capitalised(name)} has {width} x {height} pixels, more than the limit of {max_pixels:,}. It "
            "can be a decompression bomb. Crop the image, or raise the limit: --max-pixels, or `pixels` of "
            "innersight.DecodingLimits."
        )
    return height * width


def _check_frames(image: Image.Image, file: EncodedImage, max_pixels: int) -> None:
    """Check the pixels of all frames of an AVIF file, which are all decoded to read one."""
    count = int(image.n_frames)  # type: ignore[attr-defined]
    if count * image.height * image.width > max_pixels:
        raise ImageError(
            f"{file.subject} cannot be read alone: its {count} frames of {image.width} x {image.height} have more "
            f"pixels than the limit of {max_pixels:,}. Extract the frame."
        )


def _choose_frame(image: Image.Image, file: EncodedImage) -> None:
    # In the multi-picture JPEG (MPO) of a camera the photograph is the first image. Previews and gain maps follow it.
    if image.format != "MPO" or file.frame is not None:
        file.check_count(getattr(image, "n_frames", 1))
    if file.frame:
        image.seek(file.frame)


def _check_depth(image: Image.Image, name: str) -> None:
    """Refuse an opened image whose 16-bit colours Pillow cuts to 8 bits. The raw mode is known until it is decoded."""
    tiles = getattr(image, "tile", None) or ()
    modes = [part for tile in tiles for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
    if image.mode not in _SIXTEEN_BIT_MODES and any(isinstance(part, str) and ";16" in part for part in modes):
        raise ImageError(
            f"{capitalised(name)} is a file with 16 bits per sample, which Pillow cuts to 8. Pass the path or the "
            "bytes of the file, which keep their precision."
        )


def _undefined_range(name: str, what: str) -> ImageError:
    return ImageError(
        f"{capitalised(name)} has {what}, which have no defined range. "
        "Save it as grey, RGB or CMYK with 8 or 16 unsigned bits per channel."
    )


def _eight_bit(image: Image.Image, name: str) -> tuple[Bytes, Floats | None]:
    if image.mode not in _EIGHT_BIT_MODES:
        raise _undefined_range(name, f"pixels of type {image.mode!r}")
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    alpha = None
    if image.has_transparency_data:
        opacity = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.float32)
        alpha = opacity[..., None] / np.float32(255)
    if image.mode in ("La", "RGBa"):  # Pillow converts premultiplied alpha to grey or RGB by way of plain alpha only
        image = image.convert(image.mode.upper())
    if image.mode not in ("CMYK", "RGB"):
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    return to_srgb(image, profile, name), alpha
