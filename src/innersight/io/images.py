"""Reading of image files into sRGB floats in [0, 1].

`docs/images.md` states how each kind of file is read. Each line there has its test in `tests/io`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from innersight.errors import ArgumentError, ImageError
from innersight.io.colour_profiles import Bytes, to_srgb
from innersight.io.sixteen_bit import Floats, has_16_bit_samples, png_depth, read_16_bit

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
"""The file formats that are read, as Pillow names them."""

MAX_PIXELS = 89_478_485
"""Default limit of the number of pixels: Pillow's own. Files above it can be decompression bombs."""

WHITE = (1.0, 1.0, 1.0)
"""Default background of transparent pixels."""

_EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_STRIP_OFFSETS, _TILE_OFFSETS, _SAMPLE_FORMAT = 273, 324, 339  # TIFF tags


def read_image(
    path: str | os.PathLike[str],
    *,
    background: tuple[float, float, float] = WHITE,
    max_pixels: int = MAX_PIXELS,
) -> torch.Tensor:
    r"""Read a PNG, JPEG, BMP, WebP or TIFF file as sRGB.

    The EXIF or TIFF orientation is applied. An embedded ICC profile is converted to sRGB. Grey images and palettes get
    three channels. 16-bit samples keep their precision. Transparent pixels are composited on `background`, in encoded
    (not linear) values as browsers do: :math:`\alpha c + (1 - \alpha) b`.

    Args:
        path: Path of the file.
        background: Colour behind transparent pixels: three numbers in [0, 1], sRGB. Default: white.
        max_pixels: Largest allowed number of pixels, an integer from 1. A larger image is refused before it is
            decoded. Default: `MAX_PIXELS`.

    Returns:
        float32 tensor of shape (3, H, W) in [0, 1], on the CPU.

    Raises:
        ImageError: If the file is missing, empty, truncated, not an image, of another format, an animation, too
            large, or of a pixel type without a defined range (32-bit integers, floats, LAB).
        ArgumentError: If `path` is not a path, `background` is not three numbers in [0, 1], or `max_pixels` is not an
            integer from 1.

    Example:
        >>> path = getfixture("tmp_path") / "glass.png"
        >>> Image.new("RGBA", (4, 2), (255, 0, 0, 128)).save(path)
        >>> read_image(path)[:, 0, 0]  # half-transparent red on white
        tensor([1.0000, 0.4980, 0.4980])
    """
    path = _check_path(path)
    if not _is_colour(background):
        raise ArgumentError(f"Argument `background` must be three numbers in [0, 1] (R, G, B), but got {background!r}.")
    if not isinstance(max_pixels, int) or isinstance(max_pixels, bool) or max_pixels < 1:
        raise ArgumentError(
            f"Argument `max_pixels` must be an integer from 1, but got {max_pixels!r}. The default is {MAX_PIXELS}."
        )
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size_and_count(image, path, max_pixels)
            if image.format == "TIFF":
                _check_tiff(image, path)
            colour: Floats | Bytes
            colour, alpha = read_16_bit(image, path) if has_16_bit_samples(image, path) else _eight_bit(image, path)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"No such file: '{path}'.") from None
    except IsADirectoryError:
        raise ImageError(f"'{path}' is a folder, not an image file.") from None
    except PermissionError:
        raise ImageError(f"This user may not read '{path}' (permission denied).") from None
    except UnidentifiedImageError:
        raise ImageError(f"'{path}' is not an image in a supported format ({', '.join(FORMATS)}).") from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"'{path}' has more pixels than Pillow reads. It can be a decompression bomb. Crop the image, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS and `max_pixels` of innersight.read_image."
        ) from None
    except Exception as error:
        # Errors of the operating system have a number. Decoders report damage by any type of error.
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"'{path}' cannot be read: {error.strerror}.") from None
        raise ImageError(f"'{path}' cannot be decoded. It is damaged or truncated: {error}") from error
    # The arrays can be read-only views, so they are copied. 8-bit samples are copied as bytes to save memory.
    pixels = torch.from_numpy(np.array(colour.transpose(2, 0, 1), order="C"))
    del colour
    if pixels.dtype == torch.uint8:
        pixels = pixels.float().div_(255)
    if alpha is not None:
        opacity = torch.from_numpy(np.array(alpha.transpose(2, 0, 1), order="C"))
        # The type and the device are given, so that torch's defaults do not change the colour.
        colour_behind = torch.tensor([float(value) for value in background], dtype=torch.float32, device="cpu")
        pixels = opacity * pixels + (1 - opacity) * colour_behind.view(3, 1, 1)
    return pixels


