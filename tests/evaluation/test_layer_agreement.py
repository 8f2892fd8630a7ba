"""The part of each layer has the SRCC of scipy, and intervals over references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from innersight.errors import ArgumentError
from innersight.evaluation.agreement import evaluate
from innersight.evaluation.layer_agreement import layer_srcc

RANDOM = np.random.default_rng(1)
OPINIONS = RANDOM.uniform(0, 9, 40)
PARTS = np.stack([-OPINIONS + RANDOM.normal(0, noise, 40) for noise in (1, 5, 2, 9)], axis=1)
REFERENCES = [f"r{row % 8}" for row in range(40)]


@pytest.mark.thorough
def test_the_values_are_those_of_scipy_and_the_intervals_those_of_evaluate() -> None:
    found = layer_srcc(
        PARTS.tolist(), OPINIONS, opinion_direction="higher-is-better", references=REFERENCES, resamples=50, seed=3
    )
    for column, estimate in zip(PARTS.T, found, strict=True):
        assert estimate.value == pytest.approx(-stats.spearmanr(column, OPINIONS).statistic)
        other = evaluate(
            column.tolist(),
            OPINIONS,
            opinion_direction="higher-is-better",
            references=REFERENCES,
            resamples=50,
            seed=3,
        )
        assert estimate == other.overall["srcc"]


def test_the_direction_of_opinions_gives_the_sign() -> None:
    first, second = (
        layer_srcc(PARTS.tolist(), OPINIONS, opinion_direction=direction, resamples=0)
        for direction in ("higher-is-better", "lower-is-better")
    )
    assert first[0].value == pytest.approx(-second[0].value)
    assert first[0].low is None


def test_rows_without_parts_or_opinions_and_constant_parts() -> None:
    parts = [None, [5.0, 1.0], *([row, 1.0] for row in (1.0, 2.0, 3.0))]
    found = layer_srcc(parts, [9, None, 3, 2, 1], opinion_direction="higher-is-better", resamples=10)
    assert [estimate.value for estimate in found] == [1.0, None]


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`opinion_direction` must be one of"):
        layer_srcc([[1.0]] * 3, [1, 2, 3], opinion_direction="up")
