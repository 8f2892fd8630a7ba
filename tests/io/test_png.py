"""The chunks of a PNG file are checked, and its colours are those that it states."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from skimage import data

import innersight
from innersight import read_image
from innersight.errors import ImageError

PHOTOGRAPH = np.ascontiguousarray(data.coffee()[:60, :80])


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(samples: Any = PHOTOGRAPH, *chunks: bytes) -> bytes:
    """A PNG file with further chunks before its pixels."""
    plain = bytes(imagecodecs.png_encode(samples))
    return plain[:33] + b"".join(chunks) + plain[33:]


CHRM_2020 = struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
GAMMA_1 = chunk(b"gAMA", struct.pack(">I", 100_000))
GAMMA_SRGB = chunk(b"gAMA", struct.pack(">I", 45_455))


class TestColours:
    @pytest.mark.parametrize(
        "chunks",
        [
            (),
            (GAMMA_SRGB,),
            (chunk(b"sRGB", b"\0"), GAMMA_1),
            (chunk(b"cICP", bytes((1, 13, 0, 1))), chunk(b"cHRM", CHRM_2020)),
            (chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),),
        ],
    )
    @pytest.mark.parametrize("depth", [8, 16])
    def test_srgb_is_read_to_the_last_bit_fault_3(self, chunks: tuple[bytes, ...], depth: int) -> None:
        samples = PHOTOGRAPH if depth == 8 else PHOTOGRAPH.astype(np.uint16) * 256 + 77
        assert np.array_equal(read_image(png(samples, *chunks)), read_image(samples))

    def test_linear_light_scores_as_the_same_picture_in_srgb_fault_3(self) -> None:
        x = PHOTOGRAPH / 255.0
        light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
        linear = png((light * 65535).round().astype(np.uint16), GAMMA_1)
        np.testing.assert_allclose(read_image(linear), read_image(PHOTOGRAPH), atol=2e-3)
        assert innersight.score(PHOTOGRAPH, linear) < 0.4
        assert innersight.score(PHOTOGRAPH, png((light * 65535).round().astype(np.uint16))) > 5

    @pytest.mark.parametrize(
        "chunks",
        [
            (chunk(b"cHRM", CHRM_2020),),
            (chunk(b"cICP", bytes((12, 13, 0, 1))),),
            (chunk(b"cICP", bytes((9, 14, 0, 1))), chunk(b"sRGB", b"\0")),
            (GAMMA_1,),
        ],
    )
    @pytest.mark.parametrize("depth", [8, 16])
    def test_other_colours_are_converted_fault_3(self, chunks: tuple[bytes, ...], depth: int) -> None:
        samples = PHOTOGRAPH if depth == 8 else PHOTOGRAPH.astype(np.uint16) * 257
        found = read_image(png(samples, *chunks))
        assert np.abs(found - read_image(samples)).max() > 0.02
        np.testing.assert_allclose(found, read_image(png(PHOTOGRAPH, *chunks)), atol=1e-6)

    def test_an_alpha_channel_stays_as_it_is(self) -> None:
        samples = np.dstack((PHOTOGRAPH, np.full((60, 80), 100, np.uint8)))
        found = read_image(png(samples, GAMMA_1), background=(0.0, 0.0, 0.0))
        np.testing.assert_allclose(found, read_image(png(PHOTOGRAPH, GAMMA_1)) * (100 / 255), atol=1e-6)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ((9, 16, 0, 1), r"HDR colours \(PQ\)"),
            ((9, 18, 0, 1), r"HDR colours \(HLG\)"),
            ((1, 13, 0, 0), "narrow range"),
            ((1, 13, 1, 1), "matrix 1 in its cICP"),
            ((200, 13, 0, 1), "200/13 of ITU-T H.273"),
        ],
    )
    def test_colours_without_a_rule_are_refused_fault_3(self, content: tuple[int, ...], message: str) -> None:
        with pytest.raises(ImageError, match=message):
            read_image(png(PHOTOGRAPH, chunk(b"cICP", bytes(content))))

    def test_cicp_takes_precedence_over_a_profile(self) -> None:
        profile = b"x\0\0" + zlib.compress(b"no profile")
        with pytest.raises(ImageError, match="ICC profile that cannot be used"):
            read_image(png(PHOTOGRAPH, chunk(b"iCCP", profile)))
        both = png(PHOTOGRAPH, chunk(b"iCCP", profile), chunk(b"cICP", bytes((1, 13, 0, 1))))
        assert np.array_equal(read_image(both), read_image(PHOTOGRAPH))

    def test_a_file_that_pillow_opened_has_the_colours_of_its_chunks(self) -> None:
        content = png(PHOTOGRAPH, GAMMA_1)
        np.testing.assert_array_equal(read_image(Image.open(io.BytesIO(content))), read_image(content))


class TestDamage:
    @pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND", b"gAMA"])
    def test_a_wrong_checksum_is_an_error_fault_42(self, kind: bytes) -> None:
        content = bytearray(png(PHOTOGRAPH, GAMMA_SRGB))
        start = content.rindex(kind)
        (size,) = struct.unpack(">I", content[start - 4 : start])
        content[start + 4 + size] ^= 1
        with pytest.raises(ImageError, match="cannot be decoded") as error:
            read_image(bytes(content))
        assert f"the checksum of {kind.decode()} is wrong" in str(error.value)

    @pytest.mark.parametrize("zeroed", [4, 12, 13, 20, 100])
    def test_a_zeroed_tail_is_an_error_fault_42(self, zeroed: int) -> None:
        content = png(PHOTOGRAPH[:4, :4])
        with pytest.raises(ImageError, match="cannot be decoded"):
            read_image(content[: -min(zeroed, len(content) - 60)] + bytes(min(zeroed, len(content) - 60)))

    def test_a_file_that_is_cut_anywhere_is_an_error(self) -> None:
        content = png(PHOTOGRAPH[:6, :6], GAMMA_SRGB)
        for length in range(8, len(content)):
            with pytest.raises(ImageError):
                read_image(content[:length])

    @NEEDS_PROC
    def test_what_follows_the_end_is_not_read_fault_41(self, tmp_path: Path) -> None:
        path = tmp_path / "long.png"
        path.write_bytes(png(PHOTOGRAPH.astype(np.uint16) * 257))
        with path.open("r+b") as file:
            file.truncate(1000 << 20)  # a sparse file, within the limit of 1 GiB
        code = (
            "import sys; from innersight import read_image; read_image(sys.argv[1]);"
            "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert int(done.stdout) < 400_000  # KiB

    @NEEDS_PROC
    @pytest.mark.thorough
    def test_a_large_image_takes_the_memory_that_is_foreseen_fault_41(self, tmp_path: Path) -> None:
        from innersight.inference.planned_run import _BYTES_PER_PIXEL

        side = 9450
        head = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
        packed = zlib.compressobj(9)
        row = bytes(1 + 8 * side)
        pixels = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
        (tmp_path / "large.png").write_bytes(content)
        code = (
            "import sys; from innersight import read_image; read_image(sys.argv[1]);"
            "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "large.png"], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) * 1024 < 1.1 * _BYTES_PER_PIXEL * side * side + (100 << 20)
