"""Innersight measures how different distorted images look from their references.

It compares intermediate features of pretrained vision networks. Names are loaded at their first use, so that
`import innersight` takes milliseconds and does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from innersight._version import __version__ as __version__

if TYPE_CHECKING:
    from innersight.errors import ArgumentError, ImageError, InnersightError, WeightsError
    from innersight.inference.planner import score_pairs
    from innersight.inference.regions import Region
    from innersight.inference.scorer import Reference, Scorer
    from innersight.inference.scorers import create_scorers, score
    from innersight.io.decoder import Decoder
    from innersight.io.images import read_image
    from innersight.io.limits import DecodingLimits
    from innersight.io.video import Video
    from innersight.metrics.base import FullReferenceMetric
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.factory import create_metric, create_metrics
    from innersight.metrics.feature_metric import FeatureMetric
    from innersight.metrics.loss import as_loss
    from innersight.metrics.presets.registry import PRESETS
    from innersight.metrics.terms.channel_moments import ChannelMoments
    from innersight.metrics.terms.chroma_range import ChromaRange
    from innersight.metrics.terms.feature_distance import FeatureDistance
    from innersight.metrics.terms.thumbnail import ThumbnailDistance
    from innersight.metrics.view import View
    from innersight.preprocess.input_policy import InputPolicy

_HOMES = {
    "ArgumentError": "innersight.errors",
    "ChannelMoments": "innersight.metrics.terms.channel_moments",
    "ChromaRange": "innersight.metrics.terms.chroma_range",
    "Decoder": "innersight.io.decoder",
    "DecodingLimits": "innersight.io.limits",
    "FeatureDistance": "innersight.metrics.terms.feature_distance",
    "FeatureMetric": "innersight.metrics.feature_metric",
    "FullReferenceMetric": "innersight.metrics.base",
    "ImageError": "innersight.errors",
    "InnersightError": "innersight.errors",
    "InputPolicy": "innersight.preprocess.input_policy",
    "MetricConfig": "innersight.metrics.config",
    "PRESETS": "innersight.metrics.presets.registry",
    "Region": "innersight.inference.regions",
    "Reference": "innersight.inference.scorer",
    "Scorer": "innersight.inference.scorer",
    "ThumbnailDistance": "innersight.metrics.terms.thumbnail",
    "Video": "innersight.io.video",
    "View": "innersight.metrics.view",
    "WeightsError": "innersight.errors",
    "as_loss": "innersight.metrics.loss",
    "create_metric": "innersight.metrics.factory",
    "create_metrics": "innersight.metrics.factory",
    "create_scorers": "innersight.inference.scorers",
    "read_image": "innersight.io.images",
    "score": "innersight.inference.scorers",
    "score_pairs": "innersight.inference.planner",
}

__all__ = [  # noqa: RUF022 - what a user needs first comes first
    "Scorer",
    "score",
    "create_metric",
    "ArgumentError",
    "ChannelMoments",
    "ChromaRange",
    "Decoder",
    "DecodingLimits",
    "FeatureDistance",
    "FeatureMetric",
    "FullReferenceMetric",
    "ImageError",
    "InnersightError",
    "InputPolicy",
    "MetricConfig",
    "PRESETS",
    "Reference",
    "Region",
    "ThumbnailDistance",
    "Video",
    "View",
    "WeightsError",
    "as_loss",
    "create_metrics",
    "create_scorers",
    "read_image",
    "score_pairs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'innersight' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
