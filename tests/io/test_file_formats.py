"""Files of all formats are read with all their bits: a lossless file has exactly the samples of the PNG."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from skimage import data

from image_files import write_png16
from innersight import Scorer
from innersight.errors import ImageError
from innersight.io.images import read_image, read_size

Samples = npt.NDArray[np.uint16]


def samples(bits: int, channels: int, seed: int = 0) -> Samples:
    draw = np.random.default_rng(seed).integers(0, 2**bits, (21, 34, channels))
    return draw.astype(np.uint8 if bits == 8 else np.uint16)


def expected(values: Samples, bits: int) -> npt.NDArray[np.float32]:
    """Return what is read: colours on white, as float32."""
    floats = values.astype(np.float32) / np.float32(2**bits - 1)
    colours = 3 if floats.shape[2] >= 3 else 1
    colour, alpha = np.broadcast_to(floats[..., :colours], (*floats.shape[:2], 3)), floats[..., colours:]
    return (alpha * colour + (1 - alpha) if alpha.shape[2] else colour).transpose(2, 0, 1)


def avif(values: Samples, bits: int) -> bytes:
    encoded: bytes = imagecodecs.avif_encode(values, level=100, bitspersample=bits)
    return encoded


def jpeg_xl(values: Samples, bits: int) -> bytes:
    if bits != 8:
        pytest.skip("imagecodecs marks more than 8 bits as linear light; cjxl makes such files below")
    encoded: bytes = imagecodecs.jpegxl_encode(values, lossless=True)
    return encoded


def jpeg_2000(values: Samples, bits: int) -> bytes:
    encoded: bytes = imagecodecs.jpeg2k_encode(values, level=0, reversible=True, bitspersample=bits)
    return encoded


def netpbm(values: Samples, bits: int) -> bytes:
    height, width, channels = values.shape
    kinds = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}
    head = (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {2**bits - 1}\n"
        f"TUPLTYPE {kinds[channels]}\nENDHDR\n"
    )
    return head.encode() + (values if bits == 8 else values.astype(">u2")).tobytes()


def heic(values: Samples, bits: int) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    height, width, channels = values.shape if values.ndim == 3 else (*values.shape, 1)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels] + ("" if bits == 8 else ";16")
    stored = values if bits == 8 else values << (16 - bits)
    opened = pillow_heif.from_bytes(mode, (width, height), stored.tobytes())
    opened.save(file := io.BytesIO(), quality=-1, chroma="444", matrix_coefficients=0, bit_depth=bits)
    return file.getvalue()


ENCODERS: dict[str, Callable[[Samples, int], bytes]] = {
    "AVIF": avif, "JPEG XL": jpeg_xl, "JPEG 2000": jpeg_2000, "PAM": netpbm, "HEIC": heic,
}  # fmt: skip


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_lossless_file_has_the_samples_of_the_image_fault_48(encoder: str, channels: int, bits: int) -> None:
    if encoder in ("AVIF", "HEIC") and bits == 16:
        pytest.skip("AVIF and HEIC have up to 12 bits")
    values = samples(bits, channels)
    found = read_image(ENCODERS[encoder](values, bits))
    np.testing.assert_allclose(found, expected(values, bits), rtol=0, atol=6e-8)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_grey_files_are_read_as_three_equal_channels(encoder: str) -> None:
    values = samples(8, 1)
    content = ENCODERS[encoder](values if encoder == "PAM" else values[..., 0], 8)
    np.testing.assert_array_equal(read_image(content), expected(values, 8))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_size_is_known_without_decoding(encoder: str) -> None:
    content = ENCODERS[encoder](samples(8, 3), 8)
    assert read_size(content) == (21, 34)
    with pytest.raises(ImageError, match="has 34 x 21 pixels, more than the limit of 700"):
        read_image(content, max_pixels=700)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_cut_file_is_damaged(encoder: str, share: float) -> None:
    content = ENCODERS[encoder](samples(8, 3), 8)
    with pytest.raises(
        ImageError, match=r"cannot be decoded\. It is damaged or truncated|not an image in a supported format"
    ):
        read_image(content[: int(share * len(content))])


@pytest.mark.parametrize(
    ("content", "grey"),
    [
        (b"P1\n# of two rows\n3 2\n1 0 1\n0 1 0\n", [[0, 1, 0], [1, 0, 1]]),
        (b"P4\n3 2\n\xa0\x40", [[0, 1, 0], [1, 0, 1]]),
        (b"P2 3 1 15 0 5 15\n", [[0, 1 / 3, 1]]),
        (b"P5 3 1 100\n" + bytes([0, 50, 100]), [[0, 0.5, 1]]),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\x00\x01", [[0, 1]]),
    ],
)
def test_the_largest_value_of_a_netpbm_file_is_white(content: bytes, grey: list[list[float]]) -> None:
    np.testing.assert_allclose(read_image(content)[0], np.array(grey), atol=1e-7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P5 2 1 100\n" + bytes([1, 200]), "It has the sample 200, above its largest value 100"),
        (b"P5 2 1 255\n" + bytes(2) + b"P5 2 1 255\n" + bytes(2), "has several images, but a score needs one"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n" + bytes(5), "has 5 channels"),
    ],
)
def test_other_netpbm_files_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_image(content)


@pytest.mark.parametrize(
    "head", [b"P5 1 1 0\n", b"P2 1 1 65536\n", b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 0\nENDHDR\n"]
)
def test_a_netpbm_file_without_a_valid_largest_value_is_refused(head: bytes) -> None:
    """0 as white gives NaN."""
    with pytest.raises(ImageError, match=r"Its largest value is (0|65536), which must be from 1 to 65535"):
        read_image(head + (b"0\n" if head[1:2] == b"2" else bytes(1)))


def test_a_gif_of_one_frame_is_read_and_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(one := tmp_path / "one.gif")
    assert read_image(one)[:, 0, 0].tolist() == [1, 0, 0]
    frames[0].save(two := tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="has 2 images, but a score needs one"):
        read_image(two)


def test_jpeg_2000_with_a_palette_or_uneven_components_is_refused() -> None:
    content = jpeg_2000(samples(8, 3), 8)
    start = content.index(b"\xff\x4f\xff\x51") + 4 + 38
    uneven = content[: start + 3] + bytes([9]) + content[start + 4 :]
    with pytest.raises(ImageError, match="components of different sizes or depths"):
        read_image(uneven)
    signed = content[:start] + b"".join(bytes([0x87, 1, 1]) for _ in range(3)) + content[start + 9 :]
    with pytest.raises(ImageError, match="has signed samples"):
        read_image(signed)


def test_the_depth_of_jpeg_2000_is_that_of_its_codestream_not_of_another_box() -> None:
    content = jpeg_2000(samples(12, 3), 12)
    start = content.index(b"jp2c") - 4
    other = jpeg_2000(samples(8, 3), 8)
    decoy = other[other.index(b"\xff\x4f\xff\x51") :][:100]
    box = struct.pack(">I4s", 8 + len(decoy), b"free") + decoy
    np.testing.assert_array_equal(read_image(content[:start] + box + content[start:]), read_image(content))


def encoder_of_system(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOT RUN: {name} is not installed")
    return found


class TestEncodersOfUsers:
    """Files as cjxl and avifenc write them."""

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("more", [(), ("--container=1",)])
    def test_cjxl_lossless(self, tmp_path: Path, bits: int, more: tuple[str, ...]) -> None:
        values = samples(bits, 3)
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
        self.run("cjxl", tmp_path, "a.png", "a.jxl", "-d", "0", *more)
        np.testing.assert_array_equal(read_image(tmp_path / "a.jxl"), read_image(tmp_path / "a.png"))
        assert read_size(tmp_path / "a.jxl") == (21, 34)

    def test_avifenc_lossless(self, tmp_path: Path) -> None:
        Image.fromarray(samples(8, 3).astype(np.uint8)).save(tmp_path / "a.png")
        self.run("avifenc", tmp_path, "--lossless", "a.png", "a.avif")
        np.testing.assert_array_equal(read_image(tmp_path / "a.avif"), read_image(tmp_path / "a.png"))

    @pytest.mark.parametrize(
        ("turned", "options"),
        [(lambda x: np.rot90(x, 1, (1, 2)), ("--irot", "1")), (lambda x: x[:, ::-1], ("--imir", "0"))],
    )
    def test_avif_rotations_are_applied(
        self, tmp_path: Path, turned: Callable[[Samples], Samples], options: tuple[str, ...]
    ) -> None:
        Image.fromarray(samples(8, 3).astype(np.uint8)).save(tmp_path / "a.png")
        self.run("avifenc", tmp_path, "--lossless", *options, "a.png", "a.avif")
        np.testing.assert_array_equal(
            read_image(tmp_path / "a.avif"),
            turned(read_image(tmp_path / "a.png")),  # type: ignore[arg-type]
        )

    @pytest.mark.parametrize(
        ("program", "options"),
        [
            ("cjxl", ("a.png", "a.out.jxl", "-d", "0", "-x", "color_space=RGB_D65_202_Rel_PeQ")),
            ("avifenc", ("--cicp", "9/16/9", "a.png", "a.out.avif")),
        ],
    )
    def test_hdr_is_refused(self, tmp_path: Path, program: str, options: tuple[str, ...]) -> None:
        Image.fromarray(samples(8, 3).astype(np.uint8)).save(tmp_path / "a.png")
        self.run(program, tmp_path, *options)
        with pytest.raises(ImageError, match=r"9/16|PQ|HDR"):
            read_image(next(tmp_path.glob("a.out.*")))

    @staticmethod
    def run(program: str, folder: Path, *arguments: str) -> None:
        subprocess.run([encoder_of_system(program), *arguments], cwd=folder, capture_output=True, check=True)


def tiff(values: Samples, bits: int) -> bytes:
    tifffile.imwrite(file := io.BytesIO(), values, photometric="rgb", compression="zlib")
    return file.getvalue()


def by_pillow(format: str, **options: object) -> Callable[[Samples, int], bytes]:
    def encode(values: Samples, bits: int) -> bytes:
        Image.fromarray(values).save(file := io.BytesIO(), format, **options)
        return file.getvalue()

    return encode


LOSSLESS = {
    8: {**ENCODERS, "TIFF": tiff, "WebP": by_pillow("WEBP", lossless=True), "BMP": by_pillow("BMP")},
    16: {"JPEG 2000": jpeg_2000, "PAM": netpbm, "TIFF": tiff},
}


@pytest.mark.parametrize(("bits", "name"), [(bits, name) for bits, encoders in LOSSLESS.items() for name in encoders])
def test_a_lossless_round_trip_scores_exactly_0_against_the_png(bits: int, name: str, tmp_path: Path) -> None:
    values = np.asarray(data.astronaut()[:96, 100:212])
    if bits == 16:
        noise = np.random.default_rng(0).integers(0, 257, values.shape)
        values = (values.astype(np.uint32) * 256 + noise).clip(0, 65535).astype(np.uint16)
    write_png16(path := tmp_path / "a.png", values) if bits == 16 else Image.fromarray(values).save(
        path := tmp_path / "a.png"
    )
    found = Scorer("lite").score(path, LOSSLESS[bits][name](values, bits))
    assert found.score == 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.skipif(shutil.which("cjxl") is None, reason="cjxl is not installed")
def test_a_lossless_jpeg_xl_of_cjxl_scores_exactly_0_against_the_png(bits: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (80, 96, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    path = tmp_path / "a.png"
    write_png16(path, values) if bits == 16 else Image.fromarray(values).save(path)
    subprocess.run(["cjxl", path, tmp_path / "a.jxl", "-d", "0"], check=True, capture_output=True)
    assert Scorer("lite").score(path, tmp_path / "a.jxl").score == 0


def test_a_lossless_gif_scores_exactly_0_against_the_png(tmp_path: Path) -> None:
    palette = Image.fromarray(data.astronaut()[:96, 100:212]).quantize(64)
    palette.save(tmp_path / "a.png")
    palette.save(tmp_path / "a.gif")
    assert Scorer("lite").score(tmp_path / "a.png", tmp_path / "a.gif").score == 0


def test_heic_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    content = heic(samples(8, 3), 8)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        ImageError, match=r"is a HEIC file, which needs pillow-heif\. Run: pip install 'innersight\[heif\]'"
    ):
        read_image(content)


def test_heic_colours_and_frames() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    first = pillow_heif.from_pillow(Image.fromarray(samples(8, 3)))
    first.add_from_pillow(Image.fromarray(samples(8, 3, seed=1)))
    first.save(file := io.BytesIO(), quality=-1, chroma="444", matrix_coefficients=0, primary_index=1)
    content = file.getvalue()
    # pillow-heif stores several images with a rounding error.
    np.testing.assert_allclose(read_image(content), expected(samples(8, 3, seed=1), 8), atol=1.01 / 255)  # main image
    np.testing.assert_allclose(read_image(content, frame=0), expected(samples(8, 3), 8), atol=1.01 / 255)
    with pytest.raises(ImageError, match="the file has the frames 0 to 1"):
        read_image(content, frame=2)
