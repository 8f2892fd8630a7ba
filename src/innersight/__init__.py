"""Innersight: how different a distorted image looks from its reference, told by features of pretrained networks.

Names are loaded on first use, so that `import innersight` costs milliseconds and no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from innersight._version import __version__ as __version__

if TYPE_CHECKING:
    from innersight.errors import ArgumentError, ImageError, InnersightError, WeightsError
    from innersight.inference.planner import score_pairs
    from innersight.inference.scorer import score
    from innersight.io.images import read_image
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.factory import create_metric, create_metrics
    from innersight.metrics.feature_metric import FeatureMetric
    from innersight.metrics.presets.registry import PRESETS
    from innersight.preprocess.windows import InputPolicy

_HOMES = {
    "ArgumentError": "innersight.errors",
    "ImageError": "innersight.errors",
    "InnersightError": "innersight.errors",
    "InputPolicy": "innersight.preprocess.windows",
    "FeatureMetric": "innersight.metrics.feature_metric",
    "MetricConfig": "innersight.metrics.config",
    "PRESETS": "innersight.metrics.presets.registry",
    "WeightsError": "innersight.errors",
    "create_metric": "innersight.metrics.factory",
    "create_metrics": "innersight.metrics.factory",
    "read_image": "innersight.io.images",
    "score": "innersight.inference.scorer",
    "score_pairs": "innersight.inference.planner",
}

__all__ = [  # noqa: RUF022 - the two a user meets first come first
    "create_metric",
    "score",
    "ArgumentError",
    "ImageError",
    "InnersightError",
    "InputPolicy",
    "FeatureMetric",
    "MetricConfig",
    "PRESETS",
    "WeightsError",
    "create_metrics",
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
