"""Every kind of file that docs/images.md names is read as it says there."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from image_files import GREY8, RGB8, RGB16, RNG, exif, read, write_png16
from innersight.errors import ArgumentError, ImageError
from innersight.io.images import check_same_size, read_image, read_size


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_lossless_formats_give_the_pixels_over_255(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)


def test_jpeg_gives_pillows_pixels(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.jpg", quality=90)
    np.testing.assert_allclose(read(path), np.asarray(Image.open(path)) / 255, atol=1e-7)


def test_the_name_s_suffix_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "photo.jpg", format="PNG")
    np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)


def test_grey_and_one_bit_are_widened(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(path := tmp_path / "grey.png")
    np.testing.assert_allclose(read(path), np.repeat(GREY8[..., None] / 255, 3, axis=2), atol=1e-7)
    Image.fromarray(GREY8 > 100).save(path := tmp_path / "bits.png")
    np.testing.assert_array_equal(read(path), np.repeat((GREY8 > 100)[..., None], 3, axis=2))


def test_palette_gives_its_colours(tmp_path: Path) -> None:
    indexed = Image.fromarray(RGB8).quantize(16)
    indexed.save(path := tmp_path / "p.png")
    np.testing.assert_allclose(read(path), np.asarray(indexed.convert("RGB")) / 255, atol=1e-7)


class TestTransparency:
    def test_alpha_is_composited_on_white_or_the_stated_background(self, tmp_path: Path) -> None:
        alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
        Image.fromarray(np.concatenate((RGB8, alpha), axis=2)).save(path := tmp_path / "a.png")
        share = alpha / 255
        np.testing.assert_allclose(read(path), share * (RGB8 / 255) + (1 - share), atol=1e-6)
        on_blue = share * (RGB8 / 255) + (1 - share) * np.array([0.0, 0.5, 1.0])
        np.testing.assert_allclose(read(path, background=(0.0, 0.5, 1.0)), on_blue, atol=1e-6)

    def test_grey_with_alpha(self, tmp_path: Path) -> None:
        Image.fromarray(np.stack((GREY8, np.full_like(GREY8, 51)), axis=2)).save(path := tmp_path / "la.png")
        np.testing.assert_allclose(read(path)[..., 0], 0.2 * GREY8 / 255 + 0.8, atol=1e-6)

    def test_a_transparent_palette_entry(self, tmp_path: Path) -> None:
        indexed = Image.new("P", (2, 1))
        indexed.putpalette([10, 20, 30, 200, 100, 50])
        indexed.putpixel((1, 0), 1)
        indexed.save(path := tmp_path / "p.png", transparency=0)
        np.testing.assert_allclose(read(path)[0], [[1, 1, 1], [200 / 255, 100 / 255, 50 / 255]], atol=1e-6)

    def test_a_transparent_colour(self, tmp_path: Path) -> None:
        Image.new("RGB", (2, 1), (9, 9, 9)).save(path := tmp_path / "t.png", transparency=(9, 9, 9))
        assert (read(path) == 1).all()

    @pytest.mark.parametrize("background", [(0, 0), (0, 0, 255), (-1, 0, 0), None, 5, ("a", "b", "c")])
    def test_a_bad_background_is_refused(self, tmp_path: Path, background: tuple[float, ...]) -> None:
        with pytest.raises(ArgumentError, match=r"`background` must be three numbers in \[0, 1\] \(R, G, B\), but got"):
            read_image(tmp_path / "unread.png", background=background)


class TestOrientation:
    UPRIGHT = np.zeros((4, 6, 3), dtype=np.uint8)
    UPRIGHT[0, 0] = 255  # the corner that tells all eight apart, with the sides' lengths

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, tmp_path: Path, orientation: int) -> None:
        # What the camera stored so that turning it by the tag gives UPRIGHT: the inverse of each transposition.
        inverse = {
            1: lambda a: a,
            2: lambda a: a[:, ::-1],
            3: lambda a: a[::-1, ::-1],
            4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1),
            6: lambda a: np.rot90(a, 1),
            7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
            8: lambda a: np.rot90(a, -1),
        }[orientation]
        stored = np.ascontiguousarray(inverse(self.UPRIGHT))
        Image.fromarray(stored).save(tmp_path / "a.png", exif=exif(orientation))
        Image.fromarray(stored).save(tmp_path / "a.webp", exif=exif(orientation), lossless=True)
        Image.fromarray(stored).save(tmp_path / "a.tif", tiffinfo={0x0112: orientation})
        wide = stored.astype(np.uint16) * 257
        tifffile.imwrite(tmp_path / "b.tif", wide, photometric="rgb", extratags=[(0x0112, 3, 1, orientation, True)])
        write_png16(tmp_path / "b.png", wide, {b"eXIf": exif(orientation).removeprefix(b"Exif\0\0")})
        for name in ("a.png", "a.webp", "a.tif", "b.tif", "b.png"):
            np.testing.assert_allclose(read(tmp_path / name), self.UPRIGHT / 255, atol=1e-7, err_msg=name)

    def test_jpeg_orientation_is_applied(self, tmp_path: Path) -> None:
        Image.fromarray(RGB8).save(tmp_path / "plain.jpg", quality=95)
        Image.fromarray(RGB8).save(tmp_path / "turned.jpg", quality=95, exif=exif(6))
        np.testing.assert_allclose(read(tmp_path / "turned.jpg"), np.rot90(read(tmp_path / "plain.jpg"), -1), atol=1e-7)


class TestRefused:
    def test_missing_folder_empty_and_text(self, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        (tmp_path / "text.png").write_text("not an image")
        for name, message in (
            ("missing.png", r"No such file: '.*missing\.png'"),
            (".", r"is a folder, not an image file"),
            ("empty.png", r"is not an image in a supported format \(PNG, JPEG, WebP, AVIF, .*, PAM\)"),
            ("text.png", r"is not an image in a supported format"),
        ):
            with pytest.raises(ImageError, match=message):
                read_image(tmp_path / name)

    def test_another_format(self, tmp_path: Path) -> None:
        Image.fromarray(RGB8).save(path := tmp_path / "a.ico")
        with pytest.raises(ImageError, match="not an image in a supported format"):
            read_image(path)

    @pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif"])
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_truncated(self, tmp_path: Path, suffix: str, share: float) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path := tmp_path / f"a.{suffix}")
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(
            ImageError, match=r"cannot be decoded\. It is damaged or truncated|is not an image in a supported format"
        ):
            read_image(path)

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_truncated_16_bit(self, tmp_path: Path, suffix: str) -> None:
        noise = np.random.default_rng(1).integers(0, 65536, (64, 64, 3), dtype=np.uint16)
        path = tmp_path / f"a.{suffix}"
        write_png16(path, noise) if suffix == "png" else tifffile.imwrite(path, noise, photometric="rgb")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ImageError, match=r"damaged or truncated|is not an image"):
            read_image(path)

    def test_several_images_in_one_file(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(RGB8), Image.fromarray(255 - RGB8)]
        for suffix in ("png", "webp", "tif"):
            frames[0].save(path := tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
            with pytest.raises(ImageError, match=r"has 2 images, but a score needs one"):
                read_image(path)

    def test_a_cameras_multi_picture_jpeg_is_its_first_picture(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(RGB8), Image.fromarray(255 - RGB8)]
        frames[0].save(path := tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(read(path), np.asarray(Image.open(path)) / 255, atol=1e-7)

    def test_pixels_without_a_defined_range(self, tmp_path: Path) -> None:
        for mode in ("F", "I", "LAB"):
            Image.new(mode, (4, 4)).save(path := tmp_path / f"{mode}.tif")
            with pytest.raises(ImageError, match=r"(samples of type|CIELAB pixels)"):
                read_image(path)

    def test_signed_samples(self, tmp_path: Path) -> None:
        for kind in (np.int8, np.int16):
            tifffile.imwrite(path := tmp_path / "a.tif", np.zeros((4, 4), dtype=kind), photometric="minisblack")
            with pytest.raises(ImageError, match=rf"samples of type {np.dtype(kind)}, which have no defined range"):
                read_image(path)

    @pytest.mark.parametrize("depth", [2, 4])
    def test_a_transparent_grey_of_less_than_8_bits(self, tmp_path: Path, depth: int) -> None:
        rows = b"".join(b"\0" + b"\x55" * (8 * depth // 8) for _ in range(8))
        data = b"\x89PNG\r\n\x1a\n"
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, 0, 0, 0, 0)),
            (b"tRNS", struct.pack(">H", 1)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ):
            data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        (path := tmp_path / "a.png").write_bytes(data)
        with pytest.raises(
            ImageError, match=rf"{depth}-bit PNG with a transparent grey \(tRNS\)\. Save it with 8 bits"
        ):
            read_image(path)

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16])
    def test_a_tiff_with_pixels_missing(self, tmp_path: Path, kind: type) -> None:
        pixels = np.full((64, 64, 3), 200, dtype=kind)
        tifffile.imwrite(path := tmp_path / "a.tif", pixels, photometric="rgb", rowsperstrip=8)
        with tifffile.TiffFile(path, mode="r+") as file:
            offsets = file.pages[0].tags[273]
            offsets.overwrite([*offsets.value[:3], 0, *offsets.value[4:]])
        with pytest.raises(ImageError, match="some of its pixels are not in the file"):
            read_image(path)

    def test_a_decompression_bomb_is_refused_before_it_is_decoded(self, tmp_path: Path) -> None:
        for side, got in ((10_000, "10000 x 10000 pixels"), (60_000, "more pixels than Pillow reads")):
            header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
            chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
            data = b"\x89PNG\r\n\x1a\n"
            for name, body in chunks:
                data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            (path := tmp_path / "bomb.png").write_bytes(data)
            with warnings.catch_warnings(), pytest.raises(ImageError, match=rf"{got}.*decompression bomb"):
                warnings.simplefilter("ignore")
                read_image(path)

    def test_the_limit_can_be_set(self, tmp_path: Path) -> None:
        Image.fromarray(RGB8).save(path := tmp_path / "a.png")
        with pytest.raises(ImageError, match=r"has 7 x 5 pixels, more than the limit of 34\."):
            read_image(path, max_pixels=34)
        assert read(path, max_pixels=35).shape == (5, 7, 3)

    @pytest.mark.parametrize("head", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\x0a", b"II*\0", b"P6\n1 1\n255\n"])
    def test_a_file_of_more_bytes_than_an_image_needs_is_not_read(self, tmp_path: Path, head: bytes) -> None:
        with (tmp_path / "sparse.png").open("wb") as file:
            file.write(head)
            file.truncate(1 << 40)  # it takes no space
        assert read_size(tmp_path / "sparse.png") is None
        with pytest.raises(ImageError, match=r"has 1,099,511,627,776 bytes, more than the limit of 1,073,741,824\."):
            read_image(tmp_path / "sparse.png")


class TestArguments:
    """Wrong arguments and names that cannot be a file are refused in one line."""

    @pytest.mark.parametrize(
        ("path", "got"),
        [(None, "NoneType"), (5, "int"), ([[0.5]], "list")],
    )
    def test_what_is_no_image_is_refused_fault_46(self, path: object, got: str) -> None:
        for function in (read_image, read_size):
            with pytest.raises(ArgumentError, match=rf"^An image must be a path .*, but got {got}\. Convert it"):
                function(path)

    @pytest.mark.parametrize("max_pixels", [None, 0, -1, 1e6, float("nan"), True, "100"])
    def test_a_limit_that_is_no_integer_from_1_is_refused_fault_46(self, tmp_path: Path, max_pixels: object) -> None:
        Image.fromarray(RGB8).save(path := tmp_path / "a.png")
        with pytest.raises(ArgumentError, match=r"^Argument `max_pixels` must be an integer from 1, but got"):
            read_image(path, max_pixels=max_pixels)

    @pytest.mark.parametrize("name", ["a\0b.png", "\ud800.png"])
    def test_a_name_that_no_file_can_have_is_said_to_be_one_fault_46(self, name: str) -> None:
        with pytest.raises(ImageError, match="is not a valid file name"):
            read_image(name)
        assert read_size(name) is None

    def test_an_error_of_the_operating_system_is_not_called_damage_fault_46(self, tmp_path: Path) -> None:
        (loop := tmp_path / "loop.png").symlink_to(loop)
        (file := tmp_path / "file").touch()
        for path in (loop, file / "a.png", tmp_path / ("a" * 300)):
            with pytest.raises(ImageError, match=r"cannot be read: [A-Z][a-z ]+\.$"):
                read_image(path)

    def test_a_web_address_is_refused_as_such_fault_46(self) -> None:
        with pytest.raises(ImageError, match=r"^'https://example\.org/a\.png' is a web address\. Download the file"):
            read_image("https://example.org/a.png")

    def test_a_background_of_numpy_numbers_is_allowed_fault_46(self, tmp_path: Path) -> None:
        Image.new("RGBA", (2, 1), (9, 9, 9, 0)).save(path := tmp_path / "a.png")
        np.testing.assert_array_equal(read(path, background=tuple(np.float32([0, 0.5, 1])))[0, 0], [0, 0.5, 1])

    def test_an_image_with_alpha_is_float32_for_any_background_fault_27(self, tmp_path: Path) -> None:
        Image.fromarray(np.dstack((RGB8, GREY8))).save(path := tmp_path / "a.png")
        assert read_image(path, background=(0.1, 0.2, 0.3)).dtype == np.float32
        assert read_image(path, background=tuple(np.float64([0.1, 0.2, 0.3]))).dtype == np.float32


class TestSize:
    """What `read_size` finds in the head of a file is what `read_image` gives, but for orientation."""

    def test_every_format_and_kind_of_pixel(self, tmp_path: Path) -> None:
        for suffix, modes in (
            ("png", ("1", "L", "P", "LA", "RGB", "RGBA")),
            ("jpg", ("L", "RGB", "CMYK")),
            ("bmp", ("1", "L", "P", "RGB", "RGBA")),
            ("webp", ("RGB", "RGBA")),
            ("tif", ("1", "L", "P", "RGB", "RGBA", "CMYK")),
        ):
            for mode in modes:
                Image.fromarray(RGB8).convert(mode).save(path := tmp_path / f"{mode}.{suffix}")
                assert read_size(path) == read(path).shape[:2] == (5, 7), path.name

    def test_16_bits(self, tmp_path: Path) -> None:
        write_png16(tmp_path / "a.png", RGB16)
        Image.fromarray(RGB16[..., 0]).save(tmp_path / "grey.png")
        tifffile.imwrite(tmp_path / "a.tif", RGB16, photometric="rgb")
        tifffile.imwrite(tmp_path / "planes.tif", RGB16.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
        tifffile.imwrite(tmp_path / "grey.tif", RGB16[..., 0], photometric="minisblack")
        for path in tmp_path.iterdir():
            assert read_size(path) == read(path).shape[:2] == (5, 7), path.name

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_an_orientation_may_swap_the_sides(self, tmp_path: Path, orientation: int) -> None:
        for suffix in ("png", "jpg", "webp", "tif"):
            Image.fromarray(RGB8).save(tmp_path / f"a.{suffix}", exif=exif(orientation))
        write_png16(tmp_path / "b.png", RGB16, {b"eXIf": exif(orientation).removeprefix(b"Exif\0\0")})
        for path in tmp_path.iterdir():
            assert read(path).shape[:2] == ((5, 7) if orientation < 5 else (7, 5)), path.name
            assert sorted(read_size(path)) == [5, 7], path.name

    def test_a_cameras_multi_picture_jpeg_has_that_of_its_first_picture(self, tmp_path: Path) -> None:
        Image.fromarray(RGB8).save(
            path := tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.fromarray(RGB8[:3, :3])]
        )
        assert read_size(path) == (5, 7)

    def test_the_head_is_enough(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        for suffix in ("png", "jpg", "bmp"):
            Image.fromarray(noise).save(path := tmp_path / f"a.{suffix}")
            path.write_bytes(path.read_bytes()[:2000])
            assert read_size(path) == (64, 96), suffix

    def test_what_has_no_head_of_an_image_has_no_size(self, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        (tmp_path / "text.png").write_text("not an image")
        Image.fromarray(RGB8).save(tmp_path / "a.ico")
        Image.fromarray(RGB8).save(tmp_path / "cut.png")
        (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:12])
        for name in ("missing.png", ".", "empty.png", "text.png", "a.ico", "cut.png"):
            assert read_size(tmp_path / name) is None, name


def test_images_of_two_sizes_are_named_with_their_sizes() -> None:
    check_same_size((5, 7), (5, 7), ("a.png", "b.png"))
    with pytest.raises(ImageError, match=r"'a\.png' is 7 x 5, 'b\.png' is 8 x 5 \(width x height\)"):
        check_same_size((5, 7), (5, 8), ("a.png", Path("b.png")))
    with pytest.raises(ImageError, match=r": the reference image is 7 x 5, the distorted image is 8 x 5 "):
        check_same_size((5, 7), (5, 8), (RGB8, RGB8))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif"])
def test_damaged_bytes_give_an_image_or_an_image_error_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    buffer = io.BytesIO()
    formats = {"jpg": "JPEG", "tif": "TIFF"}
    Image.fromarray(RGB8).save(buffer, format=formats.get(suffix, suffix.upper()), exif=exif(6))
    original = buffer.getvalue()
    rng = np.random.default_rng(2)
    for _ in range(150):
        damaged = bytearray(original)
        for _ in range(rng.integers(1, 6)):
            damaged[rng.integers(0, len(damaged))] = rng.integers(0, 256)
        (path := tmp_path / f"a.{suffix}").write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = read_image(path)
            except ImageError:
                continue
        assert image.shape[0] == 3
