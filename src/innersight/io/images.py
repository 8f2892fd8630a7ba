"""Reading of image files into sRGB floats in [0, 1].

`docs/images.md` states how each kind of file is read. Each line there has its test in `tests/io/test_images.py`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from innersight.errors import ArgumentError, ImageError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
"""The file formats that are read, as Pillow names them."""

MAX_PIXELS = 89_478_485
"""Default limit of the number of pixels: Pillow's own. Files above it can be decompression bombs."""

WHITE = (1.0, 1.0, 1.0)
"""Default background of transparent pixels."""

_Floats = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]

_EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_BITS_PER_SAMPLE, _STRIP_OFFSETS, _ORIENTATION, _TILE_OFFSETS, _SAMPLE_FORMAT = 258, 273, 274, 324, 339  # TIFF tags
# EXIF orientation -> (swap rows and columns, then flip vertically, then flip horizontally).
_ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


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
            colour: _Floats | _Bytes
            colour, alpha = _sixteen_bit(image, path) if _samples_are_16_bit(image, path) else _eight_bit(image, path)
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


def _eight_bit(image: Image.Image, path: Path) -> tuple[_Bytes, _Floats | None]:
    if image.mode not in _EIGHT_BIT_MODES:
        raise _undefined_range(path, f"pixels of type {image.mode!r}")
    if image.mode == "L" and "transparency" in image.info and (depth := _png_depth(image, path)) in (2, 4):
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
    return _to_srgb(image, profile, path), alpha


def _png_depth(image: Image.Image, path: Path) -> int:
    if image.format != "PNG":
        return 0
    with path.open("rb") as file:
        return file.read(25)[24]  # the bit depth in IHDR


def _samples_are_16_bit(image: Image.Image, path: Path) -> bool:
    if image.format == "TIFF":
        return 16 in image.tag_v2.get(_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
    return _png_depth(image, path) == 16


def _sixteen_bit(image: Image.Image, path: Path) -> tuple[_Floats | _Bytes, _Floats | None]:
    """Read an image that Pillow would reduce to 8 bits: (H, W, 3) colour, and (H, W, 1) alpha or None."""
    profile, orientation = image.info.get("icc_profile"), image.getexif().get(_ORIENTATION, 1)
    if image.format == "PNG":
        if "transparency" in image.info:
            raise ImageError(
                f"'{path}' is a 16-bit PNG with a transparent colour (tRNS). Save it with an alpha channel."
            )
        samples = _decode_png(path)
    else:
        samples = _decode_tiff(path)
    swap, upside_down, mirrored = _ORIENTATIONS.get(orientation, _ORIENTATIONS[1])
    if swap:
        samples = samples.swapaxes(0, 1)
    samples = samples[:: -1 if upside_down else 1, :: -1 if mirrored else 1]

    values = samples.astype(np.float32) / np.float32(65535)
    alpha = values[..., -1:] if values.shape[2] in (2, 4) else None
    colour = values[..., : 3 if values.shape[2] >= 3 else 1]
    if profile is not None:
        # Pillow gives LittleCMS 8 bits. Only a profile that is not sRGB needs it, so sRGB keeps its precision.
        eight = Image.fromarray((colour * 255).round().astype(np.uint8).squeeze(2 if colour.shape[2] == 1 else ()))
        if _transform(eight.mode, profile, path) is not None:
            return _to_srgb(eight, profile, path), alpha
    return np.broadcast_to(colour, (*colour.shape[:2], 3)), alpha


def _decode_png(path: Path) -> npt.NDArray[np.uint16]:
    import imagecodecs

    samples: npt.NDArray[np.uint16] = imagecodecs.png_decode(path.read_bytes())
    return samples[..., None] if samples.ndim == 2 else samples


def _decode_tiff(path: Path) -> npt.NDArray[np.uint16]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        photometric, axes = page.photometric.name, page.axes
        if photometric not in ("MINISBLACK", "RGB") or axes not in ("YX", "YXS", "SYX"):
            raise ImageError(f"'{path}' is a 16-bit TIFF with {photometric} pixels ({axes}). Save it as grey or RGB.")
        extra = tuple(page.extrasamples)
        if 1 in extra:
            raise ImageError(f"'{path}' is a 16-bit TIFF with premultiplied alpha. Save it with plain alpha.")
        samples: npt.NDArray[np.uint16] = page.asarray()
    samples = {"YX": samples[..., None], "YXS": samples, "SYX": samples.transpose(*range(1, samples.ndim), 0)}[axes]
    colours = 3 if photometric == "RGB" else 1
    # A sample after the colours is alpha only if the file declares it, as in 8-bit files.
    return samples[..., : colours + 1] if extra[:1] == (2,) else samples[..., :colours]


def _to_srgb(image: Image.Image, profile: bytes | None, path: Path) -> _Bytes:
    """Convert an L, RGB or CMYK image to (H, W, 3) bytes, through its profile if `_transform` gives one."""
    transform = _transform(image.mode, profile, path) if profile else None
    if transform is not None:
        image = transform.apply(image)
    values: _Bytes = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return values


_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}


def _transform(mode: str, profile: bytes, path: Path) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from `profile` to sRGB, or None if the pixels need none.

    They need none if the profile is for another colour space than the pixels, which is invalid in PNG and JPEG. They
    need none either if the profile is sRGB: if it changes no colour of a fine grid by more than one 8-bit level.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _PROFILE_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"'{path}' has an ICC profile that cannot be used ({error}). Repair or remove it.") from error
    if mode == "CMYK":
        return transform
    probe = _probe(mode)
    change = np.abs(
        np.asarray(transform.apply(probe), dtype=np.int16) - np.asarray(probe.convert("RGB"), dtype=np.int16)
    )
    return None if int(change.max()) <= 1 else transform


def _probe(mode: str) -> Image.Image:
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(grid.reshape(18, -1, 3))
