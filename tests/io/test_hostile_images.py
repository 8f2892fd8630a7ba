"""Hostile image files are refused in one line, before they take memory: bombs, absurd sizes, empty files, cut files."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from innersight.errors import ImageError
from innersight.io.boxes import Properties
from innersight.io.images import read_image, read_size
from innersight.io.limits import PIXELS
from png_files import chunk

SIDE = 9460  # SIDE x SIDE pixels are a little more than the limit
KIB = 1024
MOST_MEMORY = 96  # MiB that a refusal takes; the images would take 256 MiB and more as bytes
NOISE = np.random.default_rng(0).integers(0, 256, (48, 65, 3), dtype=np.uint8)
SEEDS = Path(__file__).parent.parent / "fuzz" / "corpus" / "image.zip"
REFUSED = {f"animated.{suffix}" for suffix in ("avif", "gif", "jxl", "png", "webp")} | {"icc.jxl", "pages.tif"}
REFUSED.add("damaged-bits.avif")
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def seed(name: str) -> bytes:
    """Return one of the small images that the fuzzing search starts from."""
    with zipfile.ZipFile(SEEDS) as packed:
        return packed.read(name)


def png(width: int, height: int, *chunks: tuple[bytes, bytes], bits: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(*part) for part in parts)


def patched(content: bytes, mark: bytes, after: int, new: bytes) -> bytes:
    """Replace the bytes that start `after` bytes behind each mark."""
    found, position = bytearray(content), content.index(mark)
    while position >= 0:
        found[position + after : position + after + len(new)] = new
        position = content.find(mark, position + 1)
    return bytes(found)


def jpeg(width: int, height: int) -> bytes:
    return patched(seed("baseline.jpg"), b"\xff\xc0", 5, struct.pack(">HH", height, width))


def webp(width: int, height: int) -> bytes:
    packed = (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14
    return patched(seed("lossless.webp"), b"VP8L", 9, struct.pack("<I", packed))


def boxed(name: str, width: int, height: int) -> bytes:
    return patched(seed(name), b"ispe", 8, struct.pack(">II", width, height))


def jpeg_xl(width: int, height: int) -> bytes:
    bits = f"{0:01b}"  # the lowest bit comes first: no multiple of 8
    for side, last in ((height, False), (width, True)):
        bits += ("000" if last else "") + "11" + f"{side - 1 & 0x3FFFFFFF:030b}"[::-1]
    bits += "1"  # all other values are the defaults
    packed = bytes(int(bits[at : at + 8][::-1].rjust(8, "0"), 2) for at in range(0, len(bits), 8))
    return b"\xff\x0a" + packed + bytes(64)


def jpeg_2000(width: int, height: int) -> bytes:
    size = struct.pack(">II", width, height)
    once = patched(seed("bare.j2k"), b"\xff\x4f\xff\x51", 8, size)
    return patched(once, b"\xff\x4f\xff\x51", 24, size)  # one tile


def tiff(width: int, height: int, **options: object) -> bytes:
    tifffile.imwrite(file := io.BytesIO(), NOISE[:8, :8, 0], photometric="minisblack", metadata=None, **options)
    content = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        for tag, side in ((256, width), (257, height), (278, height)):
            place = opened.pages.first.tags[tag]
            content[place.offset + 2 : place.offset + 4] = struct.pack("<H", 4)  # 32 bits
            content[place.valueoffset : place.valueoffset + 4] = struct.pack("<I", side & 0xFFFFFFFF)
    return bytes(content)


def bmp(width: int, height: int) -> bytes:
    return patched(seed("rgb.bmp"), b"BM", 18, struct.pack("<ii", width, height))


def gif(width: int, height: int) -> bytes:
    size = struct.pack("<HH", width, height)
    return patched(patched(seed("one.gif"), b"GIF8", 6, size), b",\0\0\0\0", 5, size)


def netpbm(kind: int, width: int, height: int) -> bytes:
    if kind == 7:
        head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n"
    else:
        head = f"P{kind}\n{width} {height}\n" + ("" if kind in (1, 4) else "255\n")
    return head.encode() + b"0 1 0 1\n"


CLAIMS: dict[str, Callable[[int, int], bytes]] = {
    "PNG": png,
    "PNG, 16 bits": functools.partial(png, bits=16),
    "JPEG": jpeg,
    "WebP": webp,
    "AVIF": functools.partial(boxed, "8.avif"),
    "HEIC": functools.partial(boxed, "8.heic"),
    "JPEG XL": jpeg_xl,
    "JPEG 2000": jpeg_2000,
    "TIFF": tiff,
    "BigTIFF": functools.partial(tiff, bigtiff=True),
    "TIFF, Deflate": functools.partial(tiff, compression="zlib"),
    "BMP": bmp,
    "GIF": gif,
    **{f"P{kind}": functools.partial(netpbm, kind) for kind in range(1, 8)},
}
"""A small file of each format that claims a size."""

_READ_ALL = """
import json, resource, sys, warnings
from pathlib import Path
from innersight.errors import ImageError
from innersight.io.images import read_image
warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
def said(path):
    try:
        return list(read_image(path).shape)
    except ImageError as error:
        return str(error)
