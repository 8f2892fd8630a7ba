"""Agreement of scores with opinions: PLCC, SRCC, KRCC, of a sample and of its resamples at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_CELLS = 1 << 24  # of a matrix that is in memory at once
_MOST_CLUSTERS = 1000  # of which every two are looked at together


def plcc(x: Floats, y: Floats) -> float:
    r"""Pearson's linear correlation, :math:`\sum (x-\bar x)(y-\bar y) / \sqrt{\sum (x-\bar x)^2 \sum (y-\bar y)^2}`.

    Args:
        x: (n,)
        y: (n,)

    Returns:
        In [-1, 1]; nan where it is not defined: a constant side, an infinite value, fewer than 2 rows.

    Example:
        >>> round(plcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])), 10)
        0.9827076298
    """
    return _of_library(lambda: stats.pearsonr(x, y).statistic, x, y, finite=True)


def srcc(x: Floats, y: Floats) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank.

    Args:
        x: (n,)
        y: (n,)

    Returns:
        In [-1, 1]; nan where it is not defined: a constant side, fewer than 2 rows.

    Example:
        >>> round(srcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 5, 3])), 10)
        0.8
    """
    return _of_library(lambda: stats.spearmanr(x, y).statistic, x, y, finite=False)


def krcc(x: Floats, y: Floats) -> float:
    """Kendall's tau-b: concordant less discordant pairs, over the root of the product of the pairs untied on each side.

    Args:
        x: (n,)
        y: (n,)

    Returns:
        In [-1, 1]; nan where it is not defined: a constant side, fewer than 2 rows.

    Example:
        >>> round(krcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 5, 3])), 4)
        0.6667
    """
    return _of_library(lambda: stats.kendalltau(x, y).statistic, x, y, finite=False)


CORRELATIONS: dict[str, Callable[[Floats, Floats], float]] = {"plcc": plcc, "srcc": srcc, "krcc": krcc}


def draw_resamples(clusters: int, count: int, seed: int) -> Floats:
    """Draw resamples of whole clusters; the same seed draws the same for every score, so that scores compare.

    Args:
        clusters: How many there are; of one there are no resamples.
        count: B.
        seed: Of the draw.

    Returns:
        (B, clusters), how often each cluster is in each resample.
    """
    share = np.full(clusters, 1 / clusters)
    return np.random.default_rng(seed).multinomial(clusters, share, size=count if clusters > 1 else 0).astype(float)


def plcc_of_resamples(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Compute `plcc` of many resamples.

    Args:
        x: (n,), finite.
        y: (n,), finite.
        weights: (B, n), how often each row is in each resample.

    Returns:
        (B,), nan where it is not defined.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.full(len(weights), np.nan)
    return _weighted_pearson(np.broadcast_to(x, weights.shape), np.broadcast_to(y, weights.shape), weights)


def srcc_of_resamples(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Compute `srcc` of many resamples; see `plcc_of_resamples`."""
    at_once = max(1, _CELLS // max(1, len(x)))
    parts = [weights[first : first + at_once] for first in range(0, max(1, len(weights)), at_once)]
    return np.concatenate([_weighted_pearson(_ranks(x, part), _ranks(y, part), part) for part in parts])


def krcc_of_resamples(x: Floats, y: Floats, clusters: Counts, counts: Floats) -> Floats:
    r"""Compute `krcc` of many resamples of whole clusters of rows.

    With :math:`C_{ab} = \sum_{i \in a, j \in b} \mathrm{sgn}(x_i - x_j)\,\mathrm{sgn}(y_i - y_j)` the concordance of a
    resample that holds cluster a :math:`m_a` times is :math:`m^T C m`, and likewise for the untied pairs, so that pairs
    of rows are looked at once for all resamples. With many clusters the matrix would not fit the memory; then each
    resample is computed by itself.

    Args:
        x: (n,)
        y: (n,)
        clusters: (n,), the cluster of each row, from 0.
        counts: (B, clusters), how often each cluster is in each resample.

    Returns:
        (B,), nan where it is not defined.
    """
    if len(counts) == 0:
        return np.empty(0)
    if counts.shape[1] > _MOST_CLUSTERS:
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


def _of_library(compute: Callable[[], float], x: Floats, y: Floats, *, finite: bool) -> float:
    if len(x) < 2 or (x == x[0]).all() or (y == y[0]).all():
        return float("nan")
    if finite and not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nearly constant input
        return float(compute())


def _weighted_pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    total = weights.sum(1, keepdims=True)
    total = np.where(total > 0, total, 1)
    dx = x - (weights * x).sum(1, keepdims=True) / total
    dy = y - (weights * y).sum(1, keepdims=True) / total
    scale_x, scale_y = (weights * dx**2).sum(1), (weights * dy**2).sum(1)
    # A constant side leaves rounding in place of 0.
    floor = [1e-24 * np.maximum((weights * side**2).sum(1), np.finfo(float).tiny) for side in (x, y)]
    varied = (scale_x > floor[0]) & (scale_y > floor[1])
    return _ratio((weights * dx * dy).sum(1), np.where(varied, np.sqrt(scale_x * scale_y), 0))


def _ranks(x: Floats, weights: Floats) -> Floats:
    """Rank x within each resample, (B, n): equal values share the mean of their ranks."""
    values, which = np.unique(x, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(values)))
    held = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks: Floats = (np.cumsum(held, axis=1) - (held - 1) / 2)[:, which]
    return ranks


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio
