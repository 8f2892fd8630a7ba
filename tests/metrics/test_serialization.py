"""A configuration survives TOML and JSON, and single values change by their path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import change, config_from_dict, config_to_dict, read_config, to_toml
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

LAYERS = st.one_of(st.none(), st.integers(1, 12), st.lists(st.integers(-9, 9), min_size=1).map(tuple))
WEIGHTS = st.floats(0, 100, exclude_min=True)
CONFIGS = st.builds(
    MetricConfig,
    name=st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs", "Cc"])),
    views=st.builds(
        lambda chroma, short: (View(backbone="b", chroma=chroma, input=InputPolicy(short_side=short)),),
        st.sampled_from(["full", "half"]),
        st.one_of(st.none(), st.integers(1, 999)),
    ),
    terms=st.tuples(
        st.builds(FeatureDistance, layers=LAYERS, weight=WEIGHTS, pooling=st.sampled_from(["mean", "rms"])),
        st.builds(ChannelMoments, layers=LAYERS, order=st.sampled_from([2, 4, 8])),
        st.builds(ThumbnailDistance, cells=st.integers(1, 64)),
        st.builds(ChromaRange, power=st.integers(1, 16)),
    ),
    scale=st.sampled_from(["linear", "log"]),
    reduce=st.sampled_from(["mean", "sum"]),
)


@given(CONFIGS)
def test_a_configuration_survives_toml_and_json(tmp_path_factory: pytest.TempPathFactory, config: MetricConfig) -> None:
    folder = tmp_path_factory.mktemp("config")
    (folder / "a.toml").write_text(to_toml(config), encoding="utf-8")
    (folder / "a.json").write_text(json.dumps(config_to_dict(config)), encoding="utf-8")
    assert read_config(folder / "a.toml") == read_config(folder / "a.json") == config


@pytest.mark.parametrize("name", ["lite", "vit", "best", "paper"])
def test_every_preset_survives_its_dictionary(name: str) -> None:
    assert config_from_dict(config_to_dict(PRESETS[name])) == PRESETS[name]


def test_options_of_a_distance_survive() -> None:
    config = change(PRESETS["paper"], {"distance": "swd", "terms.features.options.seed": "3"})
    (term,) = config.terms
    assert isinstance(term, FeatureDistance)
    assert dict(term.options) == {"seed": 3}
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


def test_absent_values_have_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[views.main]\nbackbone = 'resnet18'\n[terms.t]\ntype = 'feature_distance'\n")
    assert read_config(file) == MetricConfig(
        name="mine", views=(View(backbone="resnet18"),), terms=(FeatureDistance(name="t"),)
    )


def test_values_change_by_their_path_and_nothing_else_does() -> None:
    lite = PRESETS["lite"]
    changed = change(
        lite,
        {
            "scale": "linear",
            "views.main.chroma": "full",
            "terms.moments.weight": "0",
            "layers": "0,-1",
            "input": "native",
        },
    )
    assert changed.scale == "linear"
    assert changed.views[0] == View(backbone="efficientnet-lite0")
    assert changed.terms[0] == FeatureDistance(layers=(0, -1), pooling="rms")
    assert changed.terms[1] == ChannelMoments(layers=3, order=4, weight=0)
    assert (changed.terms[2:], changed.reduce, changed.name) == (lite.terms[2:], "mean", "lite")
    assert change(lite, {}) == lite


def test_a_path_of_a_new_term_adds_it() -> None:
    changed = change(PRESETS["lite"], {"terms.deep.type": "channel_moments", "terms.deep.layers": "last-1"})
    assert changed.terms[-1] == ChannelMoments(name="deep", layers=1)


def test_the_layers_of_a_preset_are_dropped_with_the_features_they_belong_to() -> None:
    assert change(PRESETS["lite"], {"features": "embedding"}).terms[0] == FeatureDistance(pooling="rms")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"terms.moments.wieght": 0}, r"`terms.moments` must be one of \(view, weight, layers, order\), but got 'wieght'. Did you mean weight"),
        ({"terms.moment.weight": 0}, "`set` must be one of .* but got 'terms.moment.weight'. Did you mean terms.moments.weight"),
        ({"hue": 1}, "`set` must be one of .* but got 'hue'"),
        ({"a.b.c": 1}, "`set` must be one of .* but got 'a.b.c'"),
        ({"scale.x": 1}, "`set` must be one of .* but got 'scale.x'"),
        ({"views.main.backbone.x": 1}, "`set` must be one of .* but got 'views.main.backbone.x'"),
        ({"terms.moments.weight": "half"}, "`terms.moments.weight` must be a number, but got 'half'"),
        ({"terms.moments.weight": -1}, "`terms.moments.weight` must be a number from 0 to 100, but got -1"),
        ({"terms.moments.order": "3"}, r"`terms.moments.order` must be one of \(2, 4, 8\), but got 3"),
        ({"terms.features.pooling": "max"}, r"`terms.features.pooling` must be one of \(mean, rms\), but got 'max'"),
        ({"layers": "0;1"}, "`terms.features.layers` must be a selection of layers such as"),
        ({"input": "big"}, "`input` must be 'native' or a list such as"),
        ({"input": 256}, "`views.main.input` must be an InputPolicy, but got 256"),
        ({"distance": None}, "`distance` must be one of .* but got None"),
        ({"distance": ["l2"]}, "`distance` must be one of"),
        ({"backbone": 3}, "`views.main.backbone` must be a name, but got 3"),
        ({"views.main.chroma": "quarter"}, r"`views.main.chroma` must be one of \(full, half\), but got 'quarter'"),
        ({"views.main.token_norm": True}, r"`views.main.token_norm` must be one of \(none, layernorm\), but got True"),
        ({"terms.features.options": 3}, "`terms.features.options` must be a dictionary, but got 3"),
        ({"terms": 3}, "`set` must be one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        change(PRESETS["lite"], changes)


def test_a_short_name_needs_one_place_that_it_can_mean() -> None:
    with pytest.raises(
        ArgumentError, match=r"`input`: best has 2 views: change one of \(views.main.input, views.vit.input\)"
    ):
        change(PRESETS["best"], {"input": "native"})
    moments = MetricConfig(name="m", views=(View(backbone="b"),), terms=(ChannelMoments(),))
    with pytest.raises(ArgumentError, match="`layers`: m has no feature distances"):
        change(moments, {"layers": "0"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[views.main", "cannot be read"),
        ("a = 1", r"`configuration` must be one of \(name, scale, reduce, views, terms\), but got 'a'"),
        ("name = 'x'", r"`views` must be a table of tables by name, such as \[views.main\]"),
        ("views = 3", "`views` must be a table of tables by name"),
        (
            "[views.main]\nfeatures = 'embedding'\n[terms.t]\ntype = 'chroma_range'",
            "`views.main.backbone` must be given",
        ),
        ("[views.main]\nbackbone = 'b'\n[terms.t]\nweight = 1", "`terms.t.type` must be one of .* but got None"),
        ("[views.main]\nbackbone = 'b'\n[terms.t]\ntype = 'tint'", "`terms.t.type` must be one of .* but got 'tint'"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ArgumentError, match=message) as error:
        read_config(file)
    assert str(error.value).startswith(f"The configuration '{file}'")


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b"[1]"), ("a.json", b"{"), ("a.toml", b"\xff"), ("a.json", b"[" * 100_000)]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArgumentError, match=r"The configuration '.*' (cannot be read|must hold a table)"):
        read_config(tmp_path / name)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"The configuration '.*no.toml' cannot be read: .*No such file"):
        read_config(tmp_path / "no.toml")
