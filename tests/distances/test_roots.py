"""Roots keep a usable gradient at zero."""

from __future__ import annotations

import torch

from innersight.distances.roots import power_at_zero_flat


def test_values_and_slopes() -> None:
    x = torch.tensor([-1.0, 0.0, 16.0], requires_grad=True)
    power_at_zero_flat(x, 0.25).sum().backward()
    torch.testing.assert_close(power_at_zero_flat(x, 0.25), torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 0.0, 0.25 * 16**-0.75]))


def test_nan_is_never_taken_for_identity() -> None:
    assert torch.isnan(power_at_zero_flat(torch.tensor([float("nan")]), 0.25)).all()


def test_gradient_is_right_above_zero() -> None:
    assert torch.autograd.gradcheck(
        lambda x: power_at_zero_flat(x, 0.25), torch.rand(5, dtype=torch.float64).requires_grad_()
    )
