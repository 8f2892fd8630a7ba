"""Configurations are frozen data that refuse what they can't hold."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.metrics.config import parse_layers
from innersight.metrics.create import configure
from innersight.metrics.presets import PRESETS, find_preset
from innersight.preprocess.windows import InputPolicy


def test_the_paper_preset_is_the_papers_method() -> None:
    paper = PRESETS["paper"]
    assert paper.backbone == "dinov1-vitb16"
    assert paper.distance == "l2"
    assert paper.input == InputPolicy(window=224, stride=200)
    assert paper.normalisation == "none"
    assert (paper.layers, paper.layer_pooling, paper.position_pooling) == (None, "sum", "mean")


def test_presets_carry_their_names_and_are_frozen() -> None:
    assert all(name == preset.preset for name, preset in PRESETS.items())
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["lite"].distance = "l2"
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["lite"]


def test_lite_and_vit_are_one_recipe_on_two_networks() -> None:
    """What differs is what the network needs: its size, input range, tokens, and which layers are deep."""
    lite, vit = (dataclasses.asdict(PRESETS[name]) for name in ("lite", "vit"))
    assert {field for field in lite if lite[field] != vit[field]} == {
        "preset", "backbone", "input", "normalisation", "tokens", "spread", "spread_order", "spread_layers",
            "layers", "position_pooling", "colour", "tint",
    }  # fmt: skip


def test_an_unknown_preset_gets_its_nearest_matches() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"`metric` must be one of \(lite, vit, paper, best\), but got 'papier'\. Did you mean paper\?",
    ):
        find_preset("papier")


def test_fields_are_overridden_one_by_one() -> None:
    base = PRESETS["paper"]
    changed = configure("paper", distance="cos", layers="0,3,-1", input="short=300,window=224,stride=100")
    assert changed == dataclasses.replace(
        base, distance="cos", layers=(0, 3, -1), input=InputPolicy(short_side=300, window=224, stride=100)
    )
    assert configure("paper") is not None
    assert configure("paper") == base


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"features": "all"}, r"`features` must be one of \(intermediate, embedding\), but got 'all'"),
        ({"normalisation": "imagenet"}, r"`normalisation` must be one of \(none, backbone\)"),
        ({"layer_pooling": "max"}, r"`layer_pooling` must be one of \(sum, mean\)"),
        ({"position_pooling": "max"}, r"`position_pooling` must be one of \(mean, rms\)"),
        ({"chroma": "quarter"}, r"`chroma` must be one of \(full, half\), but got 'quarter'"),
        ({"tokens": True}, r"`tokens` must be one of \(plain, normed\), but got True"),
        ({"layer_scale": "root"}, r"`layer_scale` must be one of \(linear, log\), but got 'root'"),
        ({"colour": "lab"}, r"`colour` must be a number, but got 'lab'"),
        ({"colour": -0.1}, r"`colour` must be a number from 0 to 100, but got -0\.1"),
        ({"tint": "blue"}, r"`tint` must be a number, but got 'blue'"),
        ({"structure": -2}, r"`structure` must be a number from 0 to 100, but got -2"),
        ({"structure": 0}, r"`structure` and `spread` must not both be 0: nothing the network sees"),
        ({"spread_order": 3}, r"`spread_order` must be one of \(2, 4, 8\), but got 3"),
        ({"spread_order": "2.5"}, r"`spread_order` must be one of \(2, 4, 8\), but got 2\.5"),
        ({"spread_layers": "deep"}, r"`spread_layers` must be such as 'all', 'last-4' or '0,3,-1', but got 'deep'"),
        ({"spread": -1}, r"`spread` must be a number from 0 to 100, but got -1"),
        ({"spread": float("nan")}, r"`spread` must be a number from 0 to 100, but got nan"),
        ({"spread": "half"}, r"`spread` must be a number, but got 'half'"),
        ({"seed": -1}, r"`seed` must be a whole number from 0 to 2\^63 - 1, but got -1"),
        ({"input": 256}, r"`input` must be an InputPolicy or its text, but got 256"),
        ({"features": "embedding", "layers": 2}, r"`layers` must be None with features='embedding'"),
        ({"layers": "first-2"}, r"`layers` must be such as 'all', 'last-4' or '0,3,-1', but got 'first-2'"),
        ({"layers": "last-x"}, r"`layers` must be such as 'all'"),
        ({"layers": [0.5]}, r"`layers` must be such as None, n \(the last n\) or \[0, 3, -1\], but got \[0\.5\]"),
        ({"layers": True}, r"`layers` must be such as None"),
        ({"normalisation": None}, r"`normalisation` must be one of \(none, backbone\), but got None"),
        ({"stride": 3}, r"`overrides` must be one of \(backbone, features, layers, .*\), but got 'stride'"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(overrides: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        configure("paper", **overrides)


@given(st.lists(st.integers(-20, 20), min_size=1))
def test_layers_survive_their_text(indices: list[int]) -> None:
    assert parse_layers(",".join(map(str, indices))) == parse_layers(indices) == tuple(indices)
