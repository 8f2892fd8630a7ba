"""An image is the same from a path, from bytes, from a file object and from an object of Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from image_files import GREY8, RGB8, RGB16, exif, read, write_png16
from innersight.errors import ArgumentError, ImageError
from innersight.io.image_sources import source_name
from innersight.io.images import read_image, read_size


def rgb_profile() -> bytes:
    """Red and blue exchanged: no file looks the same without it."""
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    data = bytearray(swapped)
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def write_files(folder: Path) -> list[Path]:
    """One file of each kind whose reading needs more than its 8-bit samples."""
    picture = Image.fromarray(RGB8)
    picture.save(folder / "plain.png")
    picture.save(folder / "photo.jpg", quality=80, exif=exif(6))
    picture.save(folder / "a.bmp")
    picture.save(folder / "a.webp", lossless=True)
    picture.save(folder / "a.tif", tiffinfo={0x0112: 8})
    picture.save(folder / "profile.png", icc_profile=rgb_profile())
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.quantize(8).save(folder / "palette.png", transparency=1)
    Image.fromarray(GREY8 > 100).save(folder / "bits.png")
    Image.fromarray(np.dstack((RGB8, GREY8))).save(folder / "alpha.png")
    return sorted(folder.iterdir())


def write_deep_files(folder: Path) -> list[Path]:
    """Files with 16 bits per sample."""
    write_png16(folder / "colour.png", RGB16)
    write_png16(folder / "alpha.png", np.dstack((RGB16, RGB16[..., :1])))
    tifffile.imwrite(folder / "colour.tif", RGB16, photometric="rgb")
    return sorted(folder.iterdir())


def test_bytes_and_file_objects_give_what_the_path_gives_fault_47(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for path in (*write_deep_files(tmp_path / "deep"), *write_files(tmp_path)):
        if path.is_dir():
            continue
        expected, content = read(path), path.read_bytes()
        with path.open("rb") as file:
            for source in (str(path), content, bytearray(content), memoryview(content), io.BytesIO(content), file):
                np.testing.assert_array_equal(read(source), expected, err_msg=f"{path.name}, {type(source).__name__}")


def test_an_opened_pil_image_gives_what_the_file_gives_fault_47(tmp_path: Path) -> None:
    for path in write_files(tmp_path):
        with Image.open(path) as image:
            np.testing.assert_array_equal(read(image), read(path), err_msg=path.name)
        with Image.open(path) as image:
            image.load()
            np.testing.assert_array_equal(read(image), read(path), err_msg=f"{path.name}, decoded")


def test_a_pil_image_is_left_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.jpg", exif=exif(6))
    with Image.open(path) as image:
        first = read(image)
        assert image.size == (7, 5)
        np.testing.assert_array_equal(read(image), first)


def test_a_pil_image_that_was_made_in_memory_is_read() -> None:
    np.testing.assert_array_equal(read(Image.fromarray(RGB8)), RGB8 / np.float32(255))
    deep = Image.fromarray(RGB16[..., 0])
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(read(deep)[..., 2], RGB16[..., 0] / np.float32(65535))


def test_a_pil_image_of_several_frames_is_its_current_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(RGB8), Image.fromarray(255 - RGB8)]
    frames[0].save(path := tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        image.seek(1)
        np.testing.assert_array_equal(read(image), (255 - RGB8) / np.float32(255))


def test_an_opened_image_that_pillow_would_cut_to_8_bits_is_refused(tmp_path: Path) -> None:
    write_png16(path := tmp_path / "a.png", RGB16)
    with (
        Image.open(path) as image,
        pytest.raises(ImageError, match=r"^The PIL image is a file with 16 bits .* Pass the path or the bytes"),
    ):
        read_image(image)


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_a_pil_image_without_a_defined_range_is_refused(mode: str) -> None:
    with pytest.raises(ImageError, match=r"^The PIL image has pixels of type .* no defined range"):
        read_image(Image.new(mode, (4, 4)))


def test_a_pil_image_without_pixels_or_whose_file_is_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^The PIL image has no pixels"):
        read_image(Image.new("RGB", (0, 4)))
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path := tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:4000])
    with Image.open(path) as image, pytest.raises(ImageError, match=r"^The PIL image cannot be decoded"):
        read_image(image)


def test_errors_of_images_in_memory_name_the_kind_of_object(tmp_path: Path) -> None:
    for source, name in ((b"a.png", "The bytes object"), (io.BytesIO(b"text"), "The file object")):
        with pytest.raises(ImageError, match=rf"^{name} is not an image in a supported format \(PNG, "):
            read_image(source)
    Image.fromarray(RGB8).save(path := tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"^The bytes object cannot be decoded\. It is damaged or truncated"):
        read_image(path.read_bytes()[:90])
    with pytest.raises(ImageError, match=r"^The PIL image has 7 x 5 pixels, more than the limit of 34"):
        read_image(Image.fromarray(RGB8), max_pixels=34)


def test_a_file_object_must_be_open_and_give_bytes(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.png")
    with pytest.raises(ArgumentError, match=r"^The file object must give bytes, but its read\(\) gave str\. Open it"):
        read_image(io.StringIO("text"))
    file = path.open("rb")
    file.close()
    with pytest.raises(ImageError, match=r"^The file object cannot be read: "):
        read_image(file)
    with path.open("ab") as written, pytest.raises(ImageError, match=r"^The file object cannot be read: "):
        read_image(written)


def test_a_file_object_is_read_from_its_position(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.png")
    file = io.BytesIO(b"header" + path.read_bytes())
    file.seek(6)
    np.testing.assert_array_equal(read(file), read(path))


def test_the_size_is_that_of_any_source_and_leaves_a_file_object_in_place(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(path := tmp_path / "a.png")
    file = io.BytesIO(b"header" + path.read_bytes())
    file.seek(6)
    for source in (path, str(path), path.read_bytes(), file, Image.open(path), RGB8, GREY8):
        assert read_size(source) == (5, 7)
    assert file.tell() == 6
    assert read_size(b"text") is None


def test_the_size_of_a_stream_that_cannot_go_back_is_unknown() -> None:
    class Stream(io.BytesIO):
        def tell(self) -> int:
            raise io.UnsupportedOperation("tell")

    assert read_size(Stream(b"")) is None


def test_a_tensor_is_refused_with_the_way_to_score_it() -> None:
    with pytest.raises(ArgumentError, match=r"but got Tensor\. Pass tensors to a metric of innersight\.create_metric"):
        read_image(torch.rand(3, 4, 4))


def test_names_for_messages() -> None:
    sources = ("a.png", Path("b.png"), b"", io.BytesIO(), Image.new("RGB", (1, 1)), RGB8)
    assert [source_name(source) for source in sources] == [
        "'a.png'", "'b.png'", "the bytes object", "the file object", "the PIL image", "the array",
    ]  # fmt: skip
