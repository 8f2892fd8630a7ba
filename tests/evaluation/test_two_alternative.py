"""2AFC scores: computed by hand, bounds, ties, missing scores and intervals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.evaluation.two_alternative import evaluate_two_alternative

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_scores_equal_those_computed_by_hand() -> None:
    # b preferred (share of b 0.8), a preferred (share of b 0.3), a tie: (0.8 + 0.7 + 0.5) / 3.
    found = evaluate_two_alternative([2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.8, 0.3, 1.0], resamples=0)
    assert found.agreement.value == pytest.approx(2.0 / 3)
    assert found.ties == 1
    assert found.single_viewer.value == pytest.approx((0.64 + 0.04 + 0.09 + 0.49 + 1.0) / 3)
    assert found.majority.value == pytest.approx((0.8 + 0.7 + 1.0) / 3)


@given(SHARES)
def test_a_metric_that_agrees_with_the_majority_has_the_largest_score_and_its_opposite_the_smallest(
    shares: list[float],
) -> None:
    a, b = [0.0] * len(shares), [0.5 - share for share in shares]
    right = evaluate_two_alternative(a, b, shares, resamples=0)
    wrong = evaluate_two_alternative(a, b, shares, score_direction="higher-is-better", resamples=0)
    assert right.agreement.value == pytest.approx(right.majority.value)
    assert right.agreement.value + wrong.agreement.value == pytest.approx(1)


def test_choices_without_both_scores_are_counted_and_refused_if_there_are_no_others() -> None:
    assert evaluate_two_alternative([1.0, None], [0.0, 1.0], [1.0, 0.0], resamples=0).left_out == 1
    with pytest.raises(ArgumentError, match="At least one choice must have a score of both images, but none of 2 has"):
        evaluate_two_alternative([None, 1.0], [1.0, None], [0.5, 0.5])


def test_the_interval_is_over_references_and_contains_the_value() -> None:
    found = evaluate_two_alternative(
        [1.0, 0.0] * 20, [0.0, 1.0] * 20, [0.9, 0.4] * 20, references=[f"r{i // 4}" for i in range(40)]
    )
    assert found.agreement.low <= found.agreement.value <= found.agreement.high
    one = evaluate_two_alternative([1.0, 0.0], [0.0, 1.0], [0.9, 0.4], references=["r", "r"])
    assert one.agreement.low is None


def test_two_infinite_scores_are_a_tie() -> None:
    found = evaluate_two_alternative([math.inf, 1.0], [math.inf, math.inf], [0.9, 0.9], resamples=0)
    assert found.ties == 1
    assert found.agreement.value == pytest.approx((0.5 + 0.1) / 2)


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`score_direction` must be one of"):
        evaluate_two_alternative([1.0], [2.0], [0.5], score_direction="up")
