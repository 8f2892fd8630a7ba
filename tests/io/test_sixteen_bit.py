"""16-bit samples keep their precision: they are divided by 65535 and not reduced to 8 bits."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from icc import ADOBE_RGB, SRGB, gamma_curve, rgb_profile, srgb_curve
from image_files import RGB8, RGB16, RNG, read, write_png16
from innersight.errors import ImageError
from innersight.io.images import read_image


def test_grey_png_and_tiff(tmp_path: Path) -> None:
    grey = RGB16[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack")
    for name in ("a.png", "a.tif"):
        np.testing.assert_allclose(read(tmp_path / name)[..., 2], grey / 65535, atol=1e-7)


def test_colour_png_and_tiff(tmp_path: Path) -> None:
    write_png16(tmp_path / "a.png", RGB16)
    tifffile.imwrite(tmp_path / "a.tif", RGB16, photometric="rgb")
    tifffile.imwrite(tmp_path / "planes.tif", RGB16.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "deflated.tif", RGB16, photometric="rgb", compression="zlib", predictor=True)
    tifffile.imwrite(tmp_path / "lzw.tif", RGB16, photometric="rgb", compression="lzw")
    for name in ("a.png", "a.tif", "planes.tif", "deflated.tif", "lzw.tif"):
        np.testing.assert_allclose(read(tmp_path / name), RGB16 / 65535, atol=1e-7, err_msg=name)


def test_alpha_png_and_tiff(tmp_path: Path) -> None:
    alpha = RNG.integers(0, 65536, (5, 7, 1), dtype=np.uint16)
    rgba = np.concatenate((RGB16, alpha), axis=2)
    write_png16(tmp_path / "a.png", rgba)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    share = alpha / 65535
    for name in ("a.png", "a.tif"):
        np.testing.assert_allclose(read(tmp_path / name), share * (RGB16 / 65535) + 1 - share, atol=1e-6)


def test_a_sample_that_is_not_said_to_be_alpha_is_left_out(tmp_path: Path) -> None:
    rgbx = np.concatenate((RGB16, RGB16[..., :1]), axis=2)
    tifffile.imwrite(tmp_path / "16.tif", rgbx, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_allclose(read(tmp_path / "16.tif"), RGB16 / 65535, atol=1e-7)
    eight = np.concatenate((RGB8, RGB8[..., :1]), axis=2)
    tifffile.imwrite(tmp_path / "8.tif", eight, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_allclose(read(tmp_path / "8.tif"), RGB8 / 255, atol=1e-7)


def test_what_has_no_one_meaning_is_refused(tmp_path: Path) -> None:
    write_png16(path := tmp_path / "key.png", RGB16, {b"tRNS": struct.pack(">HHH", 1, 2, 3)})
    with pytest.raises(ImageError, match=r"transparent colour \(tRNS\)\. Save it with an alpha channel"):
        read_image(path)


def test_a_profile_that_is_srgb_keeps_the_precision_and_another_is_applied(tmp_path: Path) -> None:
    for name, primaries, curve in (("s", SRGB, srgb_curve()), ("adobe", ADOBE_RGB, gamma_curve(2.2))):
        chunk = b"icc\0\0" + zlib.compress(rgb_profile(primaries, curve))
        write_png16(tmp_path / f"{name}16.png", RGB16, {b"iCCP": chunk})
        eight = (RGB16 / 257).round().astype(np.uint8)
        Image.fromarray(eight).save(tmp_path / f"{name}8.png", icc_profile=rgb_profile(primaries, curve))
    np.testing.assert_allclose(read(tmp_path / "s16.png"), RGB16 / 65535, atol=1e-7)
    np.testing.assert_allclose(read(tmp_path / "adobe16.png"), read(tmp_path / "adobe8.png"), atol=1e-6)
