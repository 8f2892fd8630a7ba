"""Resizing is anti-aliased like that of Pillow, and sizes are rounded as documented."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from innersight.preprocess.resize import resize


def test_it_is_pillows_bilinear_filter() -> None:
    pixels = np.random.default_rng(0).random((60, 90)).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize((31, 20), Image.Resampling.BILINEAR))
    got = resize(torch.from_numpy(pixels)[None, None], (20, 31))[0, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_right_size_is_left_alone() -> None:
    images = torch.rand(1, 3, 8, 8)
    assert resize(images, (8, 8)) is images
