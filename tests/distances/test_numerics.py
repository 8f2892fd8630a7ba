"""Roots keep a usable gradient at zero."""

from __future__ import annotations

import torch

from innersight.distances.numerics import safe_pow


def test_values_and_slopes() -> None:
    x = torch.tensor([-1.0, 0.0, 16.0], requires_grad=True)
    safe_pow(x, 0.25).sum().backward()
    torch.testing.assert_close(safe_pow(x, 0.25), torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 0.0, 0.25 * 16**-0.75]))


def test_nan_is_never_taken_for_identity() -> None:
    assert torch.isnan(safe_pow(torch.tensor([float("nan")]), 0.25)).all()


def test_gradient_is_right_above_zero() -> None:
    assert torch.autograd.gradcheck(lambda x: safe_pow(x, 0.25), torch.rand(5, dtype=torch.float64).requires_grad_())
