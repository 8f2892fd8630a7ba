"""The named configurations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from innersight.errors import unknown_name
from innersight.metrics.config import MetricConfig
from innersight.preprocess.windows import InputPolicy

PRESETS: Mapping[str, MetricConfig] = MappingProxyType(
    {
        config.preset: config
        for config in (
            # One look at the whole image at a viewing size, with the weights that come with the package. Structure
            # where the network is next to the pixels, statistics where it is deep, colour apart: docs/presets.md.
            MetricConfig(
                preset="lite",
                backbone="efficientnet-lite0",
                features="intermediate",
                layers=(0,),
                input=InputPolicy(short_side=256),
                normalisation="none",
                distance="l2",
                layer_pooling="mean",
                position_pooling="rms",
                chroma="half",
                spread=1.5,
                spread_order=4,
                spread_layers=3,
                layer_scale="log",
                colour=0.4,
                tint=0.2,
            ),
            # The same with a transformer, as far as its sixth block: later ones know what is in a picture, not how it
            # looks.
            MetricConfig(
                preset="vit",
                backbone="dinov2-vits14",
                features="intermediate",
                layers=(0, 1, 2),
                input=InputPolicy(short_side=308),
                normalisation="backbone",
                distance="l2",
                layer_pooling="mean",
                position_pooling="mean",
                chroma="half",
                tokens="normed",
                spread=4.0,
                spread_order=8,
                spread_layers=(1, 3, 5),
                layer_scale="log",
                tint=0.65,
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

COMBINED: Mapping[str, str] = MappingProxyType(
    {
        "best": "lite:spread=1:spread_order=2:spread_layers=last-2:colour=0.3:tint=0.15"
        "+vit:input=short=364:structure=0:spread=1:spread_layers=5:tint=0.15"
    }
)
"""Presets that are the weighted mean of others. Here time is no object: structure by the one network, statistics of the
deepest layers of both, the transformer with more pixels."""


def find_preset(name: str) -> MetricConfig:
    """Return a preset by its name.

    Raises:
        ArgumentError: If there is none, with the nearest matches.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise unknown_name("metric", name, (*PRESETS, *COMBINED))
    return PRESETS[name]
