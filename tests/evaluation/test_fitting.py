"""Logistic fits recover known functions, are monotone, and fail on rows that determine no function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from innersight.evaluation.fitting import _FUNCTIONS, _JACOBIANS, fit_logistic

X = np.linspace(10, 50, 60)
RISING = 20 + 70 / (1 + np.exp(-(X - 28) / 4))


@pytest.mark.parametrize("parameters", [4, 5])
@pytest.mark.parametrize("curve", [RISING, 110 - RISING])
def test_a_known_function_is_recovered(parameters: int, curve) -> None:
    fit = fit_logistic(X, curve, parameters)
    assert fit is not None
    assert np.abs(fit(X) - curve).max() < 0.05
    assert fit.falls == (curve[0] > curve[-1])


@pytest.mark.thorough
@pytest.mark.parametrize("parameters", [4, 5])
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_fit_does_not_depend_on_the_units_of_the_scores(parameters: int, seed: int, scale: float) -> None:
    noisy = RISING + np.random.default_rng(seed).normal(size=len(X)) * 3
    one, other = fit_logistic(X, noisy, parameters), fit_logistic(scale * X - 3 * scale, noisy, parameters)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other(scale * X - 3 * scale), one(X), atol=0.1)


@pytest.mark.parametrize("parameters", [4, 5])
def test_a_weight_equals_repeated_rows(parameters: int) -> None:
    draw = np.random.default_rng(3)
    noisy, often = RISING + draw.normal(size=len(X)) * 5, draw.integers(0, 3, len(X))
    weighted = fit_logistic(X, noisy, parameters, weights=often.astype(float))
    repeated = fit_logistic(np.repeat(X, often), np.repeat(noisy, often), parameters)
    assert weighted is not None
    assert repeated is not None
    np.testing.assert_allclose(weighted(X), repeated(X), atol=0.05)


@pytest.mark.parametrize("parameters", [4, 5])
def test_jacobians_equal_finite_differences(parameters: int) -> None:
    b, x = np.array([1.3, -0.4, 0.2, 0.7, 0.1])[:parameters], np.linspace(-2, 2, 7)
    expected = np.stack(
        [approx_fprime(b, lambda b, at=at: _FUNCTIONS[parameters](b, np.array([at]))[0]) for at in x], 1
    )
    np.testing.assert_allclose(_JACOBIANS[parameters](b, x), expected, atol=1e-6)


def test_a_fit_without_enough_information_fails() -> None:
    assert fit_logistic(np.ones(9), np.arange(9.0), 4) is None  # constant scores
    assert fit_logistic(np.arange(9.0), np.ones(9), 4) is None  # constant opinions
    assert fit_logistic(np.arange(4.0), np.arange(4.0), 4) is None  # as many rows as parameters
    assert fit_logistic(np.array([*range(8), np.inf]), np.arange(9.0), 4) is None
    with np.errstate(over="ignore", invalid="ignore"):
        assert fit_logistic(1e308 * np.linspace(-1, 1, 9), np.arange(9.0), 4) is None  # the variance is infinite


@pytest.mark.thorough
@pytest.mark.parametrize("parameters", [4, 5])
@given(seed=st.integers(0, 1000))
def test_every_fit_is_monotone(parameters: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=40)
    fit = fit_logistic(x, draw.normal() * x + draw.normal(size=40) + draw.normal() * x**2, parameters)
    if fit is not None:
        steps = np.diff(fit(np.linspace(x.min(), x.max(), 500))) * (-1 if fit.falls else 1)
        assert steps.min() >= -1e-9
