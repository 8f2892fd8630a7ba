"""Resizing is anti-aliased like that of Pillow, and sizes are rounded as documented."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from innersight.errors import ArgumentError
from innersight.preprocess.resize import fit_short_side, resize

SIDES = st.integers(100, 3000)


@given(SIDES, SIDES, st.integers(1, 600), st.sampled_from([1, 14, 16]))
def test_the_shorter_side_is_met_to_the_multiple_and_the_aspect_kept(h: int, w: int, short: int, multiple: int) -> None:
    height, width = fit_short_side(h, w, short, multiple)
    assert height % multiple == width % multiple == 0
    assert abs(min(height, width) - max(short, multiple)) <= multiple
    scale = short / min(h, w)
    assert abs(height - max(h * scale, multiple)) <= multiple / 2 + 1e-6 or height == multiple
    assert abs(width - max(w * scale, multiple)) <= multiple / 2 + 1e-6 or width == multiple


def test_a_long_thin_strip_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ArgumentError, match=r"1 x 100000 .* have 256 x 25600000 pixels, .* use input='native'"):
        fit_short_side(1, 100_000, 256)


def test_it_is_pillows_bilinear_filter() -> None:
    pixels = np.random.default_rng(0).random((60, 90)).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize((31, 20), Image.Resampling.BILINEAR))
    got = resize(torch.from_numpy(pixels)[None, None], (20, 31))[0, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_right_size_is_left_alone() -> None:
    images = torch.rand(1, 3, 8, 8)
    assert resize(images, (8, 8)) is images
