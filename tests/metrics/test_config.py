"""A configuration is frozen data that refuses what does not fit together."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.view import View

VIEW = View(backbone="efficientnet-lite0")
TERM = FeatureDistance()


def test_it_is_frozen_hashable_and_can_be_pickled() -> None:
    config = MetricConfig(name="mine", views=(VIEW,), terms=(FeatureDistance(distance="swd", options={"seed": 3}),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.scale = "log"  # type: ignore[misc]
    assert hash(config) == hash(pickle.loads(pickle.dumps(config)))
    assert config == pickle.loads(pickle.dumps(config))


def test_a_term_without_weight_is_inactive_and_so_is_a_view_that_only_it_uses() -> None:
    other = View(name="other", backbone="resnet18")
    config = MetricConfig(name="mine", views=(VIEW, other), terms=(TERM, ChannelMoments(view="other", weight=0.0)))
    assert config.active_terms == (TERM,)
    assert config.active_views == (VIEW,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "`name` must be a text of one character at least, but got ''"),
        ({"scale": "root"}, r"`scale` must be one of \(linear, log\), but got 'root'"),
        ({"reduce": "max"}, r"`reduce` must be one of \(mean, sum\), but got 'max'"),
        ({"views": ()}, r"`views` must be a tuple of one or more Views, but got \(\)"),
        ({"views": [VIEW]}, "`views` must be a tuple of one or more Views"),
        ({"terms": (VIEW,)}, "`terms` must be a tuple of one or more Terms"),
        ({"terms": (TERM, TERM)}, "`terms` has the name 'features' twice: give each its own name"),
        ({"views": (VIEW, VIEW)}, "`views` has the name 'main' twice"),
        ({"terms": (FeatureDistance(view="mian"),)}, r"`terms.features.view` must be one of \(main\), but got 'mian'"),
        ({"terms": (FeatureDistance(weight=0.0),)}, "`terms`: all weights are 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        MetricConfig(**{"name": "mine", "views": (VIEW,), "terms": (TERM,)} | fields)


def test_every_preset_carries_its_name() -> None:
    assert {name: preset.name for name, preset in PRESETS.items()} == {name: name for name in PRESETS}
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["lite"]  # type: ignore[index]
