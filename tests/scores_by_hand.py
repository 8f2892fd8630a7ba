"""Scores of image files by a torch metric itself, to hold the scorer and the engine against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

import innersight
from innersight.inference.torch_backend import TorchBackend
from innersight.metrics.base import FullReferenceMetric


def tensors_of(pair: Sequence[Path]) -> list[torch.Tensor]:
    """Read image files as (1, 3, H, W) tensors."""
    return [torch.from_numpy(innersight.read_image(path))[None] for path in pair]


def score_by_hand(metric: FullReferenceMetric, pair: Sequence[Path]) -> float:
    """Call the metric with the two images."""
    with torch.inference_mode():
        return metric(*(image.to(metric.dtype) for image in tensors_of(pair))).item()


def layers_by_hand(metric: FullReferenceMetric, pair: Sequence[Path]) -> list[float]:
    """Compute each layer's part of the score."""
    with torch.inference_mode():
        return metric.per_layer(*(image.to(metric.dtype) for image in tensors_of(pair)))[0].tolist()


def backends_of(metrics: Mapping[str, FullReferenceMetric]) -> dict[str, TorchBackend]:
    """Return what computes the scores of metrics in the engine."""
    return {name: TorchBackend(metric) for name, metric in metrics.items()}
