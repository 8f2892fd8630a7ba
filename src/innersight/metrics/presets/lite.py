"""The preset `lite`: the default, on the weights that are installed with the package."""

from __future__ import annotations

from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

# The first layer is compared position by position, deep layers by their moments, and colour by terms of its own.
# docs/presets.md shows what each part contributes.
PRESETS.add(
    "lite",
    MetricConfig(
        name="lite",
        views=(View(backbone="efficientnet-lite0", input=InputPolicy(short_side=256), chroma="half"),),
        terms=(
            FeatureDistance(layers=(0,), pooling="rms"),
            ChannelMoments(layers=3, order=4, weight=1.5),
            ThumbnailDistance(weight=0.4),
            ChromaRange(weight=0.2),
        ),
        scale="log",
    ),
)
