"""Blurring chroma leaves luma, greys and the mean alone, and is Pillow's blur of Pillow's YCbCr."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from innersight.images.colour import blur_chroma

LUMA = torch.tensor([0.299, 0.587, 0.114])


def muted(size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Colours far enough from the gamut's border that nothing is cut off."""
    return 0.4 + 0.2 * torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))


def luma(images: torch.Tensor) -> torch.Tensor:
    return torch.einsum("c,nchw->nhw", LUMA, images)


@given(st.floats(0.1, 8.0), st.integers(1, 24), st.integers(1, 24))
def test_luma_stays_whatever_the_size(deviation: float, height: int, width: int) -> None:
    images = muted((height, width))
    torch.testing.assert_close(luma(blur_chroma(images, deviation)), luma(images), atol=1e-5, rtol=0)


def test_a_grey_image_and_an_even_colour_stay() -> None:
    grey = torch.rand(1, 1, 20, 30).expand(1, 3, 20, 30)
    torch.testing.assert_close(blur_chroma(grey, 2.0), grey, atol=1e-5, rtol=0)
    even = torch.tensor([0.9, 0.2, 0.4]).view(1, 3, 1, 1).expand(1, 3, 20, 30)
    torch.testing.assert_close(blur_chroma(even, 2.0), even, atol=1e-5, rtol=0)


def test_no_blur_is_the_very_same_tensor() -> None:
    images = muted((8, 8))
    assert blur_chroma(images, 0) is images


def test_colour_detail_goes_and_its_mean_stays() -> None:
    images = muted((64, 64))
    blurred = blur_chroma(images, 2.0)
    before, after = (x - luma(x)[:, None] for x in (images, blurred))
    assert (after.std((2, 3)) < 0.25 * before.std((2, 3))).all()
    torch.testing.assert_close(after.mean((2, 3)), before.mean((2, 3)), atol=2e-3, rtol=0)


def test_it_agrees_with_pillow_on_a_photograph(cat: torch.Tensor) -> None:
    """Pillow rounds to 8 bits on the way and approximates the Gaussian by boxes: two levels on average are close."""
    picture = Image.fromarray((cat[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    y, cb, cr = picture.convert("YCbCr").split()
    blurred = [plane.filter(ImageFilter.GaussianBlur(2)) for plane in (cb, cr)]
    expected = np.asarray(Image.merge("YCbCr", (y, *blurred)).convert("RGB")) / 255
    got = blur_chroma(cat, 2.0)[0].permute(1, 2, 0).numpy()
    assert np.abs(got - expected).mean() < 2 / 255


def test_results_stay_in_range_and_gradients_are_right() -> None:
    images = torch.rand(1, 3, 6, 7, dtype=torch.float64)
    assert 0 <= blur_chroma(images, 1.5).min() <= blur_chroma(images, 1.5).max() <= 1
    inside = (0.4 + 0.2 * images).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: blur_chroma(x, 1.5), inside)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_are_kept(dtype: torch.dtype) -> None:
    assert blur_chroma(torch.rand(1, 3, 9, 9, dtype=dtype), 2.0).dtype == dtype
