"""The distance of channel moments depends on the central moments over positions only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import moment

from innersight.distances.channel_moments import ORDERS, channel_moments
from innersight.errors import ArgumentError

TOKENS, MAPS = (3, 11, 5), (3, 5, 4, 6)
SHAPES = pytest.mark.parametrize("shape", [TOKENS, MAPS])
EVERY_ORDER = pytest.mark.parametrize("order", ORDERS)


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(2))


def rows(features: torch.Tensor) -> np.ndarray:
    """(N, positions, channels)."""
    return (features.flatten(2).transpose(1, 2) if features.ndim == 4 else features).numpy()


@SHAPES
@EVERY_ORDER
def test_it_is_made_of_scipys_central_moments(shape: tuple[int, ...], order: int) -> None:
    r, d = pair(shape)
    a, b = (moment(rows(x), order, axis=1) ** (1 / order) for x in (r, d))
    np.testing.assert_allclose(
        channel_moments(r, d, order), 2 * ((a - b) ** 2).sum(1) / (a**2 + b**2).sum(1), rtol=1e-12
    )


@given(st.integers(0, 1000), st.sampled_from([TOKENS, MAPS]), st.floats(1e-3, 1e3), st.sampled_from(ORDERS))
def test_it_is_symmetric_bounded_blind_to_order_and_knows_no_scale(
    seed: int, shape: tuple[int, ...], scale: float, order: int
) -> None:
    r, d = pair(shape, seed)
    value = channel_moments(r, d, order)
    torch.testing.assert_close(channel_moments(d, r, order), value)
    torch.testing.assert_close(channel_moments(scale * r, scale * d, order), value)
    torch.testing.assert_close(channel_moments(r, d.flip(1 if d.ndim == 3 else 3), order), value)
    assert (value >= 0).all()
    assert (value <= 2).all()


def test_the_highest_order_stays_finite_where_its_power_would_not() -> None:
    r, d = (1e6 * x.float() for x in pair(TOKENS))
    torch.testing.assert_close(channel_moments(r, d, 8), channel_moments(r / 1e6, d / 1e6, 8))


@SHAPES
def test_equal_and_empty_features_give_zero_and_a_zero_gradient(shape: tuple[int, ...]) -> None:
    for features in (pair(shape)[0], torch.zeros(shape, dtype=torch.float64)):
        distorted = features.clone().requires_grad_()
        value = channel_moments(features, distorted, 8)
        value.sum().backward()
        assert (value == 0).all()
        assert distorted.grad is not None
        assert (distorted.grad == 0).all()


@pytest.mark.thorough
@SHAPES
@EVERY_ORDER
def test_gradients_are_right(shape: tuple[int, ...], order: int) -> None:
    r, d = pair(shape)
    assert torch.autograd.gradcheck(channel_moments, (r.requires_grad_(), d.requires_grad_(), order))


@pytest.mark.parametrize("order", [0, 1, 3, 16, "4", None])
def test_another_order_is_refused(order: object) -> None:
    with pytest.raises(ArgumentError, match=r"`order` must be one of \(2, 4, 8\), but got"):
        channel_moments(*pair(TOKENS), order)


@pytest.mark.parametrize("order", [2, 4, 8])
@pytest.mark.parametrize("kind", ["tokens", "maps"])
def test_weights_of_0_and_1_are_the_moments_of_the_chosen_positions(order: int, kind: str) -> None:
    draw = torch.Generator().manual_seed(0)
    r, d = (torch.rand(2, 12, 5, generator=draw, dtype=torch.float64) for _ in range(2))
    chosen = torch.tensor([1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1], dtype=torch.float64)
    r[:, chosen == 0] *= 1e6  # values that would change the unit
    wanted = channel_moments(r[:, chosen > 0], d[:, chosen > 0], order)
    weights = chosen.expand(2, 12)
    if kind == "maps":
        r, d = (x.transpose(1, 2).reshape(2, 5, 3, 4) for x in (r, d))
        weights = weights.reshape(2, 3, 4)
    torch.testing.assert_close(channel_moments(r, d, order, weights), wanted)


def test_equal_weights_are_no_weights() -> None:
    r, d = torch.rand(2, 1, 4, 6, 6, generator=torch.Generator().manual_seed(0)).unbind()
    torch.testing.assert_close(channel_moments(r, d, 4, torch.full((1, 6, 6), 0.3)), channel_moments(r, d, 4))
