"""Innersight as a metric of torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from innersight.errors import ArgumentError
from innersight.extras import needed_for

with needed_for("innersight.integrations.torchmetrics"):
    import torch
    from torchmetrics import Metric
    from torchmetrics.utilities.data import dim_zero_cat

from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.factory import create_metric

_REDUCTIONS = ("mean", "sum", "none")


class Innersight(Metric):
    r"""The score of generated images against their targets, as a metric of torchmetrics.

    With the score :math:`s_i \ge 0` of pair :math:`i` of :math:`N`, 0 for identical images, `compute` returns

    .. math:: \frac{1}{N} \sum_{i=1}^{N} s_i

    over all batches and all processes. The state is a sum and a count, so memory does not grow over an epoch, except
    with `reduction="none"`. The arguments are in torchmetrics' order: the images first, then the targets.

    Args:
        metric: As for `innersight.create_metric`, or a metric that it made, of which a lower score means more similar
            images. Default: `lite`.
        reduction: `mean` or `sum` over all images, or `none` for the score of each image, in the order of the updates.
            Default: `mean`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        changes: Values to change in the configuration, by path. Default: none.
        validate: Check that pixel values are in [0, 1], which waits for the device once an update. Default: True.
        **kwargs: Of `torchmetrics.Metric`, such as `sync_on_compute`.

    Raises:
        ArgumentError: If `reduction` is unknown, a higher score of the metric means more similar images, or as
            `innersight.create_metric`.
        WeightsError: If the weights are not available.

    Example:
        >>> metric = Innersight("lite")
        >>> target = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> metric.update(target, target)
        >>> metric.compute()
        tensor(0.)
        >>> bool(metric((0.5 * target), target) > 1)  # the score of this batch
        True
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0

    def __init__(
        self,
        metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
        *,
        reduction: Literal["mean", "sum", "none"] = "mean",
        weights: str | Path | None = None,
        changes: Mapping[str, object] | None = None,
        validate: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if reduction not in _REDUCTIONS:
            raise ArgumentError(f"Argument `reduction` must be one of {_REDUCTIONS}, but got {reduction!r}.")
        if isinstance(metric, FullReferenceMetric):
            if weights is not None or changes is not None:
                raise ArgumentError(
                    "Arguments `weights` and `changes` need the name of a metric, but `metric` is made already: pass "
                    "them to innersight.create_metric."
                )
            self.metric = metric
        else:
            self.metric = create_metric(metric, weights=weights, changes=changes, validate=validate)
        if self.metric.higher_is_better:
            raise ArgumentError(
                "Argument `metric` must be one of which a lower score means more similar images, but got "
                f"{self.metric.name!r}. torchmetrics has a class of its own for most others."
            )
        self.reduction = reduction
        self.scores: list[torch.Tensor]
        self.total: torch.Tensor
        self.count: torch.Tensor
        if reduction == "none":
            self.add_state("scores", default=[], dist_reduce_fx="cat")
        else:
            self.add_state("total", default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
            self.add_state("count", default=torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Score a batch.

        Args:
            preds: Generated images, (N, 3, H, W) floats in [0, 1]. float16 and bfloat16 are converted to float32.
            target: The images that they should be, of the same shape.

        Raises:
            ArgumentError: If a tensor's type, shape, device or range is not as described.
        """
        scores = self.metric(_as_dtype(target, self.metric.dtype), _as_dtype(preds, self.metric.dtype))
        if self.reduction == "none":
            self.scores.append(scores)
        else:
            self.total = self.total + scores.sum(dtype=torch.float64)
            self.count = self.count + len(scores)

    def compute(self) -> torch.Tensor:
        """Return the mean, the sum or the scores, float32. The mean without an update is NaN."""
        if self.reduction == "none":
            return dim_zero_cat(self.scores)
        return (self.total / self.count if self.reduction == "mean" else self.total).to(torch.float32)


def _as_dtype(images: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Convert images of 16-bit floats; the metric reports all others that it does not take."""
    is_short = isinstance(images, torch.Tensor) and images.dtype in (torch.float16, torch.bfloat16)
    return images.to(dtype) if is_short else images
