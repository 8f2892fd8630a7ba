"""Correlation coefficients PLCC, SRCC and KRCC of a sample, and of all its bootstrap resamples at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_MAX_CELLS = 1 << 24  # largest number of elements of a matrix of resamples in memory
_MAX_CLUSTERS = 1000  # largest number of clusters for the matrix of pairs of clusters


def plcc(x: Floats, y: Floats) -> float:
    r"""Compute Pearson's linear correlation coefficient.

    :math:`\sum (x-\bar x)(y-\bar y) / \sqrt{\sum (x-\bar x)^2 \sum (y-\bar y)^2}`

    Args:
        x: (n,), scores.
        y: (n,), opinions.

    Returns:
        The coefficient, in [-1, 1]. nan if `x` or `y` is constant, has an infinite value or fewer than 2 rows.

    Example:
        >>> round(plcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])), 10)
        0.9827076298
    """
    return _compute_if_defined(lambda: stats.pearsonr(x, y).statistic, x, y, finite=True)


def srcc(x: Floats, y: Floats) -> float:
    """Compute Spearman's rank correlation coefficient: Pearson's coefficient of the ranks. Ties have their mean rank.

    Args:
        x: (n,), scores.
        y: (n,), opinions.

    Returns:
        The coefficient, in [-1, 1]. nan if `x` or `y` is constant or has fewer than 2 rows.

    Example:
        >>> round(srcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 5, 3])), 10)
        0.8
    """
    return _compute_if_defined(lambda: stats.spearmanr(x, y).statistic, x, y, finite=False)


def krcc(x: Floats, y: Floats) -> float:
    r"""Compute Kendall's rank correlation coefficient tau-b.

    :math:`(C - D) / \sqrt{n_x n_y}`, with C concordant and D discordant pairs of rows, and with :math:`n_x` and
    :math:`n_y` the numbers of pairs without a tie in x and in y.

    Args:
        x: (n,), scores.
        y: (n,), opinions.

    Returns:
        The coefficient, in [-1, 1]. nan if `x` or `y` is constant or has fewer than 2 rows.

    Example:
        >>> round(krcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 5, 3])), 4)
        0.6667
    """
    return _compute_if_defined(lambda: stats.kendalltau(x, y).statistic, x, y, finite=False)


CORRELATIONS: dict[str, Callable[[Floats, Floats], float]] = {"plcc": plcc, "srcc": srcc, "krcc": krcc}
"""The correlation coefficients by name."""


def draw_resamples(clusters: int, count: int, seed: int) -> Floats:
    """Draw bootstrap resamples of clusters. The same seed gives the same resamples, so that metrics can be compared.

    Args:
        clusters: Number of clusters. With one cluster there are no resamples.
        count: Number of resamples B.
        seed: Seed of the random numbers.

    Returns:
        (B, clusters), number of times that each cluster is in each resample.
    """
    share = np.full(clusters, 1 / clusters)
    return np.random.default_rng(seed).multinomial(clusters, share, size=count if clusters > 1 else 0).astype(float)


def plcc_of_resamples(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Compute `plcc` of all resamples.

    Args:
        x: (n,), scores.
        y: (n,), opinions.
        weights: (B, n), number of times that each row is in each resample.

    Returns:
        (B,), nan where `plcc` is not defined. All nan if a value of `x` or `y` is infinite.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.full(len(weights), np.nan)
    return _weighted_pearson(np.broadcast_to(x, weights.shape), np.broadcast_to(y, weights.shape), weights)


def srcc_of_resamples(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Compute `srcc` of all resamples.

    Args:
        x: (n,), scores.
        y: (n,), opinions.
        weights: (B, n), number of times that each row is in each resample.

    Returns:
        (B,), nan where `srcc` is not defined.
    """
    at_once = max(1, _MAX_CELLS // max(1, len(x)))
    parts = [weights[first : first + at_once] for first in range(0, max(1, len(weights)), at_once)]
    return np.concatenate([_weighted_pearson(_ranks(x, part), _ranks(y, part), part) for part in parts])


def krcc_of_resamples(x: Floats, y: Floats, clusters: Counts, counts: Floats) -> Floats:
    r"""Compute `krcc` of all resamples of clusters of rows.

    With :math:`C_{ab} = \sum_{i \in a, j \in b} \mathrm{sgn}(x_i - x_j)\,\mathrm{sgn}(y_i - y_j)`, the number of
    concordant minus discordant pairs of a resample is :math:`m^T C m`, where :math:`m_a` is the number of times that
    cluster a is in the resample. The pairs without ties are counted in the same way. Thus each pair of rows is compared
    only once for all resamples. With more than 1000 clusters the matrix C is too large, and each resample is computed
    separately.

    Args:
        x: (n,), scores.
        y: (n,), opinions.
        clusters: (n,), cluster of each row, an integer from 0.
        counts: (B, clusters), number of times that each cluster is in each resample.

    Returns:
        (B,), nan where `krcc` is not defined.
    """
    if len(counts) == 0:
        return np.empty(0)
    if counts.shape[1] > _MAX_CLUSTERS:
        repeats = counts[:, clusters].astype(int)
        return np.array([krcc(np.repeat(x, often), np.repeat(y, often)) for often in repeats])
    order = np.argsort(clusters, kind="stable")
    x, y, sorted_clusters = x[order], y[order], clusters[order]
    present, starts = np.unique(sorted_clusters, return_index=True)
    held = counts[:, present]
    concordant, untied_x, untied_y = (np.zeros((len(present), len(present))) for _ in range(3))
    for row, rows in enumerate(np.split(np.arange(len(x)), starts[1:])):
        sign_x = (x[rows, None] > x) * 1.0 - (x[rows, None] < x)
        sign_y = (y[rows, None] > y) * 1.0 - (y[rows, None] < y)
        for matrix, signs in ((concordant, sign_x * sign_y), (untied_x, np.abs(sign_x)), (untied_y, np.abs(sign_y))):
            matrix[row] = np.add.reduceat(signs.sum(0), starts)
    sums = [np.einsum("ba,ac,bc->b", held, matrix, held, optimize=True) for matrix in (concordant, untied_x, untied_y)]
    return _ratio(sums[0], np.sqrt(sums[1] * sums[2]))


def _compute_if_defined(compute: Callable[[], float], x: Floats, y: Floats, *, finite: bool) -> float:
    if len(x) < 2 or (x == x[0]).all() or (y == y[0]).all():
        return float("nan")
    if finite and not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of nearly constant input
        return float(compute())


def _weighted_pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    total = weights.sum(1, keepdims=True)
    total = np.where(total > 0, total, 1)
    dx = x - (weights * x).sum(1, keepdims=True) / total
    dy = y - (weights * y).sum(1, keepdims=True) / total
    scale_x, scale_y = (weights * dx**2).sum(1), (weights * dy**2).sum(1)
    # The variance of a constant is not exactly 0, because of rounding errors.
    floor = [1e-24 * np.maximum((weights * side**2).sum(1), np.finfo(float).tiny) for side in (x, y)]
    varied = (scale_x > floor[0]) & (scale_y > floor[1])
    return _ratio((weights * dx * dy).sum(1), np.where(varied, np.sqrt(scale_x * scale_y), 0))


def _ranks(x: Floats, weights: Floats) -> Floats:
    """Return the ranks of x in each resample, (B, n). Ties have their mean rank."""
    values, which = np.unique(x, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(values)))
    held = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks: Floats = (np.cumsum(held, axis=1) - (held - 1) / 2)[:, which]
    return ranks


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    ratio: Floats = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return ratio
