from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.evaluation.two_alternative import agree

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_by_hand() -> None:
    # b is nearer (share .8), a is nearer (share of b .3), a tie: (.8 + .7 + .5) / 3
    found = agree([2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.8, 0.3, 1.0], resamples=0)
    assert found.agreement.value == pytest.approx(2.0 / 3)
    assert found.ties == 1
    assert found.ceiling.value == pytest.approx((0.64 + 0.04 + 0.09 + 0.49 + 1.0) / 3)
    assert found.best.value == pytest.approx((0.8 + 0.7 + 1.0) / 3)


@given(SHARES)
def test_one_who_sides_with_the_majority_reaches_the_best_and_its_opposite_the_rest(shares: list[float]) -> None:
    a, b = [0.0] * len(shares), [0.5 - share for share in shares]
    right = agree(a, b, shares, resamples=0)
    wrong = agree(a, b, shares, score_direction="higher-is-better", resamples=0)
    assert right.agreement.value == pytest.approx(right.best.value)
    assert right.agreement.value + wrong.agreement.value == pytest.approx(1)


def test_choices_without_both_scores_are_counted_and_none_at_all_is_an_error() -> None:
    assert agree([1.0, None], [0.0, 1.0], [1.0, 0.0], resamples=0).left_out == 1
    with pytest.raises(ArgumentError, match="None of the 2 choices has a score for both images"):
        agree([None, 1.0], [1.0, None], [0.5, 0.5])


def test_the_interval_is_over_references_and_holds_the_value() -> None:
    found = agree([1.0, 0.0] * 20, [0.0, 1.0] * 20, [0.9, 0.4] * 20, references=[f"r{i // 4}" for i in range(40)])
    assert found.agreement.low <= found.agreement.value <= found.agreement.high
    one = agree([1.0, 0.0], [0.0, 1.0], [0.9, 0.4], references=["r", "r"])
    assert one.agreement.low is None
