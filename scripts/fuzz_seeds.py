"""Write one small image of each format and main variant: `python scripts/fuzz_seeds.py FOLDER`.

They are the inputs from which the search of the fuzzing targets `image` and `size` starts. Add them with
`python scripts/fuzz.py image --add FOLDER/*`. JPEG XL needs `cjxl` on the path, HEIC needs pillow-heif.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from icc import ADOBE_RGB, gamma_curve, rgb_profile  # noqa: E402
from png_files import write_png  # noqa: E402

HEIGHT, WIDTH = 9, 12
GREY = np.add.outer(np.arange(HEIGHT) * 13, np.arange(WIDTH) * 7).astype(np.uint8)
RGB = np.dstack((GREY, 255 - GREY, GREY[::-1]))
RGBA = np.dstack((RGB, GREY[:, ::-1]))
ICC = rgb_profile(ADOBE_RGB, gamma_curve(2.2)[::73])


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """Return an image in a format of Pillow."""
    image.save(file := io.BytesIO(), format, **options)
    return file.getvalue()


def frames(format: str, **options: object) -> bytes:
    """Return a file of two images."""
    both = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    return encoded(both[0], format, save_all=True, append_images=[both[1]], duration=100, **options)


def png(folder: Path) -> None:
    """Write PNG files of all depths, colour types and chunks with colours."""
    palette = {b"PLTE": bytes(range(48))}
    transparent = {**palette, b"tRNS": b"\0\x80"}
    for depth in (1, 2, 4, 8, 16):
        write_png(folder / f"grey-{depth}.png", GREY[..., None].astype(np.int32) % 2**depth, depth=depth, colour_type=0)
    for depth in (2, 8):
        write_png(folder / f"palette-{depth}.png", GREY[..., None] % 4, depth=depth, colour_type=3, chunks=palette)
    write_png(folder / "palette-alpha.png", GREY[..., None] % 4, depth=4, colour_type=3, chunks=transparent)
    for kind, samples in ((2, RGB), (4, RGB[..., :2]), (6, RGBA)):
        for depth in (8, 16):
            values = samples.astype(np.uint16) * (1 if depth == 8 else 257)
            write_png(folder / f"colour-{kind}-{depth}.png", values, depth=depth, colour_type=kind)
    write_png(folder / "interlaced.png", RGB, depth=8, colour_type=2, interlaced=True)
    write_png(folder / "interlaced-16.png", RGB.astype(np.uint16), depth=16, colour_type=2, interlaced=True)
    for name, chunk in {
        "cicp": {b"cICP": bytes((12, 13, 0, 1))},
        "gamma": {
            b"gAMA": struct.pack(">I", 100_000),
            b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        },
        "srgb": {b"sRGB": b"\0"},
        "text": {b"tEXt": b"Title\0a", b"iTXt": b"Title\0\0\0\0\0a"},
    }.items():
        write_png(folder / f"{name}.png", RGB, depth=8, colour_type=2, chunks=chunk)
    (folder / "icc.png").write_bytes(encoded(Image.fromarray(RGB), "PNG", icc_profile=ICC))
    (folder / "animated.png").write_bytes(frames("PNG"))


def pillow(folder: Path) -> None:
    """Write JPEG, WebP, AVIF, JPEG 2000, BMP and GIF files."""
    rgb, exif = Image.fromarray(RGB), Image.Exif()
    exif[0x0112] = 6
    grey, rgba, cmyk = Image.fromarray(GREY), Image.fromarray(RGBA), rgb.convert("CMYK")
    for name, content in {
        "baseline.jpg": encoded(rgb, "JPEG", quality=50),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "grey.jpg": encoded(grey, "JPEG"),
        "cmyk.jpg": encoded(cmyk, "JPEG"),
        "restart.jpg": encoded(rgb, "JPEG", restart_marker_blocks=1),
        "turned.jpg": encoded(rgb, "JPEG", exif=exif),
        "icc.jpg": encoded(rgb, "JPEG", icc_profile=ICC),
        "several.jpg": frames("MPO"),
        "lossy.webp": encoded(rgb, "WEBP"),
        "alpha.webp": encoded(rgba, "WEBP"),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True),
        "turned.webp": encoded(rgb, "WEBP", exif=exif, icc_profile=ICC),
        "animated.webp": frames("WEBP"),
        "8.avif": encoded(rgb, "AVIF"),
        "alpha.avif": encoded(rgba, "AVIF"),
        "animated.avif": frames("AVIF"),
        "8.jp2": encoded(rgb, "JPEG2000"),
        "alpha.jp2": encoded(rgba, "JPEG2000"),
        "bare.j2k": encoded(rgb, "JPEG2000", no_jp2=True),
        "tiles.jp2": encoded(rgb, "JPEG2000", tile_size=(8, 8)),
        "1.bmp": encoded(grey.convert("1"), "BMP"),
        "grey.bmp": encoded(grey, "BMP"),
        "rgb.bmp": encoded(rgb, "BMP"),
        "alpha.bmp": encoded(rgba, "BMP"),
        "one.gif": encoded(rgb, "GIF"),
        "transparent.gif": encoded(grey.convert("P"), "GIF", transparency=3),
        "animated.gif": frames("GIF"),
    }.items():
        (folder / name).write_bytes(content)
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, 14, 0, 0, 2, 0) + bytes((0, 0, 0, 0, 255, 255, 255, 0))
    rows = bytes((4, 1, 0, 0, 0, 4, 0, 1, 1, 0, 0, 0, 0, 1))
    start = 14 + len(head)
    (folder / "runs.bmp").write_bytes(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + rows)
    os2 = struct.pack("<IHHHH", 12, 4, 2, 1, 24)
    (folder / "os2.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 50, 0, 0, 26) + os2 + bytes(range(24)))


def codecs(folder: Path) -> None:
    """Write files of more than 8 bits: AVIF, JPEG 2000, HEIC."""
    deep = RGB.astype(np.uint16)
    for bits in (10, 12):
        (folder / f"{bits}.avif").write_bytes(imagecodecs.avif_encode(deep * 2, level=90, bitspersample=bits))
    (folder / "12.jp2").write_bytes(imagecodecs.jpeg2k_encode(deep * 16, level=0, reversible=True, bitspersample=12))
    (folder / "grey.jp2").write_bytes(imagecodecs.jpeg2k_encode(GREY, level=0, reversible=True))
    for name, mode, samples, bits in (
        ("8", "RGB", RGB, 8), ("10", "RGB;16", deep << 6, 10), ("alpha", "RGBA", RGBA, 8)
    ):  # fmt: skip
        opened = pillow_heif.from_bytes(mode, (WIDTH, HEIGHT), samples.tobytes())
        opened.save(file := io.BytesIO(), quality=80, bit_depth=bits)
        (folder / f"{name}.heic").write_bytes(file.getvalue())


def jpeg_xl(folder: Path) -> None:
    """Write JPEG XL files from the PNG and JPEG files in the folder."""
    for name, source, *options in (
        ("lossy", "colour-2-8.png", "-d", "2"),
        ("lossless", "colour-2-8.png", "-d", "0"),
        ("16", "colour-2-16.png", "-d", "0"),
        ("alpha", "colour-6-8.png", "-d", "0"),
        ("grey", "grey-8.png", "-d", "0"),
        ("container", "colour-2-8.png", "-d", "0", "--container=1"),
        ("icc", "icc.png", "-d", "0"),
        ("animated", "animated.png", "-d", "0"),
        ("from-jpeg", "baseline.jpg", "--lossless_jpeg=1"),
    ):
        command = ["cjxl", str(folder / source), str(folder / f"{name}.jxl"), "--quiet", *options]
        subprocess.run(command, check=True, capture_output=True)


def tiff(folder: Path) -> None:
    """Write TIFF files of strips and tiles, with all compressions that are usual."""
    deep = RGB.astype(np.uint16) * 257
    for name, samples, options in (
        ("strips", RGB, {"rowsperstrip": 4}),
        ("tiles", RGB, {"tile": (16, 16)}),
        ("16", deep, {}),
        ("big", RGB, {"bigtiff": True}),
        ("motorola", deep, {"byteorder": ">"}),
        ("planes", RGB.transpose(2, 0, 1), {"planarconfig": "separate"}),
        ("alpha", RGBA, {"extrasamples": ["unassalpha"]}),
        ("premultiplied", RGBA, {"extrasamples": ["assocalpha"]}),
        *((each, RGB, {"compression": each}) for each in ("lzw", "zlib", "packbits", "zstd", "lzma", "jpeg2000")),
        ("jpeg", RGB, {"compression": "jpeg", "compressionargs": {"level": 60}}),
        ("webp", RGB, {"compression": "webp"}),
        ("jpegxl", RGB, {"compression": "jpegxl"}),
        ("predictor", RGB, {"compression": "zlib", "predictor": True}),
        ("deep-lzw", deep, {"compression": "lzw", "predictor": True}),
        ("turned", RGB, {"extratags": [(0x0112, 3, 1, 6, True)]}),
        ("icc", RGB, {"iccprofile": ICC}),
    ):
        tifffile.imwrite(folder / f"{name}.tif", samples, photometric="rgb", metadata=None, **options)
    tifffile.imwrite(folder / "grey.tif", GREY, photometric="minisblack", metadata=None)
    tifffile.imwrite(folder / "inverse.tif", GREY, photometric="miniswhite", metadata=None)
    cmyk = np.asarray(Image.fromarray(RGB).convert("CMYK"))
    tifffile.imwrite(folder / "cmyk.tif", cmyk, photometric="separated", metadata=None)
    with tifffile.TiffWriter(folder / "pages.tif") as file:
        for page in (RGB, 255 - RGB):
            file.write(page, photometric="rgb", metadata=None)
    for name, image in (("fax", Image.fromarray(GREY).convert("1")), ("palette", Image.fromarray(GREY).convert("P"))):
        image.save(folder / f"{name}.tif", compression="group4" if name == "fax" else None)


def netpbm(folder: Path) -> None:
    """Write PBM, PGM, PPM and PAM files."""
    for name, content in {
        "plain.pbm": b"P1\n# two rows\n3 2\n1 0 1\n0 1 0\n",
        "plain.pgm": b"P2 3 1 15 0 5 15\n",
        "plain.ppm": b"P3 2 1 255 0 5 15 255 3 9\n",
        "raw.pbm": b"P4\n3 2\n\xa0\x40",
        "raw.pgm": b"P5 3 1 100\n\x00\x32\x64",
        "deep.pgm": b"P5 2 1 1023\n\x03\xff\x00\x10",
        "raw.ppm": b"P6 2 1 255\n" + bytes(6),
        "grey.pam": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\x00\x01",
        "alpha.pam": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(8),
    }.items():
        (folder / name).write_bytes(content)


def main() -> None:
    """Write all files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for write in (png, pillow, codecs, jpeg_xl, tiff, netpbm):
        write(folder)
    for path in folder.iterdir():
        if path.stat().st_size > 4096:
            print(f"{path.name} has {path.stat().st_size} bytes, more than an input of the search")


if __name__ == "__main__":
    main()
