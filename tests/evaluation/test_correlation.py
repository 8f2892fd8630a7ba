"""PLCC, SRCC and KRCC equal known values. Their values in resamples equal those of scipy on the repeated rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.evaluation.correlation import (
    CORRELATIONS,
    krcc,
    krcc_of_resamples,
    plcc,
    plcc_of_resamples,
    srcc,
    srcc_of_resamples,
)


def test_coefficients_equal_known_values() -> None:
    ramp = np.array([1.0, 2, 3, 4])
    assert plcc(ramp, np.array([1.0, 2, 3, 5])) == pytest.approx(0.9827076298, abs=1e-10)
    assert srcc(ramp, np.array([1.0, 2, 5, 3])) == pytest.approx(0.8, abs=1e-12)
    assert krcc(ramp, np.array([1.0, 2, 5, 3])) == pytest.approx(2 / 3, abs=1e-12)


def test_tied_pairs_are_neither_concordant_nor_discordant() -> None:
    """tau-b by hand: 5 of 6 pairs untied in x, all in y, all 5 concordant: 5 / sqrt(30)."""
    assert krcc(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 3, 4])) == pytest.approx(5 / math.sqrt(30))


@pytest.mark.parametrize("function", CORRELATIONS.values())
def test_constant_values_or_a_single_row_have_no_correlation(function) -> None:
    assert math.isnan(function(np.ones(5), np.arange(5.0)))
    assert math.isnan(function(np.arange(5.0), np.ones(5)))
    assert math.isnan(function(np.ones(1), np.ones(1)))


def test_infinite_scores_have_rank_correlations_but_no_linear_correlation() -> None:
    x, y = np.array([1.0, 2, np.inf]), np.array([1.0, 2, 3])
    assert (srcc(x, y), krcc(x, y)) == (pytest.approx(1), pytest.approx(1))
    assert math.isnan(plcc(x, y))


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.booleans())
def test_resamples_equal_scipy_on_the_repeated_rows(seed: int, clusters: int, tied: bool) -> None:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, clusters, 30)
    x, y = draw.normal(size=30), draw.normal(size=30)
    if tied:
        x, y = np.round(x), np.round(y)
    counts = draw.multinomial(clusters, np.full(clusters, 1 / clusters), size=4).astype(float)
    weights = counts[:, codes]
    found = {
        "plcc": plcc_of_resamples(x, y, weights),
        "srcc": srcc_of_resamples(x, y, weights),
        "krcc": krcc_of_resamples(x, y, codes, counts),
    }
    for row, repeated in enumerate(weights.astype(int)):
        for name, function in CORRELATIONS.items():
            expected = function(np.repeat(x, repeated), np.repeat(y, repeated))
            assert found[name][row] == pytest.approx(expected, abs=1e-9, nan_ok=True), name


def test_many_clusters_give_the_same_result_without_the_matrix(monkeypatch) -> None:
    draw = np.random.default_rng(2)
    x, y, codes = np.round(draw.normal(size=40)), draw.normal(size=40), np.arange(40)
    counts = draw.multinomial(40, np.full(40, 1 / 40), size=5).astype(float)
    whole = krcc_of_resamples(x, y, codes, counts)
    monkeypatch.setattr("innersight.evaluation.correlation._MAX_CLUSTERS", 39)
    np.testing.assert_allclose(krcc_of_resamples(x, y, codes, counts), whole, atol=1e-12)
