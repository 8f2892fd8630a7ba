"""Two alternatives: how often a metric sides with people who chose the one nearer to the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import Estimate, codes_of, estimate_of
from innersight.evaluation.correlation import Floats, draw_resamples


@dataclass(frozen=True)
class ChoiceAgreement:
    """How well a metric foretells choices.

    Attributes:
        rows: Choices that count.
        ties: Those of them whose two images score alike.
        left_out: Choices without both scores.
        agreement: The mean 2AFC agreement, in [0, 1].
        ceiling: What one viewer reaches: the mean of p^2 + (1 - p)^2.
        best: What always siding with the majority gives: the mean of max(p, 1 - p).
    """

    rows: int
    ties: int
    left_out: int
    agreement: Estimate
    ceiling: Estimate
    best: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON types."""
        estimates = {name: dict(vars(getattr(self, name))) for name in ("agreement", "ceiling", "best")}
        return {"rows": self.rows, "ties": self.ties, "left_out": self.left_out, **estimates}


def agree(
    scores_a: Sequence[float | None],
    scores_b: Sequence[float | None],
    shares_preferring_b: Sequence[float],
    *,
    score_direction: Direction = "lower-is-better",
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> ChoiceAgreement:
    """Measure 2AFC agreement: p where the metric takes b, 1 - p where it takes a, 1/2 where the two tie.

    A single viewer agrees with the others by the ceiling, p^2 + (1 - p)^2 (R. Zhang et al., The Unreasonable
    Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018).

    Args:
        scores_a: Of the first image of each choice; None where there is none.
        scores_b: Of the second.
        shares_preferring_b: p, in [0, 1].
        score_direction: Of scores.
        references: The reference of each choice; intervals are over them, or over choices without.
        resamples: How many; 0 for no intervals.
        seed: Of the resamples.

    Returns:
        All of it.

    Raises:
        ArgumentError: If no choice has both scores.

    Example:
        >>> agree([1, 2, 3], [2, 1, 3], [0.2, 0.9, 0.7], resamples=0).agreement.value
        0.733
    """
    a, b = (np.array([math.nan if x is None else x for x in side], float) for side in (scores_a, scores_b))
    shares = np.array(shares_preferring_b, float)
    kept = ~np.isnan(a) & ~np.isnan(b)
    if not kept.any():
        raise ArgumentError(f"None of the {len(kept)} choices has a score for both images.")
    b_is_better = np.sign(b[kept] - a[kept]) * (1 if score_direction == "higher-is-better" else -1)
    p = shares[kept]
    agreement = np.where(b_is_better > 0, p, np.where(b_is_better < 0, 1 - p, 0.5))
    codes = np.arange(len(p)) if references is None else codes_of(references, kept)
    weights = draw_resamples(int(codes.max()) + 1, resamples, seed)[:, codes]

    def mean(each: Floats) -> Estimate:
        total = weights.sum(1)
        return estimate_of(float(each.mean()), weights @ each / np.where(total > 0, total, np.nan))

    return ChoiceAgreement(
        len(p),
        int((b_is_better == 0).sum()),
        int((~kept).sum()),
        mean(agreement),
        mean(p**2 + (1 - p) ** 2),
        mean(np.maximum(p, 1 - p)),
    )
