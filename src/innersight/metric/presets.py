"""The named configurations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from innersight.errors import unknown_name
from innersight.metric.config import MetricConfig
from innersight.windows import InputPolicy

PRESETS: Mapping[str, MetricConfig] = MappingProxyType(
    {
        config.preset: config
        for config in (
            # One look at the whole image at a viewing size, with the weights that come with the package. Structure
            # where the network is next to the pixels, statistics where it is deep: rows of docs/presets.md.
            MetricConfig(
                preset="lite",
                backbone="efficientnet-lite0",
                features="intermediate",
                layers=(0,),
                input=InputPolicy(short_side=256),
                normalisation="none",
                distance="rel-l2",
                layer_pooling="mean",
                position_pooling="rms",
                chroma="half",
                spread=1.0,
                spread_order=4,
                spread_layers=3,
                layer_scale="log",
                colour=0.3,
            ),
            # The same with a transformer, as far as its sixth block: later ones know what is in a picture, not how it
            # looks.
            MetricConfig(
                preset="vit",
                backbone="dinov2-vits14",
                features="intermediate",
                layers=(0,),
                input=InputPolicy(short_side=308),
                normalisation="backbone",
                distance="rel-l2",
                layer_pooling="mean",
                position_pooling="rms",
                chroma="half",
                tokens="normed",
                spread=4.0,
                spread_order=8,
                spread_layers=(3, 4, 5),
                layer_scale="log",
                colour=0.3,
            ),
            # Ghildyal, Barman, Zadtootaghaj: Foundation Models Boost Low-Level Perceptual Similarity Metrics, ICASSP
            # 2025, exactly: native size, windows, no mean/std normalisation, sum over layers.
            MetricConfig(
                preset="paper",
                backbone="dinov1-vitb16",
                features="intermediate",
                layers=None,
                input=InputPolicy(window=224, stride=200),
                normalisation="none",
                distance="l2",
                layer_pooling="sum",
                position_pooling="mean",
            ),
        )
    }
)

COMBINED: Mapping[str, str] = MappingProxyType({"best": "lite+vit:input=short=364:spread=2"})
"""Presets that are the mean of others; here time is no object, and the transformer sees more pixels."""


def find_preset(name: str) -> MetricConfig:
    """Return a preset by its name.

    Raises:
        ArgumentError: If there is none, with the nearest matches.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise unknown_name("metric", name, (*PRESETS, *COMBINED))
    return PRESETS[name]
