"""Roots have a gradient of zero at zero, and units leave ordinary values as they are."""

from __future__ import annotations

import pytest
import torch

from innersight.distances.numerics import LARGE, large_value_unit, pool, safe_pow


def test_values_and_slopes() -> None:
    x = torch.tensor([-1.0, 0.0, 16.0], requires_grad=True)
    safe_pow(x, 0.25).sum().backward()
    torch.testing.assert_close(safe_pow(x, 0.25), torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 0.0, 0.25 * 16**-0.75]))


def test_nan_stays_nan() -> None:
    assert torch.isnan(safe_pow(torch.tensor([float("nan")]), 0.25)).all()


def test_gradient_is_right_above_zero() -> None:
    values = torch.linspace(
        0.1, 1, 5, dtype=torch.float64
    )  # near zero the finite difference of gradcheck is too coarse
    assert torch.autograd.gradcheck(lambda x: safe_pow(x, 0.25), values.requires_grad_())


@pytest.mark.parametrize("largest", [0.0, 1e-40, 1.0, 255.0, LARGE])
def test_the_unit_of_values_of_up_to_a_million_is_exactly_one_fault_25(largest: float) -> None:
    values = torch.linspace(-largest, largest, 24).view(2, 3, 4)
    assert torch.equal(large_value_unit(values, values / 2), torch.ones(2, 1, 1))


@pytest.mark.parametrize("largest", [2e6, 1e20, 3e38])
def test_the_unit_of_large_values_is_that_of_each_sample_fault_25(largest: float) -> None:
    values = torch.stack((torch.full((3, 4), -largest), torch.ones(3, 4)))
    unit = large_value_unit(values / 2, values)
    torch.testing.assert_close(unit.flatten(), torch.tensor([largest / LARGE, 1.0]))
    assert torch.isfinite((values / unit).square().sum())
    assert not unit.requires_grad


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e10, 1e25, 1e37])
def test_the_root_mean_square_does_not_overflow_fault_25(scale: float) -> None:
    positions = (scale * torch.tensor([[3.0, 4.0, 0.0, 0.0]])).requires_grad_()
    value = pool(positions, "rms")
    torch.testing.assert_close(value, torch.tensor([2.5 * scale]))
    (gradient,) = torch.autograd.grad(value, positions)
    torch.testing.assert_close(gradient, torch.tensor([[0.3, 0.4, 0.0, 0.0]]))


def test_pooling_written_out() -> None:
    positions = torch.rand(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pool(positions, "mean"), positions.mean((1, 2)))
    torch.testing.assert_close(pool(positions, "rms"), positions.square().mean((1, 2)).sqrt())


class TestWeights:
    @pytest.mark.parametrize("pooling", ["mean", "rms"])
    def test_whole_weights_count_positions_several_times(self, pooling: str) -> None:
        values = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        times = torch.randint(0, 4, (2, 3, 4), generator=torch.Generator().manual_seed(1))
        for one, count, found in zip(values, times, pool(values, pooling, times.double()), strict=True):
            repeated = one.flatten().repeat_interleave(count.flatten())
            torch.testing.assert_close(found, pool(repeated[None], pooling)[0])

    @pytest.mark.parametrize("pooling", ["mean", "rms"])
    def test_weights_of_0_give_0_and_a_gradient_of_0(self, pooling: str) -> None:
        values = torch.rand(1, 5, requires_grad=True)
        found = pool(values, pooling, torch.zeros(1, 5))
        found.sum().backward()
        assert found == 0
        assert values.grad is not None
        assert not values.grad.any()
