"""Innersight: how different a distorted image looks from its reference, told by features of pretrained networks.

Names are loaded on first use, so that `import innersight` costs milliseconds and no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from innersight.errors import ArgumentError, ImageError, InnersightError, WeightsError
    from innersight.images.reading import read_image
    from innersight.metric.config import MetricConfig
    from innersight.metric.create import create_metric, create_metrics
    from innersight.metric.module import Metric
    from innersight.metric.presets import PRESETS
    from innersight.scoring.engine import score_pairs
    from innersight.scoring.pair import score
    from innersight.windows import InputPolicy

__version__ = "0.1.0"

_HOMES = {
    "ArgumentError": "innersight.errors",
    "ImageError": "innersight.errors",
    "InnersightError": "innersight.errors",
    "InputPolicy": "innersight.windows",
    "Metric": "innersight.metric.module",
    "MetricConfig": "innersight.metric.config",
    "PRESETS": "innersight.metric.presets",
    "WeightsError": "innersight.errors",
    "create_metric": "innersight.metric.create",
    "create_metrics": "innersight.metric.create",
    "read_image": "innersight.images.reading",
    "score": "innersight.scoring.pair",
    "score_pairs": "innersight.scoring.engine",
}

__all__ = [  # noqa: RUF022 - the two a user meets first come first
    "create_metric",
    "score",
    "ArgumentError",
    "ImageError",
    "InnersightError",
    "InputPolicy",
    "Metric",
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
