"""Colours that numbers describe are converted by the published formulas, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from innersight.errors import ImageError
from innersight.io.colour_tags import ColourTags, tags_of_cicp, tags_of_gamma

COLOURS = np.random.default_rng(0).random((40, 5, 3), dtype=np.float32)

# The matrix from linear Display P3 to linear sRGB of CSS Color 4 (sample code, lin_P3_to_XYZ and XYZ_to_lin_sRGB).
P3_TO_XYZ = np.array([
    [608311 / 1250200, 189793 / 714400, 198249 / 1000160],
    [35783 / 156275, 247089 / 357200, 198249 / 2500400],
    [0, 32229 / 714400, 5220557 / 5000800],
])  # fmt: skip
XYZ_TO_SRGB = np.array([
    [12831 / 3959, -329 / 214, -1974 / 3959],
    [-851781 / 878810, 1648619 / 878810, 36519 / 878810],
    [705 / 12673, -2585 / 12673, 705 / 667],
])  # fmt: skip
# BT.2087, from BT.2020 to BT.709
BT2020_TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def linear(encoded: np.ndarray) -> np.ndarray:
    x = encoded.astype(np.float64)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    x = light.clip(0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def converted(tags: ColourTags | None) -> np.ndarray:
    assert tags is not None
    return tags.to_srgb(COLOURS)


def test_display_p3_is_converted_as_css_defines_it() -> None:
    wanted = encoded(linear(COLOURS) @ (XYZ_TO_SRGB @ P3_TO_XYZ).T)
    np.testing.assert_allclose(converted(tags_of_cicp(12, 13, "x")), wanted, atol=2e-4)


def test_bt_2020_is_converted_by_the_matrix_of_bt_2087() -> None:
    wanted = encoded(linear(COLOURS) @ BT2020_TO_SRGB.T)
    np.testing.assert_allclose(converted(tags_of_cicp(9, 14, "x")), wanted, atol=1e-3)


@pytest.mark.parametrize(("transfer", "gamma"), [(8, 1.0), (4, 2.2), (5, 2.8)])
def test_linear_light_and_powers_become_the_curve_of_srgb(transfer: int, gamma: float) -> None:
    np.testing.assert_allclose(
        converted(tags_of_cicp(1, transfer, "x")), encoded(COLOURS.astype(np.float64) ** gamma), atol=1e-5
    )


def test_another_white_becomes_white() -> None:
    for primaries in (4, 8, 11):
        tags = tags_of_cicp(primaries, 13, "x")
        assert tags is not None
        np.testing.assert_allclose(tags.to_srgb(np.ones((1, 1, 3), np.float32)), 1, atol=2e-3)


def test_chromaticities_and_gamma_give_what_lcms_gives_for_a_profile_of_them() -> None:
    """LittleCMS makes the profile of D65 Adobe RGB from the same numbers."""
    tags = tags_of_gamma(1 / 2.19921875, (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), "x")
    assert tags is not None
    eight = (COLOURS * 255).round().astype(np.uint8)
    pytest.importorskip("PIL.ImageCms")
    profile = adobe_rgb()
    wanted = ImageCms.profileToProfile(
        Image.fromarray(eight),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    found = (tags.to_srgb(eight) * 255).round()
    assert np.abs(found - np.asarray(wanted, dtype=float)).max() <= 2


def adobe_rgb() -> bytes:
    """Return an ICC profile of Adobe RGB, written out: matrix and gamma (ICC.1, 8.3)."""
    import struct

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.19921875 * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"Adobe\0" + b"\0" * 78
    tags = {  # D50 columns of Adobe RGB (1998), section 4.3.5
        b"desc": text + b"\0" * (-len(text) % 4),
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz((0.60974, 0.31111, 0.01947)),
        b"gXYZ": xyz((0.20528, 0.62567, 0.06087)),
        b"bXYZ": xyz((0.14919, 0.06322, 0.74457)),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body, position = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, position + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", position + len(body), b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return head.ljust(128, b"\0") + table + body


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (1, 6), (2, 13), (1, 14), (1, 15)])
def test_srgb_and_what_counts_as_srgb_is_left_as_it_is(primaries: int, transfer: int) -> None:
    assert tags_of_cicp(primaries, transfer, "x") is None


@pytest.mark.parametrize(("primaries", "transfer", "what"), [(9, 16, "PQ"), (9, 18, "HLG"), (1, 16, "PQ")])
def test_hdr_is_refused_by_name(primaries: int, transfer: int, what: str) -> None:
    with pytest.raises(ImageError, match=rf"^'a\.png' has HDR colours \({what}\)"):
        tags_of_cicp(primaries, transfer, "'a.png'")


@given(st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_every_pair_of_code_points_is_converted_or_refused(primaries: int, transfer: int, full: bool) -> None:
    try:
        tags = tags_of_cicp(primaries, transfer, "x", full_range=full)
    except ImageError as error:
        assert "first." in str(error)  # noqa: PT017
        return
    assert full
    if tags is not None:
        found = tags.to_srgb(COLOURS)
        assert found.min() >= 0
        assert found.max() <= 1


def test_a_gamma_near_that_of_srgb_counts_as_srgb() -> None:
    srgb = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
    for gamma in (None, 0.45455, 0.45, 0.47):
        for chromaticities in (None, srgb, tuple(value + 0.0015 for value in srgb)):
            assert tags_of_gamma(gamma, chromaticities, "x") is None
    assert tags_of_gamma(0.5, None, "x") is not None
    assert tags_of_gamma(0.45455, tuple(value + 0.003 for value in srgb), "x") is not None


@pytest.mark.parametrize(
    ("gamma", "chromaticities"), [(0.0, None), (1.0, (0,) * 8), (1.0, (0.3, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))]
)
def test_numbers_that_are_no_colours_are_refused(gamma: float, chromaticities: tuple[float, ...] | None) -> None:
    with np.errstate(all="ignore"), pytest.raises(ImageError, match="has colours that cannot be"):
        tags_of_gamma(gamma, chromaticities, "x")


def test_bytes_and_floats_of_one_image_agree_across_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = tags_of_cicp(12, 13, "x")
    assert tags is not None
    eight = (COLOURS * 255).round().astype(np.uint8)
    whole = tags.to_srgb(eight)
    monkeypatch.setattr("innersight.io.colour_tags._STRIP", 7)
    np.testing.assert_allclose(tags.to_srgb(eight / np.float32(255)), whole, atol=1e-6)
