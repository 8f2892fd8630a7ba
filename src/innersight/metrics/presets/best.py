"""The preset `best`: two networks, for accuracy without regard to time."""

from __future__ import annotations

from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

# The view of `lite`, and the transformer of `vit` at a higher resolution, of which only the moments are compared.
PRESETS.add(
    "best",
    MetricConfig(
        name="best",
        views=(
            View(backbone="efficientnet-lite0", input=InputPolicy(short_side=256), chroma="half"),
            View(
                name="vit",
                backbone="dinov2-vits14",
                input=InputPolicy(short_side=364),
                normalisation="backbone",
                chroma="half",
                token_norm="layernorm",
            ),
        ),
        terms=(
            FeatureDistance(layers=(0,), pooling="rms"),
            ChannelMoments(layers=2, order=2),
            ThumbnailDistance(weight=0.3),
            ChromaRange(weight=0.15),
            ChannelMoments(name="vit-moments", view="vit", layers=(5,), order=8),
            ChromaRange(name="vit-chroma", view="vit", weight=0.15),
        ),
        scale="log",
    ),
)