def read_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Read the size of an image from the head of its file, without decoding it.

    Args:
        path: Path of the file.

    Returns:
        (height, width) as stored, or None if the head cannot be read. `read_image` then raises an error with the
        reason. An orientation in the file can swap height and width. It is not applied here, since a PNG file can hold
        it at its end.

    Raises:
        ArgumentError: If `path` is not a path.

    Example:
        >>> path = getfixture("tmp_path") / "wide.png"
        >>> Image.new("RGB", (40, 20)).save(path)
        >>> read_size(path)
        (20, 40)
    """
    try:
        with Image.open(_check_path(path), formats=FORMATS) as image:
            return image.height, image.width
    except ArgumentError:
        raise
    except Exception:  # noqa: BLE001 - decoders report damage by any type of error
        return None


def _check_path(path: object) -> Path:
    """Return a path that the operating system accepts, or raise an error."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise ArgumentError(
            f"Argument `path` must be the path of a file (str or pathlib.Path), but got {type(text).__name__}. "
            "A metric takes images that are in memory as tensors of shape (N, 3, H, W)."
        )
    if text.startswith(("http://", "https://")):
        raise ImageError(f"'{text}' is a web address. Download the file, and pass the path of the copy.")
    try:
        valid = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        valid = False
    if not valid:
        raise ImageError(f"{text!r} is not a valid file name.")
    return Path(text)


def _is_colour(background: object) -> bool:
    if not isinstance(background, Sequence) or len(background) != 3:
        return False
    return all(isinstance(value, (int, float, np.floating)) and 0 <= value <= 1 for value in background)


def _check_size_and_count(image: Image.Image, path: Path, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ImageError(
            f"'{path}' has {image.width} x {image.height} pixels, more than the limit of {max_pixels:,}. It can be a "
            "decompression bomb. Crop the image, or raise `max_pixels` of innersight.read_image and score the tensors."
        )
    frames = getattr(image, "n_frames", 1)
    # In the multi-picture JPEG (MPO) of a camera the photograph is the first image. Previews and gain maps follow it.
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"'{path}' has {frames} images, but a score needs one. Extract one frame or page.")


def _check_tiff(image: Image.Image, path: Path) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if not set(tags.get(_SAMPLE_FORMAT, (1,))) <= {1, 4} and image.mode != "F":  # 1: unsigned, 4: undefined
        raise _undefined_range(path, "signed or float samples")
    if 0 in (*tags.get(_STRIP_OFFSETS, ()), *tags.get(_TILE_OFFSETS, ())):
        raise ImageError(f"'{path}' is damaged. Some of its pixels are not in the file.")


def _undefined_range(path: Path, what: str) -> ImageError:
    return ImageError(
        f"'{path}' has {what}, which have no defined range. "
        "Save it as grey, RGB or CMYK with 8 or 16 unsigned bits per channel."
    )


def _eight_bit(image: Image.Image, path: Path) -> tuple[Bytes, Floats | None]:
    if image.mode not in _EIGHT_BIT_MODES:
        raise _undefined_range(path, f"pixels of type {image.mode!r}")
    if image.mode == "L" and "transparency" in image.info and (depth := png_depth(image, path)) in (2, 4):
        # Pillow compares the 2-bit or 4-bit key with samples that it has scaled to 8 bits, and finds no match.
        raise ImageError(f"'{path}' is a {depth}-bit PNG with a transparent grey (tRNS). Save it with 8 bits.")
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
    return to_srgb(image, profile, path), alpha
