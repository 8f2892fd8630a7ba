"""l2, relative l2 and cosine equal functions of torch and numpy, and have the documented properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from innersight.distances.pointwise import cos_along_width, cosine, l2, relative_l2

TOKENS, MAPS = (3, 5, 8), (3, 8, 4, 5)
SEEDS = st.integers(0, 2**31)


def pair(
    shape: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=dtype), torch.randn(shape, generator=draw, dtype=dtype)


@pytest.mark.parametrize(("shape", "axis"), [(TOKENS, -1), (MAPS, 1)])
def test_l2_is_the_mean_squared_error_of_each_position(shape: tuple[int, ...], axis: int) -> None:
    r, d = pair(shape)
    np.testing.assert_allclose(l2(r, d), ((r.numpy() - d.numpy()) ** 2).mean(axis), rtol=1e-6)
    assert l2(r, d).mean().item() == pytest.approx(functional.mse_loss(d, r).item(), rel=1e-6)


@pytest.mark.parametrize(("shape", "axis"), [(TOKENS, -1), (MAPS, 1)])
def test_cosine_is_one_minus_torchs(shape: tuple[int, ...], axis: int) -> None:
    r, d = pair(shape, dtype=torch.float64)
    torch.testing.assert_close(cosine(r, d), 1 - functional.cosine_similarity(r, d, dim=axis))


def test_cosine_is_precise_where_one_minus_the_cosine_cancels() -> None:
    r = torch.randn(1, 1, 512, generator=torch.Generator().manual_seed(0))
    d = r + 1e-5 * torch.randn(1, 1, 512, generator=torch.Generator().manual_seed(1))
    exact = (1 - functional.cosine_similarity(r.double(), d.double(), dim=-1)).item()
    assert cosine(r, d).item() == pytest.approx(exact, rel=1e-2)
    assert abs((1 - functional.cosine_similarity(r, d, dim=-1)).item() / exact - 1) > 0.1  # why the form matters


@pytest.mark.parametrize(("shape", "axis"), [(TOKENS, -1), (MAPS, 1)])
def test_relative_l2_is_error_over_the_mean_energy_of_both(shape: tuple[int, ...], axis: int) -> None:
    r, d = (x.numpy() for x in pair(shape))
    shared = ((r**2 + d**2).sum(axis) / 2).reshape(3, -1).mean(1).reshape(-1, *[1] * (len(shape) - 2))
    expected = ((r - d) ** 2).sum(axis) / shared
    np.testing.assert_allclose(relative_l2(*pair(shape)), expected, rtol=1e-5)


@given(SEEDS, st.floats(1e-3, 1e3), st.sampled_from([TOKENS, MAPS]))
def test_relative_l2_and_cosine_do_not_know_the_scale(seed: int, scale: float, shape: tuple[int, ...]) -> None:
    r, d = pair(shape, seed, torch.float64)
    torch.testing.assert_close(relative_l2(r * scale, d * scale), relative_l2(r, d))
    torch.testing.assert_close(cosine(r * scale, d), cosine(r, d))


@given(SEEDS, st.sampled_from([TOKENS, MAPS]))
def test_relative_l2_is_symmetric_and_at_most_4_on_average(seed: int, shape: tuple[int, ...]) -> None:
    r, d = pair(shape, seed, torch.float64)
    torch.testing.assert_close(relative_l2(r, d), relative_l2(d, r))
    assert (relative_l2(r, -d).flatten(1).mean(1) <= 4).all()
    torch.testing.assert_close(relative_l2(r, -r).flatten(1).mean(1), torch.full((3,), 4.0, dtype=torch.float64))


def test_a_reference_of_zeros_gives_a_finite_number_and_no_nan() -> None:
    assert torch.isfinite(relative_l2(torch.zeros(MAPS), 100 * torch.ones(MAPS)).square().mean())
    zeros = torch.zeros(MAPS, requires_grad=True)
    assert relative_l2(zeros, torch.zeros(MAPS)).sum() == 0
    relative_l2(torch.zeros(MAPS), zeros).sum().backward()
    assert zeros.grad is not None
    assert torch.isfinite(zeros.grad).all()


def test_cos_along_width_is_torchs_cosine_along_the_last_axis() -> None:
    r, d = pair(MAPS, dtype=torch.float64)
    expected = (1 - functional.cosine_similarity(r, d, dim=-1)).mean((1, 2))
    torch.testing.assert_close(cos_along_width(r, d), expected)


def test_cos_along_width_counts_dead_rows_as_one_but_identical_layers_as_zero() -> None:
    r, d = pair(MAPS)
    r[:, 0] = 0
    d[:, 0] = 0
    expected = (1 - functional.cosine_similarity(r, d, dim=-1)).mean((1, 2))  # torch: a zero vector has cosine 0
    torch.testing.assert_close(cos_along_width(r, d), expected)
    assert torch.equal(cos_along_width(r, r), torch.zeros(3))


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (cos_along_width, MAPS),
        *((function, shape) for function in (l2, relative_l2, cosine) for shape in (TOKENS, MAPS)),
    ],
)
class TestEveryAlignedDistance:
    def test_identical_is_exactly_zero_with_zero_gradient(self, function, shape) -> None:
        r, _ = pair(shape)
        d = r.clone().requires_grad_()
        r.requires_grad_()
        value = function(r, d)
        assert torch.equal(value, torch.zeros_like(value))
        value.sum().backward()
        assert torch.equal(d.grad, torch.zeros_like(d))
        assert torch.equal(r.grad, torch.zeros_like(r))

    def test_gradients_are_right(self, function, shape) -> None:
        r, d = pair(shape, dtype=torch.float64)
        assert torch.autograd.gradcheck(function, (r.requires_grad_(), d.requires_grad_()))

    def test_the_batch_does_not_matter(self, function, shape) -> None:
        r, d = pair(shape)
        alone = torch.cat([function(r[n : n + 1], d[n : n + 1]) for n in range(len(r))])
        torch.testing.assert_close(function(r, d), alone, rtol=1e-6, atol=0)