for path in sorted(folder.glob("small*")):
    said(path)
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
found, before = {}, most()
for path in sorted(folder.glob("bomb*")):
    found[path.name] = said(path)
    found[path.name], before = [found[path.name], most() - before], most()
print(json.dumps(found))
"""


def read_apart(folder: Path, bombs: dict[str, bytes]) -> dict[str, tuple[str, float]]:
    """Read files in a new process. Return the error of each, and the MiB by which it raised the peak of memory."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the unit of the peak differs")
    with zipfile.ZipFile(SEEDS) as packed:
        for name in ("colour-2-8.png", "icc.png", "colour-2-16.png", "icc.jpg", "lossy.webp", "8.avif", "8.heic",
                     "lossless.jxl", "8.jp2", "strips.tif", "rgb.bmp", "one.gif", "raw.ppm"):  # fmt: skip
            (folder / f"small-{name}").write_bytes(packed.read(name))  # what loads the libraries
    for number, content in enumerate(bombs.values()):
        (folder / f"bomb-{number:02}").write_bytes(content)
    command = [sys.executable, "-c", _READ_ALL, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    return {name: tuple(found[f"bomb-{number:02}"]) for number, name in enumerate(bombs)}


def test_a_file_that_claims_too_many_pixels_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    assert SIDE * SIDE > PIXELS
    bombs = {name: make(SIDE, SIDE) for name, make in CLAIMS.items()}
    assert max(map(len, bombs.values())) < 4 * KIB
    for name, (said, memory) in read_apart(tmp_path, bombs).items():
        refusal = f"has {SIDE} x {SIDE} pixels, more than the limit of 89,478,485. It can be a decompression bomb"
        assert (refusal if name != "HEIC" else "cannot be decoded") in said, name  # libheif compares two headers first
        assert memory < MOST_MEMORY, (name, memory)


def test_a_file_that_holds_too_many_pixels_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    white = Image.new("1", (SIDE, SIDE), 1)
    bombs = {}
    for name, format, options in (
        ("PNG", "PNG", {}), ("TIFF, Group 4", "TIFF", {"compression": "group4"}),
        ("TIFF, LZW", "TIFF", {"compression": "tiff_lzw"}), ("TIFF, Deflate", "TIFF", {"compression": "tiff_deflate"}),
    ):  # fmt: skip
        white.save(file := io.BytesIO(), format, **options)
        bombs[name] = file.getvalue()
    for name, (said, memory) in read_apart(tmp_path, bombs).items():
        assert f"has {SIDE} x {SIDE} pixels, more than the limit of 89,478,485" in said, name
        assert memory < MOST_MEMORY, (name, memory)


def test_compressed_texts_and_profiles_of_a_png_take_no_memory(tmp_path: Path) -> None:
    """200 MB of zeros are 200 KB in a chunk. The pixels of 10 x 9 are all there, in 8 and in 16 bits."""
    packer = zlib.compressobj(9)
    zeros = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    bombs = {}
    for bits in (8, 16):
        pixels = zlib.compress(bytes((1 + 10 * bits // 8) * 9))
        head = (b"IHDR", struct.pack(">IIBBBBB", 10, 9, bits, 0, 0, 0, 0))
        for name, bomb in {
            "zTXt": (b"zTXt", b"Title\0\0" + zeros),
            "iTXt": (b"iTXt", b"Title\0\1\0\0\0" + zeros),
            "iCCP": (b"iCCP", b"name\0\0" + zeros),
        }.items():
            for place, parts in {
                "before": (head, bomb, (b"IDAT", pixels)), "after": (head, (b"IDAT", pixels), bomb)
            }.items():  # fmt: skip
                content = SIGNATURE + b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))
                bombs[f"{name} {place} {bits}"] = content
    for name, (said, memory) in read_apart(tmp_path, bombs).items():
        assert said == [3, 9, 10] or "cannot be decoded. It is damaged or truncated" in said, (name, said)
        assert memory < MOST_MEMORY, (name, memory)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_huge_profile_that_is_none_is_one_line(format: str) -> None:
    Image.fromarray(NOISE).save(file := io.BytesIO(), format, icc_profile=bytes(900 * KIB))
    with pytest.raises(ImageError, match="has an ICC profile that cannot be used"):
        read_image(file.getvalue())


def test_a_tile_that_is_much_larger_than_the_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(file := io.BytesIO(), NOISE[:16, :16, 0], tile=(16, 16), compression="zlib", metadata=None)
    content = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        for tag in (322, 323):
            place = opened.pages.first.tags[tag]
            content[place.offset + 2 : place.offset + 4] = struct.pack("<H", 4)
            content[place.valueoffset : place.valueoffset + 4] = struct.pack("<I", 60_000)
    said, memory = read_apart(tmp_path, {"tile": bytes(content)})["tile"]
    assert "an image of 16 x 16 in a tile of 60000 x 60000. It can be a decompression bomb" in said
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize(
    "size",
    [(0, 0), (0, 9), (9, 0), (65535, 65535), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (-5, -5), (-(2**31), 5)],
)
def test_an_absurd_size_is_one_line(name: str, size: tuple[int, int]) -> None:
    try:
        content = CLAIMS[name](*size)
    except struct.error:
        pytest.skip("the fields of this format do not hold this size")
    with warnings.catch_warnings(), pytest.raises(ImageError) as caught:
        warnings.simplefilter("ignore")
        read_image(content)
    assert str(caught.value).isprintable()
    found = read_size(content)
    assert found is None or min(found) >= 0


def test_a_bitmap_that_starts_at_its_top_has_a_negative_height() -> None:
    upright = bmp(12, -9)
    np.testing.assert_array_equal(read_image(upright), read_image(seed("rgb.bmp"))[:, ::-1])


@pytest.mark.parametrize("content", [b"", *(bytes([byte]) for byte in (0, 10, 80, 255)), bytes(KIB), b"\xff" * KIB])
def test_a_file_of_no_or_equal_bytes_is_no_image(content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "a.png").write_bytes(content)
    for source in (content, path):
        with pytest.raises(ImageError, match="is not an image in a supported format"):
            read_image(source)
        assert read_size(source) is None


def large(format: str) -> bytes:
    """Return an image of several KiB."""
    match format:
        case "JPEG XL":
            content: bytes = imagecodecs.jpegxl_encode(NOISE, lossless=True)
        case "HEIC":
            pillow_heif = pytest.importorskip("pillow_heif")
            opened = pillow_heif.from_bytes("RGB", (65, 48), NOISE.tobytes())
            opened.save(file := io.BytesIO(), quality=90)
            content = file.getvalue()
        case "PAM":
            content = b"P7\nWIDTH 65\nHEIGHT 48\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + NOISE.tobytes()
        case "BigTIFF":
            tifffile.imwrite(file := io.BytesIO(), NOISE, photometric="rgb", bigtiff=True, compression="zlib")
            content = file.getvalue()
        case _:
            Image.fromarray(NOISE).save(file := io.BytesIO(), format, quality=95)
            content = file.getvalue()
    assert len(content) > 2 * KIB
    return content


@pytest.mark.parametrize(
    "format",
    ["PNG", "JPEG", "WEBP", "AVIF", "JPEG XL", "JPEG2000", "TIFF", "BigTIFF", "BMP", "GIF", "HEIC", "PPM", "PAM"],
)
def test_a_file_that_is_cut_at_any_kilobyte_is_refused_or_whole(format: str) -> None:
    content = large(format)
    whole = read_image(content)
    refused = 0
    for cut in {*range(0, len(content), KIB), *(len(content) - end for end in range(1, 12))}:
        try:
            found = read_image(content[:cut])
        except ImageError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, whole, err_msg=f"{cut} of {len(content)}")
    assert refused >= len(content) // KIB


def _names() -> list[str]:
    with zipfile.ZipFile(SEEDS) as packed:
        return sorted(name for name in packed.namelist() if "." in name)


@pytest.mark.parametrize("name", _names())
def test_a_small_file_that_is_cut_anywhere_is_refused_or_whole(name: str) -> None:
    """In a plain Netpbm file the last number can be cut, which nobody can see: it is left out here."""
    content = seed(name)
    whole = None if name in REFUSED else read_image(content)
    for cut in range(0, len(content), max(1, len(content) // 24)):
        try:
            found = read_image(content[:cut])
        except ImageError:
            continue
        if name.startswith("plain.") and content[cut:].strip().isdigit():
            continue
        assert whole is not None
        np.testing.assert_array_equal(found, whole, err_msg=f"{cut} of {len(content)}")


def test_an_avif_file_that_states_fewer_bits_than_its_samples_have_is_damaged() -> None:
    """Found by fuzzing: samples above the stated white gave pixels above 1."""
    with pytest.raises(ImageError, match=r"is damaged\. It has the sample 2057, above its largest value 1023"):
        read_image(seed("damaged-bits.avif"))


@pytest.mark.parametrize("bits", [None, 8, 16])
def test_an_avif_file_of_many_bits_must_state_them(monkeypatch: pytest.MonkeyPatch, bits: int | None) -> None:
    monkeypatch.setattr("innersight.io.avif.primary_properties", lambda _: Properties(bits, None))
    with pytest.raises(ImageError, match="It does not state whether its samples have 10 or 12 bits"):
        read_image(seed("10.avif"))
    assert read_image(seed("8.avif")).shape == (3, 9, 12)
