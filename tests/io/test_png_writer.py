"""A PNG file of an image holds it without loss, with the fewest bits that do."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from innersight.io.images import read_picture
from innersight.io.png_writer import png_of

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_come_back_with_their_depth(channels: int, dtype: Any) -> None:
    image = DRAW.integers(0, np.iinfo(dtype).max, (5, 7, channels), dtype=dtype)
    picture = read_picture(image)
    data = png_of(picture)
    again = read_picture(data)
    for color in ((1.0, 1.0, 1.0), (0.0, 0.2, 0.4)):
        np.testing.assert_array_equal(again.on(color), picture.on(color))
    assert data[24] == np.iinfo(dtype).bits  # the depth in the header


def test_an_opaque_alpha_channel_is_left_out_and_8_bit_floats_have_8_bits() -> None:
    image = DRAW.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    image[..., 3] = 255
    for source in (image, image / np.float32(255)):
        opened = Image.open(io.BytesIO(png_of(read_picture(source))))
        assert opened.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(opened), image[..., :3])


def test_floats_are_rounded_to_16_bits() -> None:
    image = DRAW.random((5, 7, 3))
    again = read_picture(png_of(read_picture(image))).on()
    np.testing.assert_allclose(again.transpose(1, 2, 0), image, atol=0.51 / 65535)
