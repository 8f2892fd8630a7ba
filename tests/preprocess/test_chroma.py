"""Chroma at half resolution keeps luma, greys and the mean, and loses colour detail. The planes are those of JPEG."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from innersight.preprocess.chroma import chroma_of, halve_chroma

LUMA = torch.tensor([0.299, 0.587, 0.114])


def muted(size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Colours far enough from the gamut's border that nothing is cut off."""
    return 0.4 + 0.2 * torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))


def luma(images: torch.Tensor) -> torch.Tensor:
    return torch.einsum("c,nchw->nhw", LUMA, images)


@given(st.integers(1, 24), st.integers(1, 24))
def test_luma_stays_whatever_the_size(height: int, width: int) -> None:
    images = muted((height, width))
    torch.testing.assert_close(luma(halve_chroma(images)), luma(images), atol=1e-5, rtol=0)


def test_a_grey_image_and_an_even_colour_stay() -> None:
    grey = torch.rand(1, 1, 20, 30).expand(1, 3, 20, 30)
    torch.testing.assert_close(halve_chroma(grey), grey, atol=1e-5, rtol=0)
    even = torch.tensor([0.9, 0.2, 0.4]).view(1, 3, 1, 1).expand(1, 3, 20, 30)
    torch.testing.assert_close(halve_chroma(even), even, atol=1e-5, rtol=0)


def test_colour_detail_goes_and_its_mean_stays() -> None:
    images = muted((64, 64))
    before, after = (x - luma(x)[:, None] for x in (images, halve_chroma(images)))
    assert (after.std((2, 3)) < 0.5 * before.std((2, 3))).all()
    torch.testing.assert_close(after.mean((2, 3)), before.mean((2, 3)), atol=2e-3, rtol=0)


def test_it_looks_like_jpegs_4_2_0(cat: torch.Tensor) -> None:
    """Pillow's best JPEG with subsampled chroma is nearer to ours than to the photograph, where colour has detail."""
    noise = 0.1 * torch.randn(cat.shape, generator=torch.Generator().manual_seed(0))
    colourful = (cat + noise - luma(noise)[:, None]).clamp(0.02, 0.98)
    buffer = io.BytesIO()
    levels = (colourful[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(levels).save(buffer, "JPEG", quality=100, subsampling="4:2:0")
    coded = torch.from_numpy(np.array(Image.open(buffer).convert("RGB"))).permute(2, 0, 1)[None] / 255
    ours = halve_chroma(colourful)
    assert (ours - coded).abs().mean() < 0.6 * (colourful - coded).abs().mean()


def test_results_stay_in_range_and_gradients_are_right() -> None:
    images = torch.rand(1, 3, 6, 7, dtype=torch.float64)
    assert 0 <= halve_chroma(images).min() <= halve_chroma(images).max() <= 1
    assert torch.autograd.gradcheck(halve_chroma, (0.4 + 0.2 * images).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_are_kept(dtype: torch.dtype) -> None:
    assert halve_chroma(torch.rand(1, 3, 9, 9, dtype=dtype)).dtype == dtype


def test_chroma_is_that_of_pillows_ycbcr() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(levels).convert("YCbCr"))[..., 1:].astype(np.float32) - 128
    ours = chroma_of(torch.from_numpy(levels).permute(2, 0, 1)[None] / 255)[0] * 255
    np.testing.assert_allclose(ours.permute(1, 2, 0), theirs, atol=1)


def test_greys_have_no_chroma() -> None:
    assert chroma_of(torch.rand(1, 1, 4, 4).expand(1, 3, 4, 4)).abs().max() < 1e-6
