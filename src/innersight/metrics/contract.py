"""What scoring needs of a metric, ours or a rival's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch

from innersight.metrics.views import Views


class Runner(Protocol):
    """What runs a network, by its name."""

    @property
    def name(self) -> str:
        """What a record of a run calls it."""


class PairMetric(Protocol):
    """Sees images one by one, then compares what was seen; `innersight.Metric` says what each part means."""

    @property
    def higher_is_better(self) -> bool:
        """Which way its scores point."""

    @property
    def layers(self) -> tuple[int, ...]:
        """Indices of the layers compared."""

    @property
    def sight(self) -> str:
        """What decides what is seen; metrics that share it share one `look`."""

    @property
    def window(self) -> int | None:
        """Side of the windows that images are seen through, pixels; None where they are seen whole."""

    @property
    def runtime(self) -> Runner:
        """What runs it."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""

    def seen_pixels(self, height: int, width: int) -> int:
        """Count the pixels seen of an image of this size."""

    def look(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Views:
        """See (N, 3, H, W) images."""

    def look_in_parts(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Iterator[Views]:
        """See them some windows at a time."""

    def compare(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Score what was seen, (N,)."""

    def compare_layers(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Compute each layer's distance alone, (N, layers)."""

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
