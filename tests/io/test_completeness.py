"""Truncated files are refused, whatever the flag of Pillow, and JPEG files with very many scans too."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from innersight import read_image
from innersight.errors import ImageError
from innersight.io.completeness import MOST_SCANS

NOISE = np.random.default_rng(0).integers(0, 256, (64, 65, 3), dtype=np.uint8)
FILES = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_blocks": 1}),
    ("PNG", {}),
    ("BMP", {}),
    ("GIF", {}),
    ("WEBP", {}),
    ("TIFF", {}),
    ("AVIF", {}),
    ("JPEG2000", {}),
    ("PPM", {}),
]


def encode(format: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("loads_truncated", [False, True])
@pytest.mark.parametrize(("format", "options"), FILES)
def test_a_truncated_file_fault_11(
    format: str, options: dict[str, object], loads_truncated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", loads_truncated)
    data = encode(format, **options)
    whole = read_image(data)
    assert whole.shape == (3, 64, 65)
    for cut in (len(data) // 2, len(data) - 40, len(data) - 2):
        with pytest.raises(ImageError, match=r"damaged or truncated|not an image in a supported format"):
            read_image(data[:cut])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_truncated_bitmap_fault_11(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encode("BMP", mode)
    read_image(data)
    with pytest.raises(ImageError, match="its end is missing"):
        read_image(data[:-5])
    np.testing.assert_array_equal(read_image(data[:-1]), read_image(data))  # only the padding of the last row is cut


def test_what_follows_the_end_is_ignored() -> None:
    for format in ("JPEG", "BMP", "GIF"):
        data = encode(format)
        np.testing.assert_array_equal(read_image(data + b"\0" * 99), read_image(data))


def test_a_gif_without_its_trailer_is_complete() -> None:
    data = encode("GIF")
    np.testing.assert_array_equal(read_image(data[:-1]), read_image(data))


def with_scans(count: int) -> bytes:
    """Return a grey JPEG file whose only scan is repeated."""
    data = encode("JPEG", "L", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


def test_very_many_scans_fault_41() -> None:
    assert with_scans(1).count(b"\xff\xda") < 20
    with pytest.raises(ImageError, match="more than 100 scans, which take long to decode"):
        read_image(with_scans(MOST_SCANS + 1))
    read_image(with_scans(2))
