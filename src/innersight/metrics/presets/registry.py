"""The presets by name."""

from __future__ import annotations

from innersight.metrics.config import MetricConfig
from innersight.registry import Registry

PRESETS: Registry[MetricConfig] = Registry("metric", "innersight.metrics.presets", kind=MetricConfig)
