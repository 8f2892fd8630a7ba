"""Comparisons of two metrics: differences of correlations, their intervals and their p-values."""

from __future__ import annotations

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.evaluation.agreement import evaluate
from innersight.evaluation.pairwise import compare_metrics

DRAW = np.random.default_rng(5)
TRUTH = DRAW.normal(size=200)
GOOD, POOR = -TRUTH + 0.3 * DRAW.normal(size=200), -TRUTH + 2 * DRAW.normal(size=200)
REFERENCES = [f"r{row // 8}" for row in range(200)]
LOWER = {"good": "lower-is-better", "poor": "lower-is-better", "twin": "lower-is-better"}


def run(scores: dict[str, object], **options: object) -> list[object]:
    return compare_metrics(
        scores, TRUTH, opinion_direction="higher-is-better", score_directions=LOWER, references=REFERENCES, **options
    )


def test_the_difference_equals_that_of_two_evaluations_and_a_clear_one_is_significant() -> None:
    (found,) = run({"good": GOOD, "poor": POOR})
    values = {
        name: evaluate(side, TRUTH, opinion_direction="higher-is-better", resamples=0).overall
        for name, side in (("good", GOOD), ("poor", POOR))
    }
    for stat in ("plcc", "srcc", "krcc"):
        assert found.difference[stat].value == pytest.approx(values["good"][stat].value - values["poor"][stat].value)
        assert 0 < found.difference[stat].low < found.difference[stat].high
        assert found.p_value[stat] == pytest.approx(2 / 1001)
    assert found.meng_rosenthal_rubin["srcc"].p_value < 1e-6
    assert found.williams["plcc"].statistic > 5


def test_swapped_metrics_give_the_negative_difference_and_the_same_p_value() -> None:
    (one,), (other,) = run({"good": GOOD, "poor": POOR}), run({"poor": POOR, "good": GOOD})
    assert other.difference["srcc"].value == pytest.approx(-one.difference["srcc"].value)
    assert other.difference["srcc"].low == pytest.approx(-one.difference["srcc"].high)
    assert other.p_value == one.p_value


def test_random_differences_are_not_significant_and_equal_metrics_have_p_1() -> None:
    twin = -TRUTH + 2 * np.random.default_rng(6).normal(size=200)
    (found,) = run({"poor": POOR, "twin": twin})
    assert found.p_value["srcc"] > 0.05
    (same,) = run({"poor": POOR, "twin": POOR})
    assert same.p_value["srcc"] == 1
    assert same.williams["srcc"] is None  # not defined, because the metrics have a correlation of 1


def test_rows_without_a_score_of_one_metric_are_left_out_for_all() -> None:
    holes = [None if row < 10 else value for row, value in enumerate(GOOD)]
    (found,) = run({"good": holes, "poor": POOR}, resamples=0)
    assert found.rows == 190
    assert found.p_value["srcc"] is None
    with pytest.raises(
        ArgumentError, match="at least 3 rows with a score of each metric and an opinion, but there are 0 of 200"
    ):
        run({"good": [None] * 200, "poor": POOR})
