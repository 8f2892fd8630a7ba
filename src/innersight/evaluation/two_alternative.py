"""Two-alternative forced choice (2AFC): agreement of a metric with the votes of viewers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from innersight.datasets.dataset import DIRECTIONS, Direction
from innersight.errors import ArgumentError, unknown_name
from innersight.evaluation.agreement import Estimate, encode_names, make_estimate
from innersight.evaluation.correlation import Floats, draw_resamples

TWO_ALTERNATIVE_STATISTICS = ("agreement", "single_viewer", "majority")
"""Names of the statistics of a `TwoAlternativeEvaluation`."""


@dataclass(frozen=True)
class TwoAlternativeEvaluation:
    """Agreement of a metric with two-alternative forced choices.

    Attributes:
        rows: Number of choices with a score of both images.
        ties: Number of these choices whose two scores are equal.
        left_out: Number of choices without a score of both images.
        agreement: Mean share of votes for the image that the metric prefers (2AFC score), in [0, 1].
        single_viewer: Expected agreement of one viewer, the mean of p^2 + (1 - p)^2, in [0.5, 1].
        majority: The largest possible agreement, that of the majority of viewers: the mean of max(p, 1 - p), in [0.5,
            1].
    """

    rows: int
    ties: int
    left_out: int
    agreement: Estimate
    single_viewer: Estimate
    majority: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation in JSON types."""
        estimates = {name: dict(vars(getattr(self, name))) for name in TWO_ALTERNATIVE_STATISTICS}
        return {"rows": self.rows, "ties": self.ties, "left_out": self.left_out, **estimates}


def evaluate_two_alternative(
    scores_a: Sequence[float | None],
    scores_b: Sequence[float | None],
    shares_preferring_b: Sequence[float],
    *,
    score_direction: Direction = "lower-is-better",
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> TwoAlternativeEvaluation:
    """Compute the 2AFC score of a metric.

    Let p be the share of votes for image b. A choice counts p if the metric prefers b, 1 - p if it prefers a, and 1/2
    if the two scores are equal. The score is the mean over all choices.

    Source: R. Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.

    Args:
        scores_a: Score of the first image of each choice. None or nan if there is none.
        scores_b: Score of the second image of each choice. None or nan if there is none.
        shares_preferring_b: Share p of the votes for the second image, in [0, 1].
        score_direction: Whether higher or lower scores are better. Default: lower, as for a distance.
        references: Name of the reference image of each choice. The bootstrap is over references, or over choices if
            references are not given. Default: None.
        resamples: Number of bootstrap resamples. Default: 1000. 0 computes no intervals.
        seed: Seed of the resamples. Default: 0.

    Returns:
        The statistics, with 95 % intervals.

    Raises:
        ArgumentError: If the direction is unknown, or if no choice has a score of both images.

    Example:
        >>> evaluate_two_alternative([1, 2, 3], [2, 1, 3], [0.2, 0.9, 0.7], resamples=0).agreement.value
        0.733
    """
    if score_direction not in DIRECTIONS:
        raise unknown_name("score_direction", score_direction, DIRECTIONS)
    a, b = (np.array([math.nan if x is None else x for x in side], float) for side in (scores_a, scores_b))
    shares = np.array(shares_preferring_b, float)
    kept = ~np.isnan(a) & ~np.isnan(b)
    if not kept.any():
        raise ArgumentError(f"At least one choice must have a score of both images, but none of {len(kept)} has.")
    a, b, p = a[kept], b[kept], shares[kept]
    # Comparisons, because the difference of two infinite scores is nan.
    better_b = ((b > a) * 1 - (b < a) * 1) * (1 if score_direction == "higher-is-better" else -1)
    agreement = np.where(better_b > 0, p, np.where(better_b < 0, 1 - p, 0.5))
    codes = np.arange(len(p)) if references is None else encode_names(references, kept)
    weights = draw_resamples(int(codes.max()) + 1, resamples, seed)[:, codes]

    def mean(each: Floats) -> Estimate:
        total = weights.sum(1)
        return make_estimate(float(each.mean()), weights @ each / np.where(total > 0, total, np.nan))

    return TwoAlternativeEvaluation(
        len(p),
        int((better_b == 0).sum()),
        int((~kept).sum()),
        mean(agreement),
        mean(p**2 + (1 - p) ** 2),
        mean(np.maximum(p, 1 - p)),
    )
