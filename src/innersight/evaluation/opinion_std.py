"""Statistics that use the standard deviation of opinions: the outlier ratio and the pair analysis of Krasula et al."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from innersight.datasets.dataset import DIRECTIONS, Direction
from innersight.errors import ArgumentError, unknown_name
from innersight.evaluation.agreement import MIN_ROWS
from innersight.evaluation.correlation import Floats
from innersight.evaluation.fitting import fit_logistic
from innersight.evaluation.pair_analysis import MAX_PAIR_ROWS, NORMAL_95, PairAnalysis, analyse_pairs

STD_STATISTICS = ("outlier_ratio", "auc_different_similar", "auc_better_worse", "accuracy")

_DEVIATIONS = 2.0  # limit of the outlier ratio in standard deviations if the number of votes is not known


@dataclass(frozen=True)
class StdEvaluation:
    """Agreement of metrics with opinions that have a standard deviation.

    Attributes:
        metrics: Names of the metrics.
        rows: Number of rows with a score of each metric, an opinion and a standard deviation.
        votes: Number of votes per opinion. None if it was not given as one number.
        outlier_ratio: One value per metric, in [0, 1]. nan if the logistic fit failed.
        pair_rows: Number of rows whose pairs are compared.
        pairs: The analysis of these pairs.
        notes: Notes on the standard errors, rows left out and the random subset.
    """

    metrics: Sequence[str]
    rows: int
    votes: int | None
    outlier_ratio: Sequence[float]
    pair_rows: int
    pairs: PairAnalysis
    notes: Sequence[str]

    def statistics(self, metric: str) -> dict[str, float | None]:
        """Return the statistics of one metric by name, see `STD_STATISTICS`. None if one is not defined."""
        index = list(self.metrics).index(metric)
        values = (
            self.outlier_ratio[index],
            self.pairs.different_similar.auc[index],
            self.pairs.better_worse.auc[index],
            self.pairs.accuracy[index],
        )
        return {name: _defined(value) for name, value in zip(STD_STATISTICS, values, strict=True)}

    def p_values(self) -> dict[tuple[str, str], dict[str, float | None]]:
        """Return the p-values of the test by DeLong et al. for each two metrics, by the names of the areas."""
        areas = {
            "auc_different_similar": self.pairs.different_similar,
            "auc_better_worse": self.pairs.better_worse,
        }
        return {
            (self.metrics[first], self.metrics[second]): {
                name: _defined(area.p_value(first, second)) for name, area in areas.items()
            }
            for first, second in combinations(range(len(self.metrics)), 2)
        }

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation in JSON types."""
        return {
            "rows": self.rows,
            "votes": self.votes,
            "pair_rows": self.pair_rows,
            "pairs_different": self.pairs.different,
            "pairs_similar": self.pairs.similar,
            "notes": list(self.notes),
            "metrics": {name: self.statistics(name) for name in self.metrics},
            "p_values": [
                {"first": first, "second": second, **found} for (first, second), found in self.p_values().items()
            ],
        }


