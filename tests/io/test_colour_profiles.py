"""ICC profiles are converted to sRGB, unless they are sRGB or invalid for the pixels."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from icc import ADOBE_RGB, SRGB, cmyk_profile, gamma_curve, grey_profile, rgb_profile, srgb_curve
from image_files import GREY8, RGB8, read, write_png16
from innersight.errors import ImageError
from innersight.io.images import read_image


def test_a_grey_profile_is_applied_with_transparency_and_at_16_bits_alike(tmp_path: Path) -> None:
    profile = grey_profile(gamma_curve(1.0))
    opaque = np.full_like(GREY8, 255)
    Image.fromarray(GREY8).save(tmp_path / "l.png", icc_profile=profile)
    Image.fromarray(np.stack((GREY8, opaque), axis=2)).save(tmp_path / "la.png", icc_profile=profile)
    Image.fromarray(GREY8).save(tmp_path / "key.png", icc_profile=profile, transparency=int(GREY8[0, 0]))
    chunk = {b"iCCP": b"icc\0\0" + zlib.compress(profile)}
    write_png16(tmp_path / "l16.png", GREY8.astype(np.uint16) * 257, chunk)
    write_png16(tmp_path / "la16.png", np.stack((GREY8, opaque), axis=2).astype(np.uint16) * 257, chunk)
    expected = read(tmp_path / "l.png")
    assert np.abs(expected[..., 0] - GREY8 / 255).max() > 0.1
    for name in ("la.png", "l16.png", "la16.png"):
        np.testing.assert_allclose(read(tmp_path / name), expected, atol=1e-6, err_msg=name)
    seen = GREY8[0, 0] != GREY8
    np.testing.assert_allclose(read(tmp_path / "key.png")[seen], expected[seen], atol=1e-6)


def test_a_wide_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    # Adobe RGB (1998) to sRGB by its published matrices: a mid green lies outside, (150, 150, 90) inside.
    pixels = np.array([[[150, 150, 90], [90, 128, 200]]], dtype=np.uint8)
    Image.fromarray(pixels).save(path := tmp_path / "a.png", icc_profile=rgb_profile(ADOBE_RGB, gamma_curve(2.2)))
    to_xyz = np.array(ADOBE_RGB).T
    linear = np.linalg.inv(np.array(SRGB).T) @ to_xyz @ ((pixels[0] / 255) ** 2.2).T
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055).T
    np.testing.assert_allclose(read(path)[0], encoded.clip(0, 1), atol=1.5 / 255)
    assert np.abs(read(path)[0] - pixels[0] / 255).max() > 5 / 255


@pytest.mark.parametrize("maker", ["by hand", "LittleCMS"])
def test_srgb_in_any_guise_changes_nothing(tmp_path: Path, maker: str) -> None:
    lcms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = rgb_profile(SRGB, srgb_curve()) if maker == "by hand" else lcms
    Image.fromarray(RGB8).save(path := tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)


def test_a_grey_profile_is_applied(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(path := tmp_path / "a.png", icc_profile=grey_profile(gamma_curve(1.8)))
    linear = (GREY8 / 255) ** 1.8
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(read(path)[..., 1], encoded, atol=1.5 / 255)


def test_cmyk_without_a_profile_is_the_plain_formula(tmp_path: Path) -> None:
    Image.new("CMYK", (2, 2), (51, 102, 153, 51)).save(path := tmp_path / "a.tif")
    expected = [(255 - ink) * (255 - 51) / 255 / 255 for ink in (51, 102, 153)]
    np.testing.assert_allclose(read(path)[0, 0], expected, atol=1.5 / 255)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path := tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read(path)[8, 8], [1, 0, 0], atol=3 / 255)


def test_cmyk_with_a_profile_goes_through_it(tmp_path: Path) -> None:
    Image.new("CMYK", (2, 2), (128, 128, 128, 0)).save(path := tmp_path / "a.tif", icc_profile=cmyk_profile())
    # L* = 49.8, neutral: Y = ((L + 16) / 116)^3
    luminance = ((100 * (1 - 128 / 255) + 16) / 116) ** 3
    grey = 1.055 * luminance ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(read(path)[0, 0], [grey] * 3, atol=4 / 255)


def test_a_profile_of_another_colour_space_is_ignored(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.png", icc_profile=grey_profile(gamma_curve(1.0)))
    np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)


def test_a_broken_profile_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.png", icc_profile=b"nonsense" * 40)
    with pytest.raises(ImageError, match=r"ICC profile that cannot be used .*\. Repair or remove it"):
        read_image(path)
