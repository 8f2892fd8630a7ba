"""swd equals a loop in numpy, and a seed gives the same directions everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from innersight.distances.sliced import directions, swd
from innersight.errors import ArgumentError

SHAPE = (2, 3, 5, 4)


def pair(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=draw, dtype=dtype), torch.randn(SHAPE, generator=draw, dtype=dtype)


def test_equals_a_loop_over_directions_and_ranks() -> None:
    r, d = pair()
    theta = directions(3, seed=7, like=r).numpy()
    for n in range(2):
        points = [stack[n].reshape(3, -1).numpy().T for stack in (r, d)]  # (T * D, L)
        squares = [(np.sort(points[1] @ theta[:, k]) - np.sort(points[0] @ theta[:, k])) ** 2 for k in range(3)]
        assert swd(r, d, seed=7)[n].item() == pytest.approx(np.mean(squares, axis=0).sum(), rel=1e-6)


def test_a_seed_is_one_function_of_the_pair() -> None:
    r, d = pair()
    assert torch.equal(swd(r, d, seed=1), swd(r, d, seed=1))
    assert not torch.equal(swd(r, d, seed=1), swd(r, d, seed=2))
    torch.manual_seed(0)
    before = torch.rand(1)
    torch.manual_seed(0)
    swd(r, d)
    assert torch.equal(before, torch.rand(1))  # the caller's random numbers are left alone


def test_directions_have_unit_length_and_are_the_same_in_every_precision() -> None:
    single, double = (directions(12, 3, torch.zeros(1, dtype=dtype)) for dtype in (torch.float32, torch.float64))
    torch.testing.assert_close(single.norm(dim=0), torch.ones(12))
    torch.testing.assert_close(single.double(), double)


def test_identical_is_exactly_zero_with_zero_gradient() -> None:
    r, _ = pair(torch.float32)
    d = r.clone().requires_grad_()
    value = swd(r, d)
    assert torch.equal(value, torch.zeros(2))
    value.sum().backward()
    assert torch.equal(d.grad, torch.zeros_like(d))


def test_gradients_are_right() -> None:
    r, d = pair()
    assert torch.autograd.gradcheck(swd, (r.requires_grad_(), d.requires_grad_()))


def test_the_batch_does_not_matter() -> None:
    r, d = pair(torch.float32)
    alone = torch.cat([swd(r[n : n + 1], d[n : n + 1]) for n in range(2)])
    torch.testing.assert_close(swd(r, d), alone, rtol=1e-6, atol=0)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, None, "0"])
def test_a_seed_that_is_no_integer_in_range_is_an_error(seed: object) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `seed` must be an integer from 0 to 2\^63 - 1, but got"):
        swd(*pair(), seed=seed)


def test_the_largest_seed_is_allowed() -> None:
    assert torch.isfinite(swd(*pair(), seed=2**63 - 1)).all()
