"""TIFF files: what is read, what is refused, and with which words."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from icc import ADOBE_RGB, gamma_curve, rgb_profile
from innersight import read_image
from innersight.errors import ImageError
from innersight.io.images import read_picture, read_size

RGB8 = np.random.default_rng(0).integers(0, 256, (24, 33, 3), dtype=np.uint8)
RGB16 = np.random.default_rng(1).integers(0, 65536, (24, 33, 3), dtype=np.uint16)
COMPRESSIONS = (None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma", "jpeg", "group4")


def write(path: Path, samples: npt.NDArray[Any], photometric: str = "rgb", **options: Any) -> Path:
    tifffile.imwrite(path, samples, photometric=photometric, **options)
    return path


def read(path: Path) -> npt.NDArray[Any]:
    return read_image(path).transpose(1, 2, 0)


class TestDecoded:
    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "YCbCr"])
    def test_as_pillow_and_libtiff_decode_it(self, tmp_path: Path, mode: str) -> None:
        picture = Image.fromarray(RGB8).resize((40, 30), Image.Resampling.BICUBIC).convert(mode)
        seen = 0
        for compression in COMPRESSIONS:
            if compression in ("jpeg", "group4") and mode not in {"jpeg": ("L", "RGB"), "group4": ("1",)}[compression]:
                continue
            picture.save(path := tmp_path / f"{compression}.tif", compression=compression)
            with Image.open(path) as opened:
                expected = np.asarray(opened.convert("RGBA" if "A" in mode else "RGB"), dtype=np.float32) / 255
            found = read_picture(path)
            colour = found.colour.transpose(1, 2, 0) / (255 if found.colour.dtype == np.uint8 else 1)
            # libtiff and Pillow round the conversion from YCbCr differently.
            np.testing.assert_allclose(colour, expected[..., :3], atol=1.01 / 255 if mode == "YCbCr" else 1e-7)
            if mode in ("RGBA", "LA"):
                assert found.alpha is not None
                np.testing.assert_allclose(found.alpha[0], expected[..., 3], atol=1e-7)
            seen += 1
        assert seen >= 7

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_grey_of_few_bits(self, tmp_path: Path, bits: int) -> None:
        white = 2**bits - 1
        samples = np.random.default_rng(2).integers(0, white + 1, (8, 16), dtype=np.uint8)
        stored = samples.astype(bool) if bits == 1 else samples
        path = write(tmp_path / "a.tif", stored, "minisblack", bitspersample=bits)
        np.testing.assert_allclose(read(path)[..., 0], samples / white, atol=1e-7)

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16])
    def test_zero_is_white_if_the_file_states_it(self, tmp_path: Path, kind: type) -> None:
        grey = (RGB16[..., 0] if kind is np.uint16 else RGB8[..., 0]).astype(kind)
        path = write(tmp_path / "a.tif", grey, "miniswhite")
        np.testing.assert_allclose(read(path)[..., 0], 1 - grey / np.iinfo(kind).max, atol=1e-7)

    def test_big_tiff_both_byte_orders_planes_and_tiles(self, tmp_path: Path) -> None:
        for number, options in enumerate(
            ({"bigtiff": True}, {"byteorder": ">"}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True})
        ):
            path = write(tmp_path / f"{number}.tif", RGB16, **options)
            np.testing.assert_allclose(read(path), RGB16 / 65535, atol=1e-7)
            assert read_size(path) == RGB16.shape[:2]
        path = write(tmp_path / "planes.tif", RGB8.transpose(2, 0, 1), planarconfig="separate")
        np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)

    def test_twelve_bits_fault_14(self, tmp_path: Path) -> None:
        samples = (RGB16 >> 4).astype(np.uint16)
        packed = write(tmp_path / "packed.tif", samples, bitspersample=12)
        stated = write(tmp_path / "stated.tif", samples, extratags=[(281, 3, 3, (4095,) * 3, True)])
        for path in (packed, stated):
            np.testing.assert_allclose(read(path), samples / 4095, atol=1e-6)

    def test_twelve_bits_that_the_file_does_not_state_fault_14(self, tmp_path: Path) -> None:
        samples = (RGB16 >> 4).astype(np.uint16)
        with pytest.raises(
            ImageError, match=r"16 bits per sample, but no sample above \d+.*MaxSampleValue, such as 4095"
        ):
            read_image(write(tmp_path / "a.tif", samples))
        dark = write(tmp_path / "dark.tif", samples, extratags=[(281, 3, 3, (65535,) * 3, True)])
        np.testing.assert_allclose(read(dark), samples / 65535, atol=1e-7)
        black = write(tmp_path / "black.tif", np.zeros_like(samples))
        assert read(black).max() == 0

    def test_premultiplied_alpha_fault_28(self, tmp_path: Path) -> None:
        alpha = np.random.default_rng(3).integers(1, 256, (24, 33, 1), dtype=np.uint8)
        for colour, photometric in ((RGB8, "rgb"), (RGB8[..., :1], "minisblack")):
            stored = np.concatenate(((colour.astype(int) * alpha // 255).astype(np.uint8), alpha), axis=2)
            path = write(tmp_path / "a.tif", stored, photometric, extrasamples=["assocalpha"], planarconfig="contig")
            expected = stored[..., :-1] / 255 + 1 - alpha / 255  # on white
            np.testing.assert_allclose(read(path), np.broadcast_to(expected, RGB8.shape), atol=1e-5)

    def test_grey_with_alpha_of_16_bits_fault_43(self, tmp_path: Path) -> None:
        stored = RGB16[..., :2]
        path = write(tmp_path / "a.tif", stored, "minisblack", extrasamples=["unassalpha"], planarconfig="contig")
        grey, alpha = stored[..., :1] / 65535, stored[..., 1:] / 65535
        np.testing.assert_allclose(read(path)[..., :1], alpha * grey + 1 - alpha, atol=1e-6)

    def test_samples_after_the_colours_fault_43(self, tmp_path: Path) -> None:
        stored = np.concatenate((RGB16, RGB16), axis=2)
        path = write(tmp_path / "a.tif", stored, extrasamples=["unspecified"] * 3, planarconfig="contig")
        np.testing.assert_allclose(read(path), RGB16 / 65535, atol=1e-7)

    def test_jpeg_2000_in_tiff_fault_43(self, tmp_path: Path) -> None:
        for samples, white in ((RGB8, 255), (RGB16, 65535)):
            options = {"compression": "jpeg2000", "compressionargs": {"reversible": True, "level": 0}}
            path = write(tmp_path / "a.tif", samples, **options)
            np.testing.assert_allclose(read(path), samples / white, atol=1e-6)

    def test_a_pyramid_is_its_first_and_largest_image_fault_1(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(path := tmp_path / "sub.tif") as file:
            file.write(RGB8, photometric="rgb", subifds=1)
            file.write(RGB8[::2, ::2], photometric="rgb", subfiletype=1)
        np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)
        with tifffile.TiffWriter(path := tmp_path / "pages.tif") as file:
            file.write(RGB8, photometric="rgb")
            file.write(RGB8[::2, ::2], photometric="rgb", subfiletype=1)
        np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)

    def test_a_profile_of_a_palette_is_applied(self, tmp_path: Path) -> None:
        profile = rgb_profile(ADOBE_RGB, gamma_curve(2.2))
        palette = Image.fromarray(RGB8).quantize(64)
        palette.save(tmp_path / "a.png", icc_profile=profile)
        palette.save(tmp_path / "a.tif", icc_profile=profile)
        np.testing.assert_array_equal(read(tmp_path / "a.tif"), read(tmp_path / "a.png"))

    def test_premultiplied_alpha_is_divided_before_a_profile_is_applied(self, tmp_path: Path) -> None:
        alpha = np.full((24, 33, 1), 64 * 257, dtype=np.uint16)
        profile = {"iccprofile": rgb_profile(ADOBE_RGB, gamma_curve(2.2)), "planarconfig": "contig"}
        plain = write(tmp_path / "a.tif", np.concatenate((RGB16, alpha), 2), extrasamples=["unassalpha"], **profile)
        multiplied = (RGB16.astype(float) * alpha / 65535).round().astype(np.uint16)
        both = write(tmp_path / "b.tif", np.concatenate((multiplied, alpha), 2), extrasamples=["assocalpha"], **profile)
        np.testing.assert_allclose(read(both), read(plain), atol=1.5 / 255)

    def test_zero_is_white_but_not_transparent(self, tmp_path: Path) -> None:
        stored = np.stack((RGB8[..., 0], np.full((24, 33), 255, dtype=np.uint8)), axis=-1)
        path = write(tmp_path / "a.tif", stored, "miniswhite", extrasamples=["unassalpha"], planarconfig="contig")
        np.testing.assert_allclose(read(path)[..., 0], 1 - RGB8[..., 0] / 255, atol=1e-6)

    @pytest.mark.parametrize("compression", [8, 32773, 50000])  # Deflate, PackBits, Zstandard
    def test_a_last_strip_that_is_stored_longer(self, tmp_path: Path, compression: int) -> None:
        codec = {8: imagecodecs.zlib_encode, 32773: imagecodecs.packbits_encode, 50000: imagecodecs.zstd_encode}
        path = write(tmp_path / "a.tif", RGB8, compression=compression, rowsperstrip=24)
        data, more = path.read_bytes(), codec[compression](np.concatenate((RGB8, RGB8[:4])).tobytes())
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            offset, count = tags[273].offset + 8, tags[279].offset + 8
        longer = bytearray(data) + more
        for place, value in ((offset, len(data)), (count, len(more))):
            longer[place : place + 4] = value.to_bytes(4, "little")
        path.write_bytes(longer)
        np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-7)


class TestRefused:
    def test_a_last_strip_that_is_stored_longer_in_a_later_page(self, tmp_path: Path) -> None:
        """Pillow reads the first page, which is another image."""
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as writer:
            for samples in (RGB8, 255 - RGB8):
                writer.write(samples, photometric="rgb", compression="zlib", rowsperstrip=24)
        data, more = path.read_bytes(), imagecodecs.zlib_encode(np.concatenate((RGB8, RGB8[:4])).tobytes())
        with tifffile.TiffFile(path) as file:
            tags = file.pages[1].aspage().tags
            offset, count = tags[273].offset + 8, tags[279].offset + 8
        longer = bytearray(data) + more
        for place, value in ((offset, len(data)), (count, len(more))):
            longer[place : place + 4] = value.to_bytes(4, "little")
        path.write_bytes(longer)
        np.testing.assert_allclose(read_image(path, frame=0).transpose(1, 2, 0), RGB8 / 255, atol=1e-7)
        with pytest.raises(ImageError, match="its last strip is longer than the image"):
            read_image(path, frame=1)

    def test_pages_that_form_a_loop(self, tmp_path: Path) -> None:
        data = bytearray(write(tmp_path / "a.tif", RGB8).read_bytes())
        start = int.from_bytes(data[4:8], "little")
        end = start + 2 + 12 * int.from_bytes(data[start : start + 2], "little")
        data[end : end + 4] = data[4:8]
        with pytest.raises(ImageError, match="its pages form a loop"):
            read_image(bytes(data))

    def test_a_raw_file_of_canon(self) -> None:
        tags = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 4, 279: 16}
        for magic, is_raw in ((b"CR\2\0", True), (bytes(4), False)):
            entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
            data = (
                b"II*\0" + struct.pack("<I", 16) + magic + bytes(4) + struct.pack("<H", len(tags)) + entries + bytes(4)
            )
            data = data.ljust(200, b"\0") + bytes(range(16))
            if is_raw:
                with pytest.raises(ImageError, match="is a camera raw file"):
                    read_image(data)
            else:
                assert read_image(data).shape == (3, 4, 4)

    @pytest.mark.parametrize("stated", [None, 255])
    def test_eight_bits_in_sixteen(self, tmp_path: Path, stated: int | None) -> None:
        tags = [] if stated is None else [(281, 3, 3, (stated,) * 3, True)]
        path = write(tmp_path / "a.tif", RGB8.astype(np.uint16), extratags=tags)
        if stated is None:
            with pytest.raises(ImageError, match="no sample above 255, as files with samples of 8 to 12 bits have"):
                read_image(path)
        else:
            np.testing.assert_allclose(read(path), RGB8 / 255, atol=1e-6)

    def test_very_many_samples(self, tmp_path: Path) -> None:
        stored = np.zeros((8, 8, 200), dtype=np.uint8)
        path = write(tmp_path / "a.tif", stored, extrasamples=["unspecified"] * 197, planarconfig="contig")
        with pytest.raises(ImageError, match="TIFF file with 200 samples per pixel"):
            read_image(path)

    def test_several_images_in_one_page(self, tmp_path: Path) -> None:
        tifffile.imwrite(
            path := tmp_path / "a.tif", np.stack([RGB8[..., 0]] * 3), truncate=True, photometric="minisblack"
        )
        with pytest.raises(ImageError, match="has 3 images in one page"):
            read_image(path)

    @pytest.mark.parametrize("name", ["a.tif", "a.nef", "a.dng", "a.CR2"])
    @pytest.mark.parametrize("marked", [True, False])
    def test_a_reduced_first_image_fault_1(self, tmp_path: Path, name: str, marked: bool) -> None:
        with tifffile.TiffWriter(path := tmp_path / name) as file:
            file.write(RGB8[::2, ::2], photometric="rgb", subifds=1, subfiletype=int(marked))
            file.write(RGB8, photometric="rgb", subfiletype=0)
        with pytest.raises(ImageError, match=r"reduced copy \(17 x 12\) as its first image\. Its largest.* 33 x 24"):
            read_image(path)

    def test_camera_raw_fault_1(self, tmp_path: Path) -> None:
        dng = write(tmp_path / "a.tif", RGB8, extratags=[(50706, 1, 4, (1, 4, 0, 0), True)])
        mosaic = write(tmp_path / "b.tif", RGB16[..., 0], "cfa")
        with tifffile.TiffWriter(inner := tmp_path / "c.tif") as file:
            file.write(RGB8, photometric="rgb", subifds=1)
            file.write(RGB16[..., 0], photometric="cfa")
        for path in (dng, mosaic, inner):
            with pytest.raises(ImageError, match=r"is a camera raw file\. Develop it"):
                read_image(path)

    def test_a_mask_as_a_page_fault_28(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(path := tmp_path / "a.tif") as file:
            file.write(RGB8, photometric="rgb")
            file.write(RGB8[..., 0] > 99, photometric=4, subfiletype=4)
        with pytest.raises(ImageError, match="has a transparency mask as a page of its own"):
            read_image(path)

    def test_two_pages(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(path := tmp_path / "a.tif") as file:
            for _ in range(2):
                file.write(RGB8, photometric="rgb")
        with pytest.raises(ImageError, match="has 2 images, but a score needs one"):
            read_image(path)

    @pytest.mark.parametrize("kind", [np.int8, np.int16, np.float32, np.float16, np.uint32, np.complex64])
    def test_samples_without_a_range_fault_28_43(self, tmp_path: Path, kind: type) -> None:
        path = write(tmp_path / "a.tif", np.zeros((4, 4), dtype=kind), "minisblack")
        with pytest.raises(ImageError, match=r"(samples of type|32 bits per sample).*no defined range"):
            read_image(path)

    def test_inks_and_lab(self, tmp_path: Path) -> None:
        path = write(tmp_path / "cmyk16.tif", np.zeros((4, 4, 4), dtype=np.uint16), "separated")
        with pytest.raises(ImageError, match="separated inks that are not 8-bit CMYK"):
            read_image(path)
        path = write(tmp_path / "lab.tif", np.zeros((4, 4, 3), dtype=np.uint8), "cielab")
        with pytest.raises(ImageError, match="TIFF file with CIELAB pixels"):
            read_image(path)

    def test_a_compression_that_is_not_known(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tif", RGB8)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages.first.tags[259].overwrite(60_000)
        with pytest.raises(ImageError, match="TIFF file with the compression 60000"):
            read_image(path)

    @pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
    def test_damaged_pixels(self, tmp_path: Path, compression: str | None) -> None:
        path = write(tmp_path / "a.tif", RGB8, compression=compression, rowsperstrip=8)
        whole = path.read_bytes()
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            start, count = page.dataoffsets[1], page.databytecounts[1]
            head = page.tags[279].valueoffset
        if compression is None:
            path.write_bytes(whole[: start + count // 2])
        else:  # a strip whose stream ends early
            shorter = bytearray(whole)
            shorter[head : head + 4 * 3] = np.array([page.databytecounts[0], count // 2, count], "<u4").tobytes()
            path.write_bytes(shorter)
        with pytest.raises(ImageError, match="damaged or truncated"):
            read_image(path)


def test_a_symlink_loop_fault_43(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.symlink_to(path)
    with pytest.raises(ImageError, match="cannot be read: Too many levels of symbolic links"):
        read_image(path)


def test_nothing_is_written_to_stderr_fault_43(tmp_path: Path) -> None:
    unknown = write(tmp_path / "a.tif", RGB8, compression="lzw", extratags=[(65_001, 3, 1, 7, True)])
    damaged = tmp_path / "b.tif"
    damaged.write_bytes(unknown.read_bytes()[:-40])
    for path, status in ((unknown, 0), (damaged, 2)):
        command = (Path(sys.executable).parent / "innersight", "score", path, path)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stderr
        assert len(done.stderr.splitlines()) == bool(status)
