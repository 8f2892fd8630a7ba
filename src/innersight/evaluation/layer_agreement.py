"""Agreement of the part of each layer in the scores of a metric with opinions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from innersight.datasets.dataset import DIRECTIONS, Direction
from innersight.errors import ArgumentError, unknown_name
from innersight.evaluation.agreement import MIN_ROWS, Estimate, encode_names, make_estimate
from innersight.evaluation.correlation import Floats, draw_resamples, srcc, srcc_of_resamples


def layer_srcc(
    parts: Sequence[Sequence[float] | None],
    opinions: Sequence[float | None],
    *,
    opinion_direction: Direction,
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Compute the SRCC of the part of each layer alone with opinions. Positive values mean agreement.

    The 95 % intervals are the percentiles 2.5 and 97.5 of a bootstrap over references, or over rows if references are
    not given.

    Args:
        parts: The parts of the layers in the score of each row, as many in each row. Lower is better. Rows with None
            are left out.
        opinions: One opinion per row. Rows without a finite opinion are left out.
        opinion_direction: `higher-is-better` (MOS) or `lower-is-better` (DMOS).
        references: Name of the reference image of each row. Default: None.
        resamples: Number of bootstrap resamples. Default: 1000. 0 computes no intervals.
        seed: Seed of the resamples. Default: 0.

    Returns:
        The estimate of each layer. Its value is None if all its parts are equal.

    Raises:
        ArgumentError: If lengths differ, the direction is unknown, or fewer than 3 rows remain.

    Example:
        >>> parts = [[0.1, 0.5], [0.2, 0.3], [0.3, 0.4], [0.4, 0.9]]
        >>> found = layer_srcc(parts, [4, 3, 2, 1], opinion_direction="higher-is-better", resamples=0)
        >>> [estimate.value for estimate in found]
        [1.0, 0.4]
    """
    if opinion_direction not in DIRECTIONS:
        raise unknown_name("opinion_direction", opinion_direction, DIRECTIONS)
    for argument, side in (("opinions", opinions), ("references", references)):
        if side is not None and len(side) != len(parts):
            raise ArgumentError(
                f"Argument `{argument}` must have as many rows as `parts`, {len(parts)}, but has {len(side)}. Pass one "
                "value per row."
            )
    y = np.array([math.nan if value is None else value for value in opinions], float)
    kept = np.isfinite(y) & np.array([row is not None for row in parts], bool)
    if kept.sum() < MIN_ROWS:
        raise ArgumentError(
            f"There must be at least {MIN_ROWS} rows with parts of layers and an opinion, but there are {kept.sum()} "
            f"of {len(y)}. Add rows."
        )
    counts = sorted({len(row) for row, keep in zip(parts, kept, strict=True) if keep and row is not None})
    if len(counts) > 1 or counts[0] == 0:
        raise ArgumentError(
            f"Argument `parts` must have the same number of parts in each row, at least one, but has {counts}. Use the "
            "rows of one metric."
        )
    x = np.array([row for row, keep in zip(parts, kept, strict=True) if keep], float)
    codes = np.arange(len(x)) if references is None else encode_names(references, kept)
    weights = draw_resamples(int(codes.max()) + 1, resamples, seed)[:, codes]
    signed = y[kept] * (1 if opinion_direction == "higher-is-better" else -1)
    return [_estimate(-column, signed, weights) for column in x.T]


def _estimate(x: Floats, y: Floats, weights: Floats) -> Estimate:
    return make_estimate(srcc(x, y), srcc_of_resamples(x, y, weights))
