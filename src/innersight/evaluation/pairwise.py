"""Two metrics on the same images: by how much one agrees better, and whether that could be chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import LEAST_ROWS, Estimate, codes_of, estimate_of
from innersight.evaluation.correlation import (
    CORRELATIONS,
    Counts,
    Floats,
    draw_resamples,
    krcc_of_resamples,
    plcc_of_resamples,
    srcc_of_resamples,
)
from innersight.evaluation.correlation_tests import Verdict, meng_rosenthal_rubin, williams

_LEAST_FOR_TESTS = 4
_TESTED = ("plcc", "srcc")


@dataclass(frozen=True)
class Difference:
    """By how much the first metric agrees better with people than the second.

    Attributes:
        first: Its name.
        second: The other's.
        rows: Rows that both scored.
        by: PLCC, SRCC and KRCC of the first less those of the second, with 95 % intervals.
        p_value: Of each, two-sided, from the resamples; None where there are none.
        meng_rosenthal_rubin: Of PLCC and SRCC, see `meng_rosenthal_rubin`; it takes rows for independent.
        williams: Likewise, see `williams`.
    """

    first: str
    second: str
    rows: int
    by: Mapping[str, Estimate]
    p_value: Mapping[str, float | None]
    meng_rosenthal_rubin: Mapping[str, Verdict | None]
    williams: Mapping[str, Verdict | None]

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON types."""

        def plain(verdicts: Mapping[str, Verdict | None]) -> dict[str, dict[str, float] | None]:
            return {name: None if verdict is None else dict(vars(verdict)) for name, verdict in verdicts.items()}

        return {
            "first": self.first,
            "second": self.second,
            "rows": self.rows,
            "by": {name: dict(vars(estimate)) for name, estimate in self.by.items()},
            "p_value": dict(self.p_value),
            "meng_rosenthal_rubin": plain(self.meng_rosenthal_rubin),
            "williams": plain(self.williams),
        }


def compare(
    scores: Mapping[str, Sequence[float | None]],
    opinions: Sequence[float],
    *,
    opinion_direction: Direction,
    score_directions: Mapping[str, Direction],
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Difference]:
    r"""Compare every two metrics on the rows that all of them scored.

    Both correlations are computed on the same resamples of whole references; the interval of their difference is its
    percentiles, and with b of B differences at most 0 and c at least 0, :math:`p = 2 (\min(b, c) + 1) / (B + 1)`, at
    most 1 (A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 4.2).

    Args:
        scores: By metric, one a row; None where there is none.
        opinions: One a row.
        opinion_direction: Of opinions.
        score_directions: By metric.
        references: The reference of each row; without them rows are resampled.
        resamples: B; 0 for no intervals.
        seed: Of the resamples.

    Returns:
        One a pair of metrics, in the order of `scores`.

    Raises:
        ArgumentError: If fewer than 3 rows have all scores.

    Example:
        >>> (found,) = compare(
        ...     {"good": [1, 2, 3, 4, 5], "bad": [2, 1, 3, 5, 4]}, [5.0, 4.0, 3.0, 2.0, 1.0],
        ...     opinion_direction="higher-is-better", resamples=0,
        ...     score_directions={"good": "lower-is-better", "bad": "lower-is-better"})
        >>> round(found.by["srcc"].value, 2)
        0.2
    """
    columns = {name: np.array([math.nan if x is None else x for x in column], float) for name, column in scores.items()}
    y = np.array(opinions, float)
    kept = np.isfinite(y) & ~np.logical_or.reduce([np.isnan(column) for column in columns.values()])
    if kept.sum() < LEAST_ROWS:
        raise ArgumentError(
            f"To compare metrics there must be at least {LEAST_ROWS} rows that all of them scored, but there are "
            f"{kept.sum()} of {len(y)}."
        )
    y = y[kept] * (1 if opinion_direction == "higher-is-better" else -1)
    turned = {
        name: column[kept] * (1 if score_directions[name] == "higher-is-better" else -1)
        for name, column in columns.items()
    }
    codes = np.arange(len(y)) if references is None else codes_of(references, kept)
    counts = draw_resamples(int(codes.max()) + 1, resamples, seed)
    values = {name: {stat: function(x, y) for stat, function in CORRELATIONS.items()} for name, x in turned.items()}
    draws = {name: _draws(x, y, codes, counts) for name, x in turned.items()}
    found = []
    for first, second in combinations(scores, 2):
        by, p_value = {}, {}
        for stat in CORRELATIONS:
            drawn = draws[first][stat] - draws[second][stat]
            by[stat] = estimate_of(values[first][stat] - values[second][stat], drawn)
            p_value[stat] = _two_sided(drawn) if by[stat].low is not None else None
        between = {stat: CORRELATIONS[stat](turned[first], turned[second]) for stat in _TESTED}
        verdicts = [
            {stat: _tested(test, values[first][stat], values[second][stat], between[stat], len(y)) for stat in _TESTED}
            for test in (meng_rosenthal_rubin, williams)
        ]
        found.append(Difference(first, second, len(y), by, p_value, *verdicts))
    return found


def _draws(x: Floats, y: Floats, codes: Counts, counts: Floats) -> dict[str, Floats]:
    weights = counts[:, codes]
    return {
        "plcc": plcc_of_resamples(x, y, weights),
        "srcc": srcc_of_resamples(x, y, weights),
        "krcc": krcc_of_resamples(x, y, codes, counts),
    }


def _two_sided(drawn: Floats) -> float:
    drawn = drawn[np.isfinite(drawn)]
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(drawn) + 1))


def _tested(test: Any, first: float, second: float, between: float, rows: int) -> Verdict | None:
    if rows < _LEAST_FOR_TESTS or not all(-1 < value < 1 for value in (first, second, between)):
        return None
    verdict: Verdict = test(first, second, between, rows)
    return verdict
