"""Arrays are read by their dtype, and what has no defined meaning is refused."""

from __future__ import annotations

import numpy as np
import pytest

from image_files import GREY8, RGB8, RGB16, read
from innersight.errors import ArgumentError
from innersight.io.images import read_image, read_size

ALPHA8 = np.full((5, 7, 1), 51, dtype=np.uint8)


def test_integers_are_divided_by_their_largest_value() -> None:
    np.testing.assert_array_equal(read(RGB8), RGB8.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(read(RGB16), RGB16.astype(np.float32) / np.float32(65535))
    np.testing.assert_array_equal(read(RGB16.astype(">u2")), read(RGB16))  # the order of the bytes does not matter


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_values(dtype: type) -> None:
    values = np.random.default_rng(0).random((5, 7, 3)).astype(dtype)
    values[0, 0] = [0, 1, 0.5]
    np.testing.assert_array_equal(read(values), values.astype(np.float32))


def test_grey_gets_three_channels() -> None:
    expected = np.repeat(GREY8[..., None], 3, axis=2) / np.float32(255)
    np.testing.assert_array_equal(read(GREY8), expected)
    np.testing.assert_array_equal(read(GREY8[..., None]), expected)


@pytest.mark.parametrize("scale", [1, 257, 1 / 255])
def test_the_fourth_channel_is_alpha(scale: float) -> None:
    array = np.concatenate((RGB8, ALPHA8), axis=2).astype(float) * scale
    array = array.astype({1: np.uint8, 257: np.uint16}.get(scale, np.float64))
    np.testing.assert_allclose(read(array), 0.2 * RGB8 / 255 + 0.8, atol=1e-6)
    np.testing.assert_allclose(read(array, background=(0, 0, 0)), 0.2 * RGB8 / 255, atol=1e-6)


def test_the_result_shares_no_memory_with_the_array_and_any_strides_are_read() -> None:
    planes = np.random.default_rng(0).random((3, 5, 7), dtype=np.float32)
    image = read_image(planes.transpose(1, 2, 0))
    np.testing.assert_array_equal(image, planes)
    assert not np.shares_memory(image, planes)
    assert image.flags.writeable
    np.testing.assert_array_equal(read(RGB8[::-1, ::2, ::-1]), read(RGB8)[::-1, ::2, ::-1])


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [
        (0, 255, "Divide it by the value of white, such as 255"),
        (0, 4095, "Divide it by the value of white, such as 65535"),
        (-1, 1, r"These look like -1\.\.1"),
        (-0.01, 1, r"use array\.clip\(0, 1\)"),
        (0, 1.000001, r"use array\.clip\(0, 1\)"),
        (-2.1, 2.6, "Undo any normalisation"),
        (0, np.nan, "It has NaN or infinite values"),
        (0, np.inf, "It has NaN or infinite values"),
    ],
)
def test_floats_outside_0_and_1_are_refused(low: float, high: float, step: str) -> None:
    array = np.full((4, 4, 3), 0.5)
    array[0, 0, 0], array[1, 1, 1] = low, high
    with pytest.raises(ArgumentError, match=rf"^An image array of floats must hold values in \[0, 1\], .*{step}"):
        read_image(array)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int32, np.int64, np.uint32, np.float16, complex, object])
def test_other_types_are_refused(dtype: type) -> None:
    with pytest.raises(ArgumentError, match=r"^An image array must be uint8, uint16, or float32 or float64"):
        read_image(np.zeros((4, 4, 3), dtype=dtype))


@pytest.mark.parametrize(
    ("shape", "step"),
    [
        ((3, 5, 7), r"Channels come last: array\.transpose\(1, 2, 0\)"),
        ((5, 7, 2), "Composite grey with alpha"),
        ((2, 5, 7, 3), r"one by one: array\[0\]"),
        ((5,), "Pass one image"),
        ((5, 7, 5), "Pass one image"),
        ((0, 7, 3), "must not be empty"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], step: str) -> None:
    for function in (read_image, read_size):
        with pytest.raises(ArgumentError, match=rf"^An image array .*{step}"):
            function(np.zeros(shape, dtype=np.uint8))


def test_masked_arrays_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"must not be masked\. Use array\.filled"):
        read_image(np.ma.masked_equal(RGB8, 3))
