"""The metrics of other libraries and of other packages, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from innersight.metrics.base import FullReferenceMetric
from innersight.registry import Registry


@dataclass(frozen=True)
class MetricEntry:
    """A metric that is not a configuration of this package.

    Attributes:
        summary: One line for a table.
        higher_is_better: Whether a higher score means more similar images.
        create: Makes the metric on a device. It raises `ArgumentError` if its library is not installed, and
            `WeightsError` if its weights are not available.
    """

    summary: str
    higher_is_better: bool
    create: Callable[[torch.device], FullReferenceMetric]


METRICS: Registry[MetricEntry] = Registry(
    "metric", "innersight.metrics.external", group="innersight.metrics", kind=MetricEntry
)
