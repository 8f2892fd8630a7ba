"""Identical images are recognised by their bytes or by their pixels, and others are not."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from innersight.inference.identity import Fingerprint, pixel_digest, same_bytes, same_pixels


def draw(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 200, 300), dtype=np.float32)


def test_files_are_the_same_if_their_bytes_are(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)  # several chunks
    for name, data in (("a", content), ("b", content), ("c", content[:-1]), ("d", content[:-1] + b"\0"), ("e", b"")):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "link").symlink_to("b")
    a = tmp_path / "a"
    assert same_bytes(a, a)
    assert same_bytes(a, tmp_path / "b")
    assert same_bytes(a, str(tmp_path / "link"))
    assert not same_bytes(a, tmp_path / "c")
    assert same_bytes(a, tmp_path / "d") == (content[-1] == 0)
    assert not same_bytes(a, tmp_path / "e")


@pytest.mark.parametrize("other", ["missing", "a\0b", "\ud800", "", "."])
def test_a_path_that_cannot_be_read_is_not_the_same(tmp_path: Path, other: str) -> None:
    (tmp_path / "a").write_bytes(b"a")
    assert not same_bytes(tmp_path / "a", other)
    assert not same_bytes(other, tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_files_without_an_end_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "other")
    assert not same_bytes(tmp_path / "fifo", tmp_path / "other")
    assert not same_bytes("/dev/zero", Path("/dev/zero"))


def test_objects_in_memory_are_the_same_if_they_are_one_object_or_equal_bytes() -> None:
    image, file = draw(), io.BytesIO(b"a")
    assert same_bytes(image, image)
    assert same_bytes(file, file)
    assert same_bytes(b"a", b"a")
    assert not same_bytes(b"a", b"b")
    assert not same_bytes(image, image.copy())  # their pixels are compared after they are read
    assert not same_bytes(file, io.BytesIO(b"a"))
    assert not same_bytes(b"a", "a")


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 99, 151), (2, 199, 299)])
def test_one_changed_pixel_makes_another_image(place: tuple[int, int, int]) -> None:
    image, same, other = draw(), draw(), draw()
    other[place] += np.float32(1e-3)
    assert same_pixels(image, same)
    assert not same_pixels(image, other)
    assert Fingerprint.of(image).matches(same)
    assert not Fingerprint.of(image).matches(other)
    assert pixel_digest(image) == pixel_digest(same) != pixel_digest(other)


def test_images_of_two_shapes_are_different() -> None:
    image = np.zeros((3, 4, 6), dtype=np.float32)
    assert not same_pixels(image, image.reshape(3, 6, 4))
    assert not Fingerprint.of(image).matches(image.reshape(3, 6, 4))


def test_a_digest_of_all_pixels_is_only_computed_for_images_that_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = Fingerprint.of(draw())
    monkeypatch.setattr("innersight.inference.identity.pixel_digest", lambda _: 1 / 0)
    assert not fingerprint.matches(draw(1))
    with pytest.raises(ZeroDivisionError):
        fingerprint.matches(draw())
