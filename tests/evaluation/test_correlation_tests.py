"""Tests of dependent correlations: published results of the R package cocor (Diedenhofen, Musch, 2015), and calibration."""

from __future__ import annotations

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.evaluation.correlation_tests import meng_rosenthal_rubin, williams

# r1, r2, r12 as published (4 digits), n, Williams' t, Meng's z, p-values of both.
PUBLISHED = [
    (0.8066, 0.2383, 0.2255, 177, 9.3823, 8.3907, 0.0, 0.0),
    (0.1724, 0.1795, 0.5387, 646, -0.1909, -0.1909, 0.8487, 0.8486),
]


@pytest.mark.parametrize(("first", "second", "between", "rows", "t", "z", "p_t", "p_z"), PUBLISHED)
def test_statistics_equal_published_ones(first, second, between, rows, t, z, p_t, p_z) -> None:
    found = williams(first, second, between, rows)
    assert found.statistic == pytest.approx(t, abs=3e-3)  # the published inputs are rounded
    assert found.p_value == pytest.approx(p_t, abs=2e-3)
    found = meng_rosenthal_rubin(first, second, between, rows)
    assert found.statistic == pytest.approx(z, abs=3e-3)
    assert found.p_value == pytest.approx(p_z, abs=2e-3)


@pytest.mark.parametrize("test", [meng_rosenthal_rubin, williams])
def test_exchanged_metrics_change_the_sign_of_the_statistic_only(test) -> None:
    one, other = test(0.8, 0.6, 0.7, 50), test(0.6, 0.8, 0.7, 50)
    assert one.statistic == -other.statistic
    assert one.p_value == other.p_value


@pytest.mark.parametrize("test", [meng_rosenthal_rubin, williams])
def test_equal_metrics_differ_significantly_at_the_nominal_rate(test) -> None:
    """Of 1,000 samples of 60 rows with two metrics of equal correlation, 5 % (within 2 %) must have p < 0.05."""
    draw = np.random.default_rng(0)
    truth = np.array([[1, 0.7, 0.7], [0.7, 1, 0.6], [0.7, 0.6, 1]])
    found = []
    for _ in range(1000):
        r = np.corrcoef(draw.multivariate_normal(np.zeros(3), truth, 60).T)
        found.append(test(r[0, 1], r[0, 2], r[1, 2], 60).p_value < 0.05)
    assert 0.03 < np.mean(found) < 0.07


def test_invalid_correlations_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Argument `between` must be a correlation inside \(-1, 1\), but got 1.0"):
        meng_rosenthal_rubin(0.5, 0.4, 1.0, 10)
    with pytest.raises(ArgumentError, match="Argument `rows` must be at least 4, but got 3"):
        williams(0.5, 0.4, 0.3, 3)
    with pytest.raises(ArgumentError, match=r"no variables have the correlations 0\.9, -0\.9 and 0\.9"):
        williams(0.9, -0.9, 0.9, 10)
