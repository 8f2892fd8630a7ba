"""Read one image file into sRGB floats in [0, 1], every kind of file handled on purpose.

What is done is stated in `docs/images.md`; each line there has its test in `tests/images/test_reading.py`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from innersight.errors import ArgumentError, ImageError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
MAX_PIXELS = 89_478_485
"""Largest image read unless told, in pixels (2.7 times 8K; Pillow's own limit). A larger file is taken for a bomb."""

WHITE = (1.0, 1.0, 1.0)

_Floats = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]

_EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_BITS_PER_SAMPLE, _STRIP_OFFSETS, _ORIENTATION, _TILE_OFFSETS, _SAMPLE_FORMAT = 258, 273, 274, 324, 339  # TIFF tags
# EXIF orientation -> (swap rows and columns first, then flip vertically, flip horizontally).
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
    path: str | Path,
    *,
    background: tuple[float, float, float] = WHITE,
    max_pixels: int = MAX_PIXELS,
) -> torch.Tensor:
    r"""Read a PNG, JPEG, BMP, WebP or TIFF file as sRGB.

    Orientation is applied, an embedded ICC profile is converted to sRGB, grey and palettes are widened to three
    channels, 16-bit samples keep their precision, and transparency is composited on `background`, in encoded (not
    linear) values as browsers do: :math:`\alpha c + (1 - \alpha) b`.

    Args:
        path: The file.
        background: What shows through transparent pixels: sRGB in [0, 1]. White unless told.
        max_pixels: A larger image is refused before it is decoded.

    Returns:
        float32 tensor of shape (3, H, W) in [0, 1].

    Raises:
        ImageError: If the file is missing, empty, truncated, not an image, of another format, an animation, too
            large, or of a pixel type without a defined range (32-bit integers, floats, LAB).
        ArgumentError: If `background` is not three numbers in [0, 1].

    Example:
        >>> path = getfixture("tmp_path") / "glass.png"
        >>> Image.new("RGBA", (4, 2), (255, 0, 0, 128)).save(path)
        >>> read_image(path)[:, 0, 0]  # half-transparent red on white
        tensor([1.0000, 0.4980, 0.4980])
    """
    if not _is_colour(background):
        raise ArgumentError(f"Argument `background` must be three numbers in [0, 1] (R, G, B), but got {background}.")
    path = Path(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse_all_but_one_image(image, path, max_pixels)
            if image.format == "TIFF":
                _refuse_odd_tiff(image, path)
            colour: _Floats | _Bytes
            colour, alpha = _sixteen_bit(image, path) if _samples_are_16_bit(image, path) else _eight_bit(image, path)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"No such file: '{path}'.") from None
    except IsADirectoryError:
        raise ImageError(f"'{path}' is a folder, not an image file.") from None
    except PermissionError:
        raise ImageError(f"'{path}' may not be read by this user (permission denied).") from None
    except UnidentifiedImageError:
        raise ImageError(f"'{path}' is not an image in a format that is read ({', '.join(FORMATS)}).") from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"'{path}' has more pixels than Pillow reads (a decompression bomb?). Crop it, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS and `max_pixels` of innersight.read_image."
        ) from None
    except Exception as error:
        # Decoders signal damage with any type of error; the text is theirs, the file's name is what the user needs.
        raise ImageError(f"'{path}' can't be decoded, it is damaged or truncated: {error}") from error
    # A copy: these views may be read-only. Still in 8 bits if the file is, as memory is short where images are large.
    pixels = torch.from_numpy(np.array(colour.transpose(2, 0, 1), order="C"))
    del colour
    if pixels.dtype == torch.uint8:
        pixels = pixels.float().div_(255)
    if alpha is not None:
        opacity = torch.from_numpy(np.array(alpha.transpose(2, 0, 1), order="C"))
        pixels = opacity * pixels + (1 - opacity) * torch.tensor(background).view(3, 1, 1)
    return pixels


