"""Spread compares the channels' deviations over positions, and knows nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innersight.distances.spread import spread

TOKENS, MAPS = (3, 11, 5), (3, 5, 4, 6)
SHAPES = pytest.mark.parametrize("shape", [TOKENS, MAPS])


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(2))


def rows(features: torch.Tensor) -> np.ndarray:
    """(N, positions, channels)."""
    return (features.flatten(2).transpose(1, 2) if features.ndim == 4 else features).numpy()


@SHAPES
def test_it_is_numpys_deviations_over_the_shared_energy(shape: tuple[int, ...]) -> None:
    r, d = pair(shape)
    change = ((rows(d).std(1) - rows(r).std(1)) ** 2).sum(1)
    shared = ((rows(r) ** 2).sum(2).mean(1) + (rows(d) ** 2).sum(2).mean(1)) / 2
    np.testing.assert_allclose(spread(r, d), change / shared, rtol=1e-12)


@given(st.integers(0, 1000), st.sampled_from([TOKENS, MAPS]), st.floats(1e-3, 1e3))
def test_it_is_symmetric_bounded_blind_to_order_and_knows_no_scale(
    seed: int, shape: tuple[int, ...], scale: float
) -> None:
    r, d = pair(shape, seed)
    value = spread(r, d)
    torch.testing.assert_close(spread(d, r), value)
    torch.testing.assert_close(spread(scale * r, scale * d), value)
    torch.testing.assert_close(spread(r, d.flip(1 if d.ndim == 3 else 3)), value)
    assert (value >= 0).all()
    assert (value <= 2).all()


@SHAPES
def test_equal_and_empty_features_give_zero_and_a_zero_gradient(shape: tuple[int, ...]) -> None:
    for features in (pair(shape)[0], torch.zeros(shape, dtype=torch.float64)):
        distorted = features.clone().requires_grad_()
        value = spread(features, distorted)
        value.sum().backward()
        assert (value == 0).all()
        assert distorted.grad is not None
        assert (distorted.grad == 0).all()


@SHAPES
def test_gradients_are_right(shape: tuple[int, ...]) -> None:
    r, d = pair(shape)
    assert torch.autograd.gradcheck(spread, (r.requires_grad_(), d.requires_grad_()))
