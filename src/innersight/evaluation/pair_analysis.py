"""Pair analysis of Krasula et al., and the test of DeLong et al. for two areas under the ROC curve."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from innersight.errors import ArgumentError
from innersight.evaluation.correlation import Floats

MAX_PAIR_ROWS = 3000
"""The largest number of rows whose pairs are analysed: the number of pairs grows with its square."""

NORMAL_95 = 1.96
"""Two-sided 5 % limit of the standard normal distribution."""


@dataclass(frozen=True)
class RocAreas:
    """Areas under the ROC curve (AUC) of k metrics on the same samples.

    Attributes:
        auc: (k,), in [0, 1]. nan if a class has no samples.
        covariance: (k, k), covariance of the areas. nan if a class has fewer than 2 samples.
    """

    auc: Floats
    covariance: Floats

    def p_value(self, first: int, second: int) -> float:
        r"""Test whether the areas of two metrics differ.

        The statistic is :math:`z = (A_1 - A_2) / \sqrt{C_{11} + C_{22} - 2 C_{12}}`, with the areas A and their
        covariance C. It has a standard normal distribution if the areas are equal.

        Args:
            first: Index of one metric.
            second: Index of the other metric.

        Returns:
            The two-sided p-value. 1 if the areas are equal; nan if the variance is 0 or not defined.
        """
        difference = float(self.auc[first] - self.auc[second])
        if difference == 0:
            return 1.0
        c = self.covariance
        variance = float(c[first, first] + c[second, second] - 2 * c[first, second])
        return float(2 * ndtr(-abs(difference) / math.sqrt(variance))) if variance > 0 else math.nan


@dataclass(frozen=True)
class PairAnalysis:
    """Agreement of k metrics with the opinions on pairs of rows.

    Attributes:
        different: Number of pairs with significantly different opinions.
        similar: Number of all other pairs.
        different_similar: Areas for the absolute score difference: different pairs against similar pairs.
        better_worse: Areas for the signed score difference of different pairs: better against worse.
        accuracy: (k,), in [0, 1], share of different pairs whose scores have the order of the opinions. nan if there
            are no different pairs.
    """

    different: int
    similar: int
    different_similar: RocAreas
    better_worse: RocAreas
    accuracy: Floats


def delong(positives: Floats, negatives: Floats) -> RocAreas:
    r"""Compute the areas under the ROC curve of k metrics and their covariance.

    Let :math:`\psi(x, y)` be 1 for x > y, 1/2 for x = y, and 0 for x < y. There are m positives :math:`X_i` and n
    negatives :math:`Y_j`. With :math:`V_i = \frac1n \sum_j \psi(X_i, Y_j)` and
    :math:`W_j = \frac1m \sum_i \psi(X_i, Y_j)`, the area is :math:`A = \frac1m \sum_i V_i`, and the covariance of the
    areas is :math:`\mathrm{cov}(V) / m + \mathrm{cov}(W) / n`, with sample covariances between metrics. V and W are
    computed by binary search in sorted arrays, in O((m + n) log(m + n)).

    Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44(3), 1988.

    Args:
        positives: (k, m), scores of the positive samples, one row per metric, without nan.
        negatives: (k, n), scores of the negative samples, one row per metric, without nan.

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
            "Arguments `positives` and `negatives` must have the shapes (metrics, samples) with the same number of "
            f"metrics, but have {positives.shape} and {negatives.shape}."
        )
    return _roc_areas(zip(positives, negatives, strict=True))