def read_size(path: str | Path) -> tuple[int, int] | None:
    """Read an image's size from the head of its file, without decoding it.

    Args:
        path: The file.

    Returns:
        (height, width) as stored, which an orientation in the file may swap (a PNG may have it at its very end), or
        None where the head can't be read: to read it will tell why.

    Example:
        >>> path = getfixture("tmp_path") / "wide.png"
        >>> Image.new("RGB", (40, 20)).save(path)
        >>> read_size(path)
        (20, 40)
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.height, image.width
    except Exception:  # noqa: BLE001 - as in read_image, which names the damage
        return None


def _is_colour(background: object) -> bool:
    if not isinstance(background, Sequence) or len(background) != 3:
        return False
    return all(isinstance(value, (int, float)) and 0 <= value <= 1 for value in background)


def _refuse_all_but_one_image(image: Image.Image, path: Path, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise ImageError(
            f"'{path}' has {image.width} x {image.height} pixels, more than the {max_pixels:,} that are read (a "
            "decompression bomb?). Crop it, or raise `max_pixels` of innersight.read_image and score the tensors."
        )
    frames = getattr(image, "n_frames", 1)
    # A camera's multi-picture JPEG (MPO) keeps the photograph first and its previews or gain maps behind it.
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"'{path}' holds {frames} images; one is scored: extract the frame or page that is meant.")


def _refuse_odd_tiff(image: Image.Image, path: Path) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if not set(tags.get(_SAMPLE_FORMAT, (1,))) <= {1, 4} and image.mode != "F":  # 1: unsigned, 4: not said
        raise _undefined_range(path, "signed or float samples")
    if 0 in (*tags.get(_STRIP_OFFSETS, ()), *tags.get(_TILE_OFFSETS, ())):
        raise ImageError(f"'{path}' is damaged: a part of its pixels is not in the file.")


def _undefined_range(path: Path, what: str) -> ImageError:
    return ImageError(
        f"'{path}' has {what}, which have no defined range or meaning here: "
        "save it with 8 or 16 unsigned bits a channel, grey, RGB or CMYK."
    )


def _eight_bit(image: Image.Image, path: Path) -> tuple[_Bytes, _Floats | None]:
    if image.mode not in _EIGHT_BIT_MODES:
        raise _undefined_range(path, f"pixels of type {image.mode!r}")
    if image.mode == "L" and "transparency" in image.info and (depth := _png_depth(image, path)) in (2, 4):
        # Pillow holds the 2- or 4-bit key against samples that it has widened to 8 bits, and finds none.
        raise ImageError(f"'{path}' is a {depth}-bit PNG with a transparent grey (tRNS): save it with 8 bits.")
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    alpha = None
    if image.has_transparency_data:
        opacity = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.float32)
        alpha = opacity[..., None] / np.float32(255)
    if image.mode in ("La", "RGBa"):  # premultiplied: in Pillow the way to grey or RGB goes through plain alpha
        image = image.convert(image.mode.upper())
    if image.mode not in ("CMYK", "RGB"):
        image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    return _to_srgb(image, profile, path), alpha


def _png_depth(image: Image.Image, path: Path) -> int:
    if image.format != "PNG":
        return 0
    with path.open("rb") as file:
        return file.read(25)[24]  # IHDR's bit depth


def _samples_are_16_bit(image: Image.Image, path: Path) -> bool:
    if image.format == "TIFF":
        return 16 in image.tag_v2.get(_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
    return _png_depth(image, path) == 16


def _sixteen_bit(image: Image.Image, path: Path) -> tuple[_Floats | _Bytes, _Floats | None]:
    """Read what Pillow would cut to 8 bits: (H, W, 3) colour and (H, W, 1) alpha, or None."""
    profile, orientation = image.info.get("icc_profile"), image.getexif().get(_ORIENTATION, 1)
    if image.format == "PNG":
        if "transparency" in image.info:
            raise ImageError(
                f"'{path}' is a 16-bit PNG with a transparent colour (tRNS): save it with an alpha channel."
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
        # LittleCMS is reached at 8 bits here. A profile that changes nothing (sRGB) costs no precision; any other does.
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
            raise ImageError(f"'{path}' is a 16-bit TIFF with {photometric} pixels ({axes}): save it as grey or RGB.")
        extra = tuple(page.extrasamples)
        if 1 in extra:
            raise ImageError(f"'{path}' is a 16-bit TIFF with premultiplied alpha: save it with plain alpha.")
        samples: npt.NDArray[np.uint16] = page.asarray()
    samples = {"YX": samples[..., None], "YXS": samples, "SYX": samples.transpose(*range(1, samples.ndim), 0)}[axes]
    colours = 3 if photometric == "RGB" else 1
    # Samples beyond the colours are alpha only where the file says so, as with 8 bits.
    return samples[..., : colours + 1] if extra[:1] == (2,) else samples[..., :colours]


def _to_srgb(image: Image.Image, profile: bytes | None, path: Path) -> _Bytes:
    """Convert an L, RGB or CMYK image to (H, W, 3) bytes, through its profile if that means anything."""
    transform = _transform(image.mode, profile, path) if profile else None
    if transform is not None:
        image = transform.apply(image)
    values: _Bytes = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return values


_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}


def _transform(mode: str, profile: bytes, path: Path) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from `profile` to sRGB, or None where the pixels are to stay as they are.

    That is so for a profile of another colour space than the pixels (invalid, as the PNG and JPEG rules have it), and
    for sRGB itself in any of its guises: one that moves no colour of a fine grid by more than one 8-bit level.
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
        raise ImageError(f"'{path}' has an ICC profile that can't be used ({error}): repair or strip it.") from error
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
