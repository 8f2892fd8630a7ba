from __future__ import annotations

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.evaluation.agreement import evaluate
from innersight.evaluation.pairwise import compare

DRAW = np.random.default_rng(5)
TRUTH = DRAW.normal(size=200)
GOOD, POOR = -TRUTH + 0.3 * DRAW.normal(size=200), -TRUTH + 2 * DRAW.normal(size=200)
REFERENCES = [f"r{row // 8}" for row in range(200)]
LOWER = {"good": "lower-is-better", "poor": "lower-is-better", "twin": "lower-is-better"}


def run(scores: dict[str, object], **options: object) -> list[object]:
    return compare(
        scores, TRUTH, opinion_direction="higher-is-better", score_directions=LOWER, references=REFERENCES, **options
    )


def test_the_difference_is_that_of_the_two_evaluations_and_a_clear_one_is_found() -> None:
    (found,) = run({"good": GOOD, "poor": POOR})
    values = {
        name: evaluate(side, TRUTH, opinion_direction="higher-is-better", resamples=0).overall
        for name, side in (("good", GOOD), ("poor", POOR))
    }
    for stat in ("plcc", "srcc", "krcc"):
        assert found.by[stat].value == pytest.approx(values["good"][stat].value - values["poor"][stat].value)
        assert 0 < found.by[stat].low < found.by[stat].high
        assert found.p_value[stat] == pytest.approx(2 / 1001)
    assert found.meng_rosenthal_rubin["srcc"].p_value < 1e-6
    assert found.williams["plcc"].statistic > 5


def test_swapped_metrics_give_the_negative_and_the_same_p_value() -> None:
    (one,), (other,) = run({"good": GOOD, "poor": POOR}), run({"poor": POOR, "good": GOOD})
    assert other.by["srcc"].value == pytest.approx(-one.by["srcc"].value)
    assert other.by["srcc"].low == pytest.approx(-one.by["srcc"].high)
    assert other.p_value == one.p_value


def test_metrics_that_differ_by_chance_have_no_small_p_value_and_equal_ones_have_1() -> None:
    twin = -TRUTH + 2 * np.random.default_rng(6).normal(size=200)
    (found,) = run({"poor": POOR, "twin": twin})
    assert found.p_value["srcc"] > 0.05
    (same,) = run({"poor": POOR, "twin": POOR})
    assert same.p_value["srcc"] == 1
    assert same.williams["srcc"] is None  # a correlation of 1 between them: no test is defined


def test_rows_that_one_metric_lacks_count_for_none() -> None:
    holes = [None if row < 10 else value for row, value in enumerate(GOOD)]
    (found,) = run({"good": holes, "poor": POOR}, resamples=0)
    assert found.rows == 190
    assert found.p_value["srcc"] is None
    with pytest.raises(ArgumentError, match="at least 3 rows that all of them scored, but there are 0 of 200"):
        run({"good": [None] * 200, "poor": POOR})
