"""The chroma-range distance responds to chroma outside the range around its position in the other image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, minimum_filter

from innersight.distances.chroma_range import chroma_range

SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))


def chroma(size: tuple[int, int], seed: int = 0, batch: int = 2) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 2, *size, generator=draw, dtype=torch.float64) - 0.5


def outside(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    most = maximum_filter(others, (1, 1, 3, 3), mode="constant", cval=-np.inf)
    least = minimum_filter(others, (1, 1, 3, 3), mode="constant", cval=np.inf)
    return (values - np.clip(values, least, most)) ** 2


@given(SIZES, st.integers(0, 1000))
def test_it_is_made_of_scipys_rank_filters(size: tuple[int, int], seed: int) -> None:
    r, d = chroma(size, seed).numpy(), 0.3 * chroma(size, seed + 1).numpy() + 0.2
    energy = ((r**2).sum(1) + (d**2).sum(1)).mean((1, 2))
    expected = (outside(r, d) + outside(d, r)).sum(1) / (energy + 2e-3)[:, None, None]
    found = chroma_range(torch.from_numpy(r), torch.from_numpy(d))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)


@given(SIZES, st.integers(0, 1000))
def test_it_is_symmetric_and_no_less_than_zero(size: tuple[int, int], seed: int) -> None:
    r, d = chroma(size, seed), chroma(size, seed + 1)
    torch.testing.assert_close(chroma_range(r, d), chroma_range(d, r))
    assert (chroma_range(r, d) >= 0).all()


@pytest.mark.parametrize("axes", [(2,), (3,), (2, 3)])
def test_it_is_blind_to_a_shift_by_a_pixel_and_not_by_two(axes: tuple[int, ...]) -> None:
    r = chroma((20, 20))
    within = (..., slice(2, -2), slice(2, -2))
    assert (chroma_range(r, r.roll((1,) * len(axes), axes))[within] == 0).all()
    assert (chroma_range(r, r.roll((2,) * len(axes), axes))[within] > 0).any()


def test_each_pair_of_a_batch_is_compared_alone() -> None:
    r, d = chroma((9, 7)), 2 * chroma((9, 7), 1)
    torch.testing.assert_close(chroma_range(r, d)[1:], chroma_range(r[1:], d[1:]))


def test_a_trace_of_colour_in_a_grey_image_is_little() -> None:
    grey = torch.zeros(1, 2, 8, 8)
    trace, colourful = (torch.full_like(grey, value) for value in (0.5 / 255, 0.2))
    assert chroma_range(grey, trace).max() < 0.01
    assert chroma_range(grey, colourful).min() > 0.9


def test_equal_colours_give_zero_and_a_zero_gradient() -> None:
    r = chroma((6, 5))
    d = r.clone().requires_grad_()
    value = chroma_range(r, d)
    value.sum().backward()
    assert (value == 0).all()
    assert d.grad is not None
    assert (d.grad == 0).all()


def test_gradients_are_right() -> None:
    r, d = 0.3 * chroma((5, 4), batch=1), chroma((5, 4), 1, batch=1) + 0.3
    assert torch.autograd.gradcheck(chroma_range, (r.requires_grad_(), d.requires_grad_()))
