"""Statistics that use the standard deviation of opinions: outlier ratio, and the analysis of pairs by Krasula et al."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.correlation import Floats
from innersight.evaluation.fitting import fit_logistic

MOST_ROWS = 3000
"""Rows of which all pairs are compared; of more rows a random subset of this size is used."""

_NORMAL_95 = 1.96  # two-sided 5 % limit of the normal distribution
_DEVIATIONS = 2.0  # limit of the outlier ratio where the number of votes is not known
_LEAST_ROWS = 3


@dataclass(frozen=True)
class Areas:
    """Areas under the ROC curve of k metrics on the same samples.

    Attributes:
        auc: (k,), in [0, 1]; nan where a class is empty.
        covariance: (k, k), of the areas; nan where a class has fewer than 2 samples.
    """

    auc: Floats
    covariance: Floats

    def p_value(self, first: int, second: int) -> float:
        r"""Test whether two areas differ: :math:`z = (A_1 - A_2) / \sqrt{C_{11} + C_{22} - 2 C_{12}}`.

        Args:
            first: Index of one metric.
            second: Index of the other.

        Returns:
            The two-sided p-value; 1 for equal areas; nan where the variance is 0 or not defined.
        """
        difference = float(self.auc[first] - self.auc[second])
        if difference == 0:
            return 1.0
        c = self.covariance
        variance = float(c[first, first] + c[second, second] - 2 * c[first, second])
        return float(2 * ndtr(-abs(difference) / math.sqrt(variance))) if variance > 0 else math.nan


@dataclass(frozen=True)
class PairAnalysis:
    """Agreement of k metrics with the order of pairs of rows.

    Attributes:
        different: Number of pairs with significantly different opinions.
        similar: Number of the other pairs.
        different_similar: Areas of abs(score difference), different against similar pairs.
        better_worse: Areas of the score difference, better against worse, of different pairs.
        accuracy: (k,), in [0, 1], share of different pairs where both differences have the same sign; nan without any.
    """

    different: int
    similar: int
    different_similar: Areas
    better_worse: Areas
    accuracy: Floats


@dataclass(frozen=True)
class StdEvaluation:
    """Agreement of one or two scores with opinions that have a standard deviation.

    Attributes:
        rows: Rows with all scores, an opinion and a standard deviation.
        votes: Number of votes behind each opinion; None if it was not given.
        outlier_ratio: One a score, in [0, 1]; nan where the logistic fit failed.
        pair_rows: Rows of which all pairs are compared.
        pairs: The analysis of these pairs.
        notes: Rows left out, random subset.
    """

    rows: int
    votes: int | None
    outlier_ratio: Sequence[float]
    pair_rows: int
    pairs: PairAnalysis
    notes: Sequence[str]

    def statistics(self, score: int) -> dict[str, float | None]:
        """Return the statistics of one score by name; None where one is not defined."""
        pairs = self.pairs
        return {
            "outlier_ratio": _defined(self.outlier_ratio[score]),
            "auc_different_similar": _defined(pairs.different_similar.auc[score]),
            "auc_better_worse": _defined(pairs.better_worse.auc[score]),
            "accuracy": _defined(pairs.accuracy[score]),
        }

    def p_values(self) -> dict[str, float | None]:
        """Return the p-values of the differences of the areas of two scores by name."""
        return {
            "auc_different_similar": _defined(self.pairs.different_similar.p_value(0, 1)),
            "auc_better_worse": _defined(self.pairs.better_worse.p_value(0, 1)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON types; the second score and the p-values only where there is a second score."""
        found: dict[str, Any] = {
            "rows": self.rows,
            "votes": self.votes,
            "pair_rows": self.pair_rows,
            "pairs_different": self.pairs.different,
            "pairs_similar": self.pairs.similar,
            "notes": list(self.notes),
            **self.statistics(0),
        }
        if len(self.outlier_ratio) > 1:
            found |= {"versus": self.statistics(1), "p_values": self.p_values()}
        return found


