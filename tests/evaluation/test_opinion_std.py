"""Statistics with the standard deviation of opinions: outlier ratio, votes, random subset and undefined values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.evaluation import opinion_std
from innersight.evaluation.opinion_std import STD_STATISTICS, StdEvaluation, evaluate_with_std


def measure(*scores: object, opinions: object, stds: object, **options: object) -> StdEvaluation:
    """Evaluate distances, named `m0`, `m1` and so on, with a mean opinion score."""
    named = {f"m{index}": column for index, column in enumerate(scores)}
    directions = dict.fromkeys(named, "lower-is-better") | options.pop("directions", {})
    return evaluate_with_std(
        named, opinions, stds, opinion_direction="higher-is-better", score_directions=directions, **options
    )


@pytest.mark.parametrize(
    ("std", "votes", "outliers"),
    [(1.0, None, 1), (2.0, None, 0), (2.0, 4, 1), (2.0, 1, 0), (2.0, [4] * 401, 1), (2.0, [1] * 401, 0)],
)
def test_outliers_are_counted_with_and_without_votes(std: float, votes: object, outliers: int) -> None:
    """One opinion is 3 above the fitted function: above 2 * 1, below 2 * 2, above 1.96 * 2 / 2, below 1.96 * 2."""
    x = np.linspace(-4, 4, 401)
    opinions = 100 / (1 + np.exp(-x))
    opinions[200] += 3
    found = measure(x, opinions=opinions, stds=np.full(401, std), votes=votes, directions={"m0": "higher-is-better"})
    assert found.outlier_ratio[0] == pytest.approx(outliers / 401)


def test_votes_of_each_row_are_used_for_its_standard_error() -> None:
    """Opinions 0, 4, 8 with a standard deviation of 4: only rows with many votes differ significantly."""
    columns = {"opinions": [0.0, 4.0, 8.0], "stds": [4.0] * 3}
    found = measure([3, 2, 1], votes=[100, 100, 1], **columns)
    # Limits: 1.96 * sqrt(0.16 + 0.16) = 1.1 for rows 1 and 2, 1.96 * sqrt(0.16 + 16) = 7.9 for the pairs with row 3.
    assert (found.pairs.different, found.pairs.similar) == (2, 1)
    assert (found.votes, found.notes) == (None, ["standard errors use the number of votes of each row"])
    same = measure([3, 2, 1], votes=100, **columns)
    assert (same.votes, same.notes) == (100, [])


def test_metrics_of_different_directions_are_compared() -> None:
    draw = np.random.default_rng(7)
    opinions = draw.normal(size=60)
    good, poor = opinions + draw.normal(size=60) / 5, -opinions + draw.normal(size=60) * 2
    found = measure(good, poor, -good, opinions=opinions, stds=np.full(60, 0.2), directions={"m0": "higher-is-better"})
    assert found.statistics("m0") == found.statistics("m2")
    assert found.statistics("m0")["accuracy"] > 0.9 > found.statistics("m1")["accuracy"] > 0.5
    tests = found.p_values()
    assert list(tests) == [("m0", "m1"), ("m0", "m2"), ("m1", "m2")]
    assert tests["m0", "m1"]["auc_better_worse"] < 1e-6
    assert tests["m0", "m2"] == {"auc_different_similar": 1.0, "auc_better_worse": 1.0}


def test_many_rows_are_reduced_to_a_random_subset_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinion_std, "MAX_PAIR_ROWS", 20)
    table = np.random.default_rng(4).normal(size=(2, 50))
    one, again, other = (measure(table[0], opinions=table[1], stds=np.ones(50) / 4, seed=seed) for seed in (0, 0, 1))
    assert (one.rows, one.pair_rows) == (50, 20)
    assert one.to_json() == again.to_json()
    assert one.statistics("m0") != other.statistics("m0")
    assert one.notes[1:] == ["pairs are compared in a random subset of 20 of 50 rows, seed 0"]


def test_undefined_values_are_none_and_rows_without_standard_deviation_are_counted() -> None:
    found = measure([1, 2, 3, 4], [2, 1, 3, 4], opinions=[1, 2, 3, 4], stds=[9, 9, 9, None])
    assert (found.pairs.different, found.pairs.similar) == (0, 3)
    assert found.statistics("m0") == dict.fromkeys(STD_STATISTICS)
    assert found.p_values() == {("m0", "m1"): {"auc_different_similar": None, "auc_better_worse": None}}
    assert found.notes == [
        "standard deviations are used as standard errors, because the number of votes is not given",
        "1 of 4 rows left out of the statistics with standard deviation",
    ]
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("stds", "votes", "message"),
    [
        ([1, 1, -1], None, "`stds` must not be negative, but has the value -1"),
        (
            [1, 1, None],
            None,
            "at least 3 rows with finite scores, opinion and standard deviation, but there are 2 of 3",
        ),
        ([1, 1], None, "the same number of rows, but have 3, 3, 2"),
        ([1, 1, 1], [1, 2], "the same number of rows, but have 3, 3, 3, 2"),
        ([1, 1, 1], 0, "`votes` must be at least 1, but got 0"),
        ([1, 1, 1], [3, 0, 3], "`votes` must be at least 1, but got 0"),
    ],
)
def test_invalid_values_are_refused(stds: object, votes: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        measure([1, 2, 3], opinions=[1, 2, 3], stds=stds, votes=votes)


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`score_directions\['m0'\]` must be one of .* but got 'up'"):
        measure([1, 2, 3], opinions=[1, 2, 3], stds=[1, 1, 1], directions={"m0": "up"})
