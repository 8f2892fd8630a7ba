"""The preset `vit`: one pass of a small vision transformer."""

from __future__ import annotations

from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

# Only the first six of twelve blocks are compared: later blocks represent the content of the image, not its quality.
PRESETS.add(
    "vit",
    MetricConfig(
        name="vit",
        views=(
            View(
                backbone="dinov2-vits14",
                input=InputPolicy(short_side=308),
                normalisation="backbone",
                chroma="half",
                token_norm="layernorm",
            ),
        ),
        terms=(
            FeatureDistance(layers=(0, 1, 2)),
            ChannelMoments(layers=(1, 3, 5), order=8, weight=4.0),
            ChromaRange(weight=0.65),
        ),
        scale="log",
    ),
)
