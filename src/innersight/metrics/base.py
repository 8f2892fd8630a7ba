"""The contract that all metrics satisfy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import nn

from innersight.errors import ArgumentError


class FullReferenceMetric(nn.Module, ABC):
    """A metric that compares distorted images with their references.

    A subclass defines `forward`, `name`, `higher_is_better`, `device`, `runtime_name`, `describe` and `citation`. It
    may define `per_layer` and `map`, and then sets `has_layers` and `has_map`.

    Attributes:
        is_differentiable: Whether scores have a gradient with respect to both images. Default: False.
    """

    is_differentiable: bool = False

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the metric."""

    @property
    @abstractmethod
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device on which scores are computed."""

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of images and scores. Default: float32."""
        return torch.float32

    @property
    @abstractmethod
    def runtime_name(self) -> str:
        """The library that computes the scores, with its version where it is not torch."""

    @property
    def has_layers(self) -> bool:
        """Whether the metric has `per_layer`. Default: False."""
        return False

    @property
    def has_map(self) -> bool:
        """Whether the metric has a `map`. Default: False."""
        return False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the columns of `per_layer`. Default: none."""
        return ()

    @property
    @abstractmethod
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types. The key `citation` holds the citation."""

    @abstractmethod
    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Score each pair.

        Args:
            reference: (N, 3, H, W), sRGB in [0, 1].
            distorted: The same shape.

        Returns:
            (N,) scores.

        Raises:
            ArgumentError: If a tensor's type, shape, dtype, device or range is not as described.
        """

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Compute each layer's part of the score: (N, layers), in the order of `layer_names`.

        Raises:
            ArgumentError: If the metric has no layers.
        """
        raise ArgumentError(f"The metric {self.name} has no layers: use a metric of features, such as 'lite'.")

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Compute a map of the differences: (N, H, W).

        Raises:
            ArgumentError: If the metric has no map.
        """
        raise ArgumentError(f"The metric {self.name} has no map: use a metric of features, such as 'lite'.")
