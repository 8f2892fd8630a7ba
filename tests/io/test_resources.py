"""Too little memory and too many open files are never reported as damage of an image."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from skimage import data

from innersight import ImageError, Scorer, read_image, score_pairs
from innersight.io import images
from innersight.io.resources import check_resources

LIMITED = """
import json, os, resource, sys
from pathlib import Path
from innersight.errors import ImageError
from innersight.io.images import read_image

path, found = Path(sys.argv[1]), []
read_image(path)  # loads the decoder
for mebibytes in range(28):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (mebibytes << 20), resource.RLIM_INFINITY))
    try:
        read_image(path)
        said = "read"
    except (ImageError, MemoryError) as error:
        said = f"{type(error).__name__}: {error}"
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found.append(said)
print(json.dumps(found))
"""
"""Reads a file with more and more memory."""


def _by_pillow(suffix: str, **options: object) -> Callable[[Path, Image.Image], object]:
    return lambda path, image: image.save(path.with_suffix(suffix), **options)  # type: ignore[arg-type]


def _bytes(suffix: str, encode: Callable[[np.ndarray], bytes]) -> Callable[[Path, Image.Image], object]:
    return lambda path, image: path.with_suffix(suffix).write_bytes(encode(np.asarray(image)))


FILES = {
    "png": _by_pillow(".png"),
    "png with alpha": lambda path, image: image.convert("RGBA").save(path.with_suffix(".png")),
    "png of 16 bits": _bytes(".png", lambda pixels: imagecodecs.png_encode(pixels.astype(np.uint16) * 257)),
    "jpeg": _by_pillow(".jpg"),
    "webp": _by_pillow(".webp"),
    "avif": _by_pillow(".avif"),
    "avif of 10 bits": _bytes(
        ".avif", lambda pixels: imagecodecs.avif_encode(pixels.astype(np.uint16) * 4, bitspersample=10)
    ),
    "jpeg 2000": _by_pillow(".jp2"),
    "jpeg xl": _bytes(".jxl", lambda pixels: imagecodecs.jpegxl_encode(pixels)),
    "tiff": _by_pillow(".tif", compression="tiff_lzw"),
    "gif": _by_pillow(".gif"),
    "bmp": _by_pillow(".bmp"),
    "ppm": _by_pillow(".ppm"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory, and reads /proc")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough if "10 bits" in name else ()) for name in FILES]
)
def test_too_little_memory_is_a_memory_error_in_each_format(tmp_path: Path, name: str) -> None:
    """The image has 350,000 pixels, which take 4.2 MB as float32."""
    FILES[name](tmp_path / "a", Image.fromarray(data.astronaut()).resize((700, 500)))
    (path,) = tmp_path.iterdir()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, timeout=300, check=True
    )
    found = json.loads(done.stdout)
    assert set(found) == {"read", f"MemoryError: too little memory to read '{path}'", *_of_python(found)}
    assert found[-1] == "read"


def _of_python(found: list[str]) -> set[str]:
    """Memory errors after the decoding: those of Python and numpy."""
    return {said for said in found if said == "MemoryError: " or said.startswith("MemoryError: Unable to allocate")}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_are_the_error_of_the_system(number: int) -> None:
    error = OSError(number, os.strerror(number))
    with pytest.raises(OSError, match="Too many open files") as found:
        check_resources(error, "'a.png'")
    assert found.value is error


def test_the_system_without_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match=r"too little memory to read 'a\.png'"):
        check_resources(OSError(errno.ENOMEM, "Cannot allocate memory"), "'a.png'", 4)


def test_other_errors_are_left_to_the_caller() -> None:
    check_resources(ValueError("no valid header"), "'a.png'")
    check_resources(OSError(errno.EIO, "Input/output error"), "'a.png'", 4)


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_neither_is_the_error_of_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Else, --resume would keep the error of a file that is sound."""
    path = tmp_path / "a.png"
    Image.fromarray(data.chelsea()).save(path)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(images, "check_complete", fail)
    with pytest.raises(type(error)):
        list(score_pairs([(path, path)], {"lite": Scorer("lite")}))


def test_an_error_without_a_reason_is_damage_while_there_is_memory(tmp_path: Path) -> None:
    (tmp_path / "a.webp").write_bytes(b"RIFF\x20\0\0\0WEBPVP8 " + bytes(20))
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.webp")
