"""Comparison of two metrics on the same images: differences of correlations, intervals and significance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import MIN_ROWS, Estimate, encode_names, make_estimate
from innersight.evaluation.correlation import (
    CORRELATIONS,
    Counts,
    Floats,
    draw_resamples,
    krcc_of_resamples,
    plcc_of_resamples,
    srcc_of_resamples,
)
from innersight.evaluation.correlation_tests import CorrelationTest, meng_rosenthal_rubin, williams

_MIN_ROWS_OF_TESTS = 4
_TESTED = ("plcc", "srcc")


@dataclass(frozen=True)
class MetricComparison:
    """The difference of the agreement of two metrics with opinions.

    Attributes:
        first: Name of the first metric.
        second: Name of the second metric.
        rows: Number of rows with a score of all metrics.
        difference: PLCC, SRCC and KRCC of the first metric minus those of the second, with 95 % intervals.
        p_value: Two-sided p-values of these differences by the bootstrap. None without resamples.
        meng_rosenthal_rubin: Tests of PLCC and SRCC, see `meng_rosenthal_rubin`. They assume independent rows. None if
            not defined.
        williams: Tests of PLCC and SRCC, see `williams`. They assume independent rows. None if not defined.
    """

    first: str
    second: str
    rows: int
    difference: Mapping[str, Estimate]
    p_value: Mapping[str, float | None]
    meng_rosenthal_rubin: Mapping[str, CorrelationTest | None]
    williams: Mapping[str, CorrelationTest | None]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison in JSON types."""

        def to_plain(tests: Mapping[str, CorrelationTest | None]) -> dict[str, dict[str, float] | None]:
            return {name: None if test is None else dict(vars(test)) for name, test in tests.items()}

        return {
            "first": self.first,
            "second": self.second,
            "rows": self.rows,
            "difference": {name: dict(vars(estimate)) for name, estimate in self.difference.items()},
            "p_value": dict(self.p_value),
            "meng_rosenthal_rubin": to_plain(self.meng_rosenthal_rubin),
            "williams": to_plain(self.williams),
        }


def compare_metrics(
    scores: Mapping[str, Sequence[float | None]],
    opinions: Sequence[float],
    *,
    opinion_direction: Direction,
    score_directions: Mapping[str, Direction],
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[MetricComparison]:
    r"""Compare each two metrics on the rows that have a score of all metrics.

    The correlations of both metrics are computed on the same bootstrap resamples of references. The 95 % interval of
    their difference is given by the percentiles 2.5 and 97.5. Let b of B differences be at most 0 and c at least 0. The
    two-sided p-value is :math:`\min(1, 2 (\min(b, c) + 1) / (B + 1))`.

    Source: A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 4.2.

    Args:
        scores: Scores by the name of the metric, one per row. None or nan if there is none.
        opinions: One opinion per row.
        opinion_direction: Whether higher or lower opinions are better.
        score_directions: Whether higher or lower scores are better, by the name of the metric.
        references: Name of the reference image of each row. The bootstrap is over references, or over rows if
            references are not given. Default: None.
        resamples: Number of bootstrap resamples B. Default: 1000. 0 computes no intervals and p-values.
        seed: Seed of the resamples. Default: 0.

    Returns:
        One comparison for each two metrics, in the order of `scores`.

    Raises:
        ArgumentError: If fewer than 3 rows have a score of all metrics.

    Example:
        >>> (found,) = compare_metrics(
        ...     {"good": [1, 2, 3, 4, 5], "bad": [2, 1, 3, 5, 4]}, [5.0, 4.0, 3.0, 2.0, 1.0],
        ...     opinion_direction="higher-is-better", resamples=0,
        ...     score_directions={"good": "lower-is-better", "bad": "lower-is-better"})
        >>> round(found.difference["srcc"].value, 2)
        0.2
    """
    columns = {name: np.array([math.nan if x is None else x for x in column], float) for name, column in scores.items()}
    y = np.array(opinions, float)
    kept = np.isfinite(y) & ~np.logical_or.reduce([np.isnan(column) for column in columns.values()])
    if kept.sum() < MIN_ROWS:
        raise ArgumentError(
            f"There must be at least {MIN_ROWS} rows with a score of each metric and an opinion, but there are "
            f"{kept.sum()} of {len(y)}. Add rows, or leave out a metric."
        )
    y = y[kept] * (1 if opinion_direction == "higher-is-better" else -1)
    signed = {
        name: column[kept] * (1 if score_directions[name] == "higher-is-better" else -1)
        for name, column in columns.items()
    }
    codes = np.arange(len(y)) if references is None else encode_names(references, kept)
    counts = draw_resamples(int(codes.max()) + 1, resamples, seed)
    values = {name: {stat: function(x, y) for stat, function in CORRELATIONS.items()} for name, x in signed.items()}
    draws = {name: _correlations_of_resamples(x, y, codes, counts) for name, x in signed.items()}
    found = []
    for first, second in combinations(scores, 2):
        difference, p_value = {}, {}
        for stat in CORRELATIONS:
            drawn = draws[first][stat] - draws[second][stat]
            difference[stat] = make_estimate(values[first][stat] - values[second][stat], drawn)
            p_value[stat] = _two_sided_p(drawn) if difference[stat].low is not None else None
        between = {stat: CORRELATIONS[stat](signed[first], signed[second]) for stat in _TESTED}
        tests = [
            {
                stat: _run_test(test, values[first][stat], values[second][stat], between[stat], len(y))
                for stat in _TESTED
            }
            for test in (meng_rosenthal_rubin, williams)
        ]
        found.append(MetricComparison(first, second, len(y), difference, p_value, *tests))
    return found


def _correlations_of_resamples(x: Floats, y: Floats, codes: Counts, counts: Floats) -> dict[str, Floats]:
    weights = counts[:, codes]
    return {
        "plcc": plcc_of_resamples(x, y, weights),
        "srcc": srcc_of_resamples(x, y, weights),
        "krcc": krcc_of_resamples(x, y, codes, counts),
    }


def _two_sided_p(drawn: Floats) -> float:
    drawn = drawn[np.isfinite(drawn)]
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(drawn) + 1))


def _run_test(test: Any, first: float, second: float, between: float, rows: int) -> CorrelationTest | None:
    if rows < _MIN_ROWS_OF_TESTS or not all(-1 < value < 1 for value in (first, second, between)):
        return None
    result: CorrelationTest = test(first, second, between, rows)
    return result
