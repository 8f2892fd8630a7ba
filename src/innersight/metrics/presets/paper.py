"""The preset `paper`: the published method, reproduced exactly.

Ghildyal, Barman, Zadtootaghaj: Foundation Models Boost Low-Level Perceptual Similarity Metrics, ICASSP 2025. Native
size, sliding windows, no normalisation of the input, the sum over all layers.
"""

from __future__ import annotations

from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

PRESETS.add(
    "paper",
    MetricConfig(
        name="paper",
        views=(View(backbone="dinov1-vitb16", input=InputPolicy(window=224, stride=200)),),
        terms=(FeatureDistance(),),
        reduce="sum",
    ),
)