def delong(positives: Floats, negatives: Floats) -> Areas:
    r"""Compute the areas under the ROC curve of k metrics, and their covariance.

    With :math:`\psi(x, y) = 1` for x > y, 1/2 for x = y, 0 for x < y, and m positives :math:`X_i`, n negatives
    :math:`Y_j`: :math:`V_i = \frac1n \sum_j \psi(X_i, Y_j)`, :math:`W_j = \frac1m \sum_i \psi(X_i, Y_j)`,
    :math:`A = \frac1m \sum_i V_i`. The covariance of the areas is
    :math:`\mathrm{cov}(V) / m + \mathrm{cov}(W) / n`, with sample covariances between metrics. V and W are found by
    search in sorted arrays, equal to the differences of midranks, in O((m + n) log(m + n)).

    Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44(3), 1988.

    Args:
        positives: (k, m), a row a metric, no nan.
        negatives: (k, n), likewise.

    Returns:
        The areas and their covariance.

    Raises:
        ArgumentError: If the shapes do not match.

    Example:
        >>> delong(np.array([[3.0, 2.0]]), np.array([[1.0, 2.0]])).auc
        array([0.875])
    """
    if positives.ndim != 2 or negatives.ndim != 2 or len(positives) != len(negatives):
        raise ArgumentError(
            "Arguments `positives` and `negatives` must be (metrics, samples) with as many metrics, but are "
            f"{positives.shape} and {negatives.shape}."
        )
    k, m, n = len(positives), positives.shape[1], negatives.shape[1]
    if min(m, n) == 0:
        return Areas(np.full(k, np.nan), np.full((k, k), np.nan))
    above = np.stack([_share_below(x, y) for x, y in zip(positives, negatives, strict=True)])
    if min(m, n) == 1:
        return Areas(above.mean(1), np.full((k, k), np.nan))
    below = np.stack([1 - _share_below(y, x) for x, y in zip(positives, negatives, strict=True)])
    return Areas(above.mean(1), np.cov(above).reshape(k, k) / m + np.cov(below).reshape(k, k) / n)


def analyse_pairs(scores: Floats, opinions: Floats, errors: Floats) -> PairAnalysis:
    r"""Measure how well scores separate different from similar pairs, and better from worse rows.

    A pair is different if :math:`|o_1 - o_2| > 1.96 \sqrt{e_1^2 + e_2^2}`, else similar. `different_similar` is the
    area of :math:`|s_1 - s_2|`, different pairs as positives. `better_worse` is the area of :math:`s_1 - s_2` of the
    different pairs: positives are the pairs with the better row first, negatives the same pairs with the worse row
    first, so that the order of rows does not matter. Positives and negatives are then one sample, and the covariance of
    `delong` is doubled: the area is a function of one sample of pairs, with variance 4 var(V) / n. The code that the
    authors published does not double it. `accuracy` counts equal scores as wrong. Pairs that share a row count as
    independent in the covariance: p-values are too small.

    Source: L. Krasula, K. Fliegel, P. Le Callet, M. Klima, QoMEX 2016.

    Args:
        scores: (k, n), finite, a row a metric, higher is better.
        opinions: (n,), finite, higher is better.
        errors: (n,), standard errors of the opinions, not negative.

    Returns:
        Counts, areas and accuracies.

    Raises:
        ArgumentError: If the shapes do not match, a value is not finite, an error is negative, or there are more than
            3000 rows.

    Example:
        >>> found = analyse_pairs(np.array([[1.0, 2, 9]]), np.array([1.0, 1.5, 5]), np.ones(3))
        >>> found.different, found.similar, found.different_similar.auc, found.accuracy
        (2, 1, array([1.]), array([1.]))
    """
    n = len(opinions)
    if scores.ndim != 2 or scores.shape[1] != n or opinions.shape != (n,) or errors.shape != (n,):
        raise ArgumentError(
            "Arguments must be `scores` (metrics, rows), `opinions` (rows) and `errors` (rows), but are "
            f"{scores.shape}, {opinions.shape} and {errors.shape}."
        )
    if not all(np.isfinite(values).all() for values in (scores, opinions, errors)) or (errors < 0).any():
        raise ArgumentError("Arguments `scores`, `opinions` and `errors` must be finite, and `errors` not negative.")
    if n > MOST_ROWS:
        raise ArgumentError(f"There must be at most {MOST_ROWS} rows, as all pairs are compared, but there are {n}.")
    one, other = np.triu_indices(n, 1)
    by = opinions[one] - opinions[other]
    is_different = np.abs(by) > _NORMAL_95 * np.sqrt(errors[one] ** 2 + errors[other] ** 2)
    apart = scores[:, one] - scores[:, other]
    different = apart[:, is_different]
    better = different * np.sign(by[is_different])
    order = delong(better, -better)
    count = better.shape[1]
    return PairAnalysis(
        count,
        len(by) - count,
        delong(np.abs(different), np.abs(apart[:, ~is_different])),
        Areas(order.auc, 2 * order.covariance),
        (better > 0).mean(1) if count else np.full(len(scores), np.nan),
    )