def analyse_pairs(scores: Floats, opinions: Floats, errors: Floats) -> PairAnalysis:
    r"""Measure how well scores separate different from similar pairs of rows, and better from worse rows.

    Two rows are different if :math:`|o_1 - o_2| > 1.96 \sqrt{e_1^2 + e_2^2}`, with opinions o and standard errors e.
    Otherwise they are similar.

    `different_similar` is the area of :math:`|s_1 - s_2|`, with different pairs as positives. `better_worse` is the
    area of :math:`s_1 - s_2` of the different pairs. Its positives are the pairs with the better row first. Its
    negatives are the same pairs with the worse row first, so that the order of the rows has no effect. Positives and
    negatives are then one sample, and the area is a function of one sample of n pairs with the variance 4 var(V) / n.
    Therefore the covariance of `delong` is doubled. The code that the authors published does not double it.

    `accuracy` counts equal scores as wrong. The covariances assume independent pairs, but pairs share rows. Therefore
    the p-values are too small.

    Source: L. Krasula, K. Fliegel, P. Le Callet, M. Klima, QoMEX 2016.

    Args:
        scores: (k, n), finite, one row per metric; higher is better.
        opinions: (n,), finite; higher is better.
        errors: (n,), standard errors of the opinions, not negative.

    Returns:
        Numbers of pairs, areas and accuracies.

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
            "Arguments `scores`, `opinions` and `errors` must have the shapes (metrics, rows), (rows) and (rows), but "
            f"have {scores.shape}, {opinions.shape} and {errors.shape}."
        )
    if not all(np.isfinite(values).all() for values in (scores, opinions, errors)) or (errors < 0).any():
        raise ArgumentError(
            "Arguments `scores`, `opinions` and `errors` must be finite, and `errors` not negative. Remove such rows."
        )
    if n > MAX_PAIR_ROWS:
        raise ArgumentError(
            f"Argument `scores` must have at most {MAX_PAIR_ROWS} rows, because all pairs are compared, but has {n}. "
            "Pass a random subset."
        )
    one, other = np.triu_indices(n, 1)
    gap = opinions[one] - opinions[other]
    is_different = np.abs(gap) > NORMAL_95 * np.sqrt(errors[one] ** 2 + errors[other] ** 2)
    sign = np.sign(gap[is_different])
    # Generators, because the pairs of 3000 rows take 36 MB per metric.
    apart = (np.abs(row[one] - row[other]) for row in scores)
    different_similar = _roc_areas((each[is_different], each[~is_different]) for each in apart)
    better = ((row[one] - row[other])[is_different] * sign for row in scores)
    order = _roc_areas((each, -each) for each in better)
    better = ((row[one] - row[other])[is_different] * sign for row in scores)
    accuracy = np.array([(each > 0).mean() if len(each) else np.nan for each in better])
    return PairAnalysis(
        len(sign),
        len(gap) - len(sign),
        different_similar,
        RocAreas(order.auc, 2 * order.covariance),
        accuracy,
    )


def _roc_areas(samples: Iterable[tuple[Floats, Floats]]) -> RocAreas:
    """Compute the areas of metrics, each with its positives and negatives."""
    above, below = [], []
    for positives, negatives in samples:
        if min(len(positives), len(negatives)) == 0:
            above.append(np.full(1, np.nan))
            below.append(np.full(1, np.nan))
        else:
            above.append(_share_below(positives, negatives))
            below.append(1 - _share_below(negatives, positives))
    auc = np.array([v.mean() for v in above])
    return RocAreas(auc, _covariance_of_means(above) + _covariance_of_means(below))


def _covariance_of_means(samples: list[Floats]) -> Floats:
    """Return the covariance of the means of k samples, (k, k), or nan if they have fewer than 2 values each.

    The samples are centred in place to save memory.
    """
    n = len(samples[0])
    if n < 2:
        return np.full((len(samples), len(samples)), np.nan)
    for sample in samples:
        sample -= sample.mean()
    return np.array([[one @ other for other in samples] for one in samples]) / ((n - 1) * n)


def _share_below(values: Floats, others: Floats) -> Floats:
    """Return for each value the share of others below it. Equal ones count half."""
    order, held = np.argsort(values), np.sort(others)  # searches for sorted values are faster
    queries = values[order]
    share = np.empty(len(values))
    share[order] = (np.searchsorted(held, queries, "left") + np.searchsorted(held, queries, "right")) / (2 * len(held))
    return share
