"""The pixels that the page scores are those that the command line reads, bit by bit, for every kind of file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data
from tests.browser.conftest import AppPage

import icc
import innersight
from image_files import exif
from png_files import write_png

RNG = np.random.default_rng(0)
CAT = Image.fromarray(data.chelsea()).crop((90, 40, 223, 141))  # 133 x 101: no multiple of a block or a byte
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)]  # fmt: skip
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def with_alpha() -> Image.Image:
    """The photograph, opaque at its left and invisible at its right side."""
    image = CAT.copy()
    image.putalpha(Image.fromarray(np.tile(np.linspace(255, 0, CAT.width), (CAT.height, 1)).astype(np.uint8)))
    return image


def check(page: AppPage, path: Path) -> None:
    """Compare the page with `read_image`."""
    white, black, doubt = page.decode(path)
    assert doubt is None
    for found, background in ((white, (1, 1, 1)), (black, (0, 0, 0))):
        np.testing.assert_array_equal(found, innersight.read_image(path, background=background))


@pytest.mark.thorough
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "depth"), KINDS)
def test_png_of_each_kind(shared_page: AppPage, tmp_path: Path, colour_type: int, depth: int, interlaced: bool) -> None:
    samples = RNG.integers(0, 2**depth, (13, 21, CHANNELS[colour_type]))
    chunks = {b"PLTE": RNG.bytes(3 * 2**depth), b"tRNS": RNG.bytes(2 ** (depth - 1))} if colour_type == 3 else {}
    check(
        shared_page,
        write_png(
            tmp_path / "a.png", samples, depth=depth, colour_type=colour_type, interlaced=interlaced, chunks=chunks
        ),
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 1), (1, 9)])
def test_interlaced_png_with_empty_passes(shared_page: AppPage, tmp_path: Path, size: tuple[int, int]) -> None:
    samples = RNG.integers(0, 256, (*size, 3))
    check(shared_page, write_png(tmp_path / "a.png", samples, depth=8, colour_type=2, interlaced=True))


@pytest.mark.parametrize(("colour_type", "key"), [(0, (7,)), (2, (7, 9, 11))])
def test_png_with_a_transparent_colour(
    shared_page: AppPage, tmp_path: Path, colour_type: int, key: tuple[int, ...]
) -> None:
    samples = RNG.integers(0, 256, (13, 21, len(key)))
    samples[2:6, 3:9] = key
    path = write_png(
        tmp_path / "a.png",
        samples,
        depth=8,
        colour_type=colour_type,
        chunks={b"tRNS": struct.pack(f">{len(key)}H", *key)},
    )
    check(shared_page, path)
    assert (shared_page.decode(path)[0][:, 2:6, 3:9] == 1).all()


@pytest.mark.parametrize(("colour_type", "depth"), [(0, 1), (0, 2), (0, 4), (0, 16), (2, 16)])
def test_png_with_a_transparent_colour_that_the_command_line_refuses(
    shared_page: AppPage, tmp_path: Path, colour_type: int, depth: int
) -> None:
    samples = RNG.integers(0, 2**depth, (13, 21, CHANNELS[colour_type]))
    key = samples[3, 5]
    chunks = {b"tRNS": struct.pack(f">{len(key)}H", *key)}
    path = write_png(tmp_path / "a.png", samples, depth=depth, colour_type=colour_type, chunks=chunks)
    for found, level in zip(shared_page.decode(path), (1, 0), strict=False):
        expected = np.where((samples == key).all(2, keepdims=True), level, samples / (2**depth - 1))
        np.testing.assert_array_equal(
            found, np.broadcast_to(expected, (13, 21, 3)).transpose(2, 0, 1).astype(np.float32)
        )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_of_pillow_with_all_filters(shared_page: AppPage, tmp_path: Path, mode: str) -> None:
    with_alpha().convert(mode).save(tmp_path / "a.png", optimize=True)
    check(shared_page, tmp_path / "a.png")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_the_exif_orientation_is_applied(shared_page: AppPage, tmp_path: Path, name: str, orientation: int) -> None:
    CAT.save(tmp_path / name, exif=exif(orientation))
    check(shared_page, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("420.jpg", {"quality": 40}),
        ("422.jpg", {"quality": 80, "subsampling": "4:2:2"}),
        ("444.jpg", {"quality": 95, "subsampling": "4:4:4"}),
        ("progressive.jpg", {"quality": 60, "progressive": True}),
        ("lossy.webp", {"quality": 40}),
        ("lossless.webp", {"lossless": True}),
        ("a.avif", {"quality": 60}),
        ("a.bmp", {}),
        ("a.gif", {}),
    ],
)
def test_other_formats(shared_page: AppPage, tmp_path: Path, name: str, options: dict[str, object]) -> None:
    CAT.save(tmp_path / name, **options)
    check(shared_page, tmp_path / name)


def test_half_transparent_pixels_are_not_rounded(shared_page: AppPage, tmp_path: Path) -> None:
    with_alpha().save(tmp_path / "a.webp", quality=80)
    check(shared_page, tmp_path / "a.webp")


def test_alpha_of_avif_is_in_doubt(shared_page: AppPage, tmp_path: Path) -> None:
    with_alpha().save(tmp_path / "a.avif")
    assert shared_page.decode(tmp_path / "a.avif")[2] == "alpha"


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_profile_of_srgb_changes_nothing(shared_page: AppPage, tmp_path: Path, name: str) -> None:
    CAT.save(tmp_path / name, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    check(shared_page, tmp_path / name)


def test_gamma_and_primaries_of_srgb_change_nothing(shared_page: AppPage, tmp_path: Path) -> None:
    samples = RNG.integers(0, 256, (13, 21, 3))
    primaries = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    chunks = {b"gAMA": struct.pack(">I", 45455), b"cHRM": primaries}
    check(shared_page, write_png(tmp_path / "a.png", samples, depth=8, colour_type=2, chunks=chunks))


@pytest.mark.parametrize(
    ("chunks", "largest"),
    [
        ({b"iCCP": b"x\0\0" + zlib.compress(icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.2)))}, 3),
        ({b"gAMA": struct.pack(">I", 100000)}, 3),
        ({b"cICP": bytes((12, 13, 0, 1))}, 3),
    ],
    ids=["profile", "gamma", "code points"],
)
def test_the_browser_converts_other_colours_of_png(
    shared_page: AppPage, tmp_path: Path, chunks: dict[bytes, bytes], largest: int
) -> None:
    path = write_png(tmp_path / "a.png", np.array(CAT), depth=8, colour_type=2, chunks=chunks)
    white, _, doubt = shared_page.decode(path)
    read = innersight.read_image(path)
    assert doubt == "colours"
    assert np.abs(white - read).max() * 255 < largest
    assert np.abs(read - np.array(CAT).transpose(2, 0, 1) / 255).max() * 255 > 10  # the colours are others


def test_the_browser_converts_other_colours_of_jpeg(shared_page: AppPage, tmp_path: Path) -> None:
    profile = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.2))
    CAT.save(tmp_path / "a.jpg", quality=90, icc_profile=profile)
    white, _, _ = shared_page.decode(tmp_path / "a.jpg")
    assert np.abs(white - innersight.read_image(tmp_path / "a.jpg")).max() * 255 < 3