def evaluate_with_std(
    scores: Sequence[Iterable[float | None]],
    opinions: Iterable[float | None],
    stds: Iterable[float | None],
    *,
    opinion_direction: Direction,
    score_direction: Direction = "lower-is-better",
    votes: int | None = None,
    seed: int = 0,
) -> StdEvaluation:
    r"""Compute outlier ratio and pair analysis of one or two scores.

    The outlier ratio is the share of rows with :math:`|f(s) - o| > l`, with f the logistic of 4 parameters fitted to
    these rows. With N `votes` the standard error is :math:`e = \mathrm{std} / \sqrt N` and :math:`l = 1.96 e`, as in
    ITU-T P.1401. Without, :math:`l = 2\,\mathrm{std}`, and the pair analysis takes the standard deviation as given for
    the standard error. More than 3000 rows are cut to a random subset of 3000 for the pair analysis.

    Args:
        scores: One or two metrics, one value a row; None, nan and infinite values leave the row out.
        opinions: One a row, likewise.
        stds: Standard deviations of the opinions, likewise.
        opinion_direction: Of opinions.
        score_direction: Of scores, the same for both metrics.
        votes: Number of votes whose mean each opinion is. None uses the standard deviation as the standard error.
        seed: Of the random subset.

    Returns:
        The outlier ratios and the pair analysis.

    Raises:
        ArgumentError: If lengths differ, a standard deviation is negative, `votes` is below 1, or fewer than 3 rows are
            left.

    Example:
        >>> found = evaluate_with_std([[3, 2, 1]], [1, 5, 9], [1, 1, 1], opinion_direction="higher-is-better")
        >>> found.pairs.different, found.statistics(0)["accuracy"]
        (3, 1.0)
    """
    columns = [
        np.array([math.nan if value is None else value for value in side], float) for side in (*scores, opinions, stds)
    ]
    if len({len(column) for column in columns}) != 1:
        raise ArgumentError(
            "Arguments `scores`, `opinions` and `stds` must have equally many rows, but have "
            f"{', '.join(str(len(column)) for column in columns)}."
        )
    if votes is not None and votes < 1:
        raise ArgumentError(f"Argument `votes` must be at least 1, but got {votes}.")
    table = np.stack(columns)
    kept = np.isfinite(table).all(0)
    rows = int(kept.sum())
    if rows < _LEAST_ROWS:
        raise ArgumentError(
            f"There must be at least {_LEAST_ROWS} rows with finite scores, opinion and standard deviation, but there "
            f"are {rows} of {len(kept)}."
        )
    table = table[:, kept]
    x, y, std = table[:-2], table[-2], table[-1]
    if (std < 0).any():
        raise ArgumentError(f"Standard deviations must not be negative, but one is {std.min():g}.")
    x = x if score_direction == "higher-is-better" else -x
    y = y if opinion_direction == "higher-is-better" else -y
    errors = std if votes is None else std / math.sqrt(votes)
    limits = (_DEVIATIONS if votes is None else _NORMAL_95) * errors
    notes = []
    if rows < len(kept):
        notes.append(f"{len(kept) - rows} of {len(kept)} rows left out where the standard deviation is used")
    outliers = [_outlier_ratio(each, y, limits) for each in x]
    if rows > MOST_ROWS:
        notes.append(f"pairs are compared in a random subset of {MOST_ROWS} of {rows} rows, seed {seed}")
        chosen = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
        x, y, errors = x[:, chosen], y[chosen], errors[chosen]
    return StdEvaluation(rows, votes, outliers, len(y), analyse_pairs(x, y, errors), notes)


def _outlier_ratio(x: Floats, y: Floats, limits: Floats) -> float:
    fit = fit_logistic(x, y, 4)
    return math.nan if fit is None else float((np.abs(fit(x) - y) > limits).mean())


def _share_below(values: Floats, others: Floats) -> Floats:
    """Return for each value the share of others below it, equal ones half; sorted queries keep the search fast."""
    order, held = np.argsort(values), np.sort(others)
    queries = values[order]
    share = np.empty(len(values))
    share[order] = (np.searchsorted(held, queries, "left") + np.searchsorted(held, queries, "right")) / (2 * len(held))
    return share


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
