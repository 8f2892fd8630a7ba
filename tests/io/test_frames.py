"""One of several images of a file."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from innersight import Scorer, read_image
from innersight.errors import ArgumentError, ImageError

FRAMES = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3), dtype=np.uint8).repeat(6, 1).repeat(6, 2)


def pillow_file(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.fromarray(frame) for frame in FRAMES]
    first.save(file, format, save_all=True, append_images=others, **options)
    return file.getvalue()


def tiff_file() -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for frame in FRAMES:
            writer.write(frame, photometric="rgb")
            writer.write(frame[::2, ::2], photometric="rgb", subfiletype=1)
    return file.getvalue()


def jpeg_xl_file() -> bytes:
    if shutil.which("cjxl") is None:
        pytest.skip("cjxl is not installed")
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "a.png").write_bytes(pillow_file("PNG", duration=100))
        subprocess.run(["cjxl", path, Path(folder) / "a.jxl", "-d", "0"], check=True, capture_output=True)
        return (Path(folder) / "a.jxl").read_bytes()


FILES = {
    "gif": (lambda: pillow_file("GIF"), 0.2),
    "png": (lambda: pillow_file("PNG"), 1e-6),
    "webp": (lambda: pillow_file("WEBP", lossless=True), 1e-6),
    "avif": (lambda: pillow_file("AVIF", quality=100, subsampling="4:4:4"), 0.02),
    "jxl": (jpeg_xl_file, 1e-6),
    "tiff": (tiff_file, 1e-6),
}


@pytest.mark.parametrize("kind", FILES)
class TestFile:
    def test_needs_the_number_of_a_frame(self, kind: str) -> None:
        with pytest.raises(
            ImageError,
            match=r"(3 images|an animation), but a score needs one.*Choose one, from 0: `innersight score --frame 0`",
        ):
            read_image(FILES[kind][0]())

    def test_each_frame(self, kind: str) -> None:
        data, tolerance = FILES[kind][0](), FILES[kind][1]
        for number, frame in enumerate(FRAMES):
            found = read_image(data, frame=number).transpose(1, 2, 0)
            np.testing.assert_allclose(found, frame / 255, atol=tolerance)

    def test_a_number_beyond_the_last(self, kind: str) -> None:
        with pytest.raises(
            ImageError, match="Frame 3 of the bytes object cannot be read: the file has the frames 0 to 2"
        ):
            read_image(FILES[kind][0](), frame=3)


def test_a_file_of_one_image_has_the_frame_0(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "tif", "bmp", "ppm", "jxl", "avif"):
        path = tmp_path / f"a.{suffix}"
        if suffix == "jxl":
            path.write_bytes(imagecodecs.jpegxl_encode(FRAMES[0], lossless=True))
        else:
            Image.fromarray(FRAMES[0]).save(path)
        np.testing.assert_array_equal(read_image(path, frame=0), read_image(path))
        with pytest.raises(
            ImageError, match=rf"Frame 1 of '.*a\.{suffix}' cannot be read: the file has only the frame 0"
        ):
            read_image(path, frame=1)


def test_the_second_picture_of_a_multi_picture_jpeg(tmp_path: Path) -> None:
    pictures = [Image.fromarray(frame) for frame in FRAMES]
    pictures[0].save(path := tmp_path / "a.jpg", format="MPO", save_all=True, append_images=pictures[1:], quality=100)
    assert np.abs(read_image(path, frame=1).transpose(1, 2, 0) - FRAMES[1] / 255).mean() < 0.15
    assert np.abs(read_image(path, frame=1).transpose(1, 2, 0) - FRAMES[0] / 255).mean() > 0.2


@pytest.mark.parametrize("frame", [-1, True, 1.0, "0"])
def test_what_is_no_number(frame: object) -> None:
    with pytest.raises(ArgumentError, match="Argument `frame` must be an integer from 0"):
        read_image(pillow_file("PNG"), frame=frame)  # type: ignore[arg-type]


def test_the_limit_of_pixels_is_that_of_one_frame() -> None:
    data = pillow_file("GIF")
    assert read_image(data, frame=1, max_pixels=48 * 48).shape == (3, 48, 48)
    with pytest.raises(ImageError, match="its 3 frames of 48 x 48 have more pixels than the limit of 2,304"):
        read_image(pillow_file("AVIF"), frame=1, max_pixels=48 * 48)


def test_a_frame_that_is_larger_than_the_first_counts_with_its_size() -> None:
    """The frames of a GIF can be larger than its screen, which Pillow then enlarges."""
    data = bytearray(pillow_file("GIF"))
    places = [at for at in range(len(data) - 9) if data[at : at + 9] == b",\0\0\0\0\x30\0\x30\0"]
    assert len(places) == 3
    data[places[1] + 5 : places[1] + 9] = (500).to_bytes(2, "little") * 2
    assert read_image(bytes(data), frame=0, max_pixels=48 * 48).shape == (3, 48, 48)
    with pytest.raises(ImageError, match="has 500 x 500 pixels, more than the limit of 2,304"):
        read_image(bytes(data), frame=1, max_pixels=48 * 48)


def test_one_file_object_as_both_images() -> None:
    file = io.BytesIO(pillow_file("PNG"))
    assert Scorer("lite").score(file, file, frame=0).score == 0


def test_an_array_has_no_frames() -> None:
    with pytest.raises(ArgumentError, match="Argument `frame` needs an image file, but got the array"):
        read_image(FRAMES[0], frame=0)


def test_a_score_of_frames(tmp_path: Path) -> None:
    (path := tmp_path / "a.png").write_bytes(pillow_file("PNG"))
    scorer = Scorer("lite")
    assert scorer.score(path, path, frame=1).score == 0
    other = tmp_path / "b.gif"
    other.write_bytes(pillow_file("GIF"))
    expected = scorer(read_image(path, frame=1).transpose(1, 2, 0), read_image(other, frame=1).transpose(1, 2, 0))
    assert scorer.score(path, other, frame=1).score == pytest.approx(expected, abs=1e-5)
    assert scorer.score(scorer.reference(FRAMES[1]), path, frame=1).score == 0