def evaluate_with_std(
    scores: Mapping[str, Iterable[float | None]],
    opinions: Iterable[float | None],
    stds: Iterable[float | None],
    *,
    opinion_direction: Direction,
    score_directions: Mapping[str, Direction],
    votes: int | Sequence[int] | None = None,
    seed: int = 0,
) -> StdEvaluation:
    r"""Compute the outlier ratio and the pair analysis of metrics on the same rows.

    The outlier ratio is the share of rows with :math:`|f(s) - o| > l`. Here f is the logistic function with 4
    parameters, fitted to these rows, s the score and o the opinion. With N `votes` the standard error is
    :math:`e = \mathrm{std} / \sqrt N`, and :math:`l = 1.96 e` as in ITU-T P.1401. Without `votes`,
    :math:`l = 2\,\mathrm{std}`, and the pair analysis uses the standard deviation as the standard error. The pair
    analysis is `analyse_pairs`. If there are more than 3000 rows, it uses a random subset of 3000 rows.

    Args:
        scores: Scores by the name of the metric, one per row. Rows without a finite score of each metric are left out.
        opinions: One opinion per row. Rows without a finite opinion are left out.
        stds: One standard deviation per row. Rows without a finite standard deviation are left out.
        opinion_direction: Whether higher or lower opinions are better.
        score_directions: Whether higher or lower scores are better, by the name of the metric.
        votes: Number of votes whose mean is an opinion: one number, or one number per row. None, the default, uses the
            standard deviation as the standard error.
        seed: Seed of the random subset. Default: 0.

    Returns:
        The outlier ratios and the pair analysis.

    Raises:
        ArgumentError: If lengths differ, a direction is unknown, a standard deviation is negative, `votes` is below 1,
            or fewer than 3 rows remain.

    Example:
        >>> found = evaluate_with_std(
        ...     {"psnr": [3, 2, 1]}, [1, 5, 9], [1, 1, 1],
        ...     opinion_direction="higher-is-better", score_directions={"psnr": "lower-is-better"})
        >>> found.pairs.different, found.statistics("psnr")["accuracy"]
        (3, 1.0)
    """
    directions = {f"score_directions[{name!r}]": score_directions[name] for name in scores}
    for argument, direction in {"opinion_direction": opinion_direction, **directions}.items():
        if direction not in DIRECTIONS:
            raise unknown_name(argument, direction, DIRECTIONS)
    x, y, std, errors, limits = _columns(list(scores.values()), opinions, stds, votes)
    kept = np.isfinite(x).all(0) & np.isfinite(y) & np.isfinite(errors)
    rows = int(kept.sum())
    if rows < MIN_ROWS:
        raise ArgumentError(
            f"There must be at least {MIN_ROWS} rows with finite scores, opinion and standard deviation, but there are "
            f"{rows} of {len(kept)}. Add rows."
        )
    if (std[kept] < 0).any():
        raise ArgumentError(
            f"Argument `stds` must not be negative, but has the value {std[kept].min():g}. Correct that row."
        )
    signs = [1 if score_directions[name] == "higher-is-better" else -1 for name in scores]
    x, y, errors, limits = x[:, kept] * np.array(signs)[:, None], y[kept], errors[kept], limits[kept]
    y = y if opinion_direction == "higher-is-better" else -y
    notes = []
    if votes is None:
        notes.append("standard deviations are used as standard errors, because the number of votes is not given")
    elif not isinstance(votes, int):
        notes.append("standard errors use the number of votes of each row")
    if rows < len(kept):
        notes.append(f"{len(kept) - rows} of {len(kept)} rows left out of the statistics with standard deviation")
    outliers = [_outlier_ratio(each, y, limits) for each in x]
    if rows > MAX_PAIR_ROWS:
        notes.append(f"pairs are compared in a random subset of {MAX_PAIR_ROWS} of {rows} rows, seed {seed}")
        chosen = np.sort(np.random.default_rng(seed).choice(rows, MAX_PAIR_ROWS, replace=False))
        x, y, errors = x[:, chosen], y[chosen], errors[chosen]
    single = votes if isinstance(votes, int) else None
    return StdEvaluation(tuple(scores), rows, single, outliers, len(y), analyse_pairs(x, y, errors), notes)


def _columns(
    scores: Sequence[Iterable[float | None]],
    opinions: Iterable[float | None],
    stds: Iterable[float | None],
    votes: int | Sequence[int] | None,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return scores (metrics, rows), opinions, standard deviations, standard errors and limits of the outlier ratio."""
    columns = [
        np.array([math.nan if value is None else value for value in side], float) for side in (*scores, opinions, stds)
    ]
    count = None if votes is None else np.atleast_1d(np.array(votes, float))
    lengths = [len(column) for column in columns] + ([] if count is None or len(count) == 1 else [len(count)])
    if len(set(lengths)) != 1:
        raise ArgumentError(
            "Arguments `scores`, `opinions`, `stds` and `votes` must have the same number of rows, but have "
            f"{', '.join(map(str, lengths))}."
        )
    std = columns[-1]
    if count is None:
        return np.stack(columns[:-2]), columns[-2], std, std, _DEVIATIONS * std
    if not (count >= 1).all():
        raise ArgumentError(f"Argument `votes` must be at least 1, but got {count.min():g}.")
    errors: Floats = std / np.sqrt(count)
    return np.stack(columns[:-2]), columns[-2], std, errors, NORMAL_95 * errors


def _outlier_ratio(x: Floats, y: Floats, limits: Floats) -> float:
    fit = fit_logistic(x, y, 4)
    return math.nan if fit is None else float((np.abs(fit(x) - y) > limits).mean())


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
