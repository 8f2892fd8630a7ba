"""The feature distance pools positions, takes stacks whole, and passes the options of its distance on."""

from __future__ import annotations

import pytest
import torch

from innersight.distances.paper_divergences import jsd
from innersight.distances.sliced import swd
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import FeatureSource, TermFeatures
from innersight.metrics.terms.feature_distance import FeatureDistance

MAPS, TOKENS = FeatureSource("net", "maps", 3), FeatureSource("net", "tokens", 2)
EMBEDDING = FeatureSource("net", "embedding", 1)


def tokens(seed: int) -> TermFeatures:
    draw = torch.Generator().manual_seed(seed)
    layers = tuple(torch.randn(2, 9, 64, generator=draw) for _ in range(2))
    return TermFeatures("tokens", layers, None, (2, 4))


def test_mean_and_root_mean_square_written_out() -> None:
    r, d = tokens(0), tokens(1)
    positions = [(a - b).square().mean(2) for a, b in zip(r.layers, d.layers, strict=True)]
    mean = torch.stack([x.mean(1) for x in positions], 1)
    rms = torch.stack([x.square().mean(1).sqrt() for x in positions], 1)
    torch.testing.assert_close(FeatureDistance().scores(r, d), mean)
    torch.testing.assert_close(FeatureDistance(pooling="rms").scores(r, d), rms)


def test_a_stack_is_one_number_and_each_layer_alone_is_one() -> None:
    r, d = tokens(0), tokens(1)
    term = FeatureDistance(distance="jsd")
    assert term.columns(TOKENS) == 1
    torch.testing.assert_close(term.scores(r, d), jsd(torch.stack(r.layers, 1), torch.stack(d.layers, 1))[:, None])
    alone = [jsd(a[:, None], b[:, None]) for a, b in zip(r.layers, d.layers, strict=True)]
    torch.testing.assert_close(term.layer_scores(r, d), torch.stack(alone, 1))


def test_options_reach_the_distance() -> None:
    r, d = tokens(0), tokens(1)
    scores = FeatureDistance(distance="swd", options={"seed": 3}).scores(r, d)[:, 0]
    stacks = torch.stack(r.layers, 1), torch.stack(d.layers, 1)
    assert scores.equal(swd(*stacks, seed=3))
    assert not scores.equal(swd(*stacks, seed=0))


def test_the_description_has_indices_options_and_no_pooling_without_positions() -> None:
    assert FeatureDistance(layers=2).describe(MAPS) == {
        "weight": 1.0, "layers": [1, 2], "distance": "l2", "pooling": "mean", "options": {},
    }  # fmt: skip
    described = FeatureDistance(distance="swd").describe(TOKENS)
    assert (described["pooling"], described["options"]) == (None, {"seed": 0})


def test_a_map_leaves_out_the_tokens_without_a_position() -> None:
    r, d = tokens(0), tokens(1)
    (first, _) = FeatureDistance().maps(r, d)
    wanted = (r.layers[0] - d.layers[0]).square().mean(2)[:, 1:].view(2, 2, 4)
    torch.testing.assert_close(first, wanted)


@pytest.mark.parametrize(("distance", "source", "has"), [("l2", MAPS, True), ("cos", MAPS, False), ("cos", TOKENS, True), ("jsd", TOKENS, False), ("cos", EMBEDDING, False)])  # fmt: skip
def test_only_distances_with_positions_have_a_map(distance: str, source: FeatureSource, has: bool) -> None:
    assert FeatureDistance(distance=distance).has_map(source) is has


@pytest.mark.parametrize(
    ("fields", "source", "message"),
    [
        ({"distance": "skld"}, MAPS, "'skld' is not defined for maps"),
        ({"layers": (3,)}, MAPS, r"`terms\.features\.layers` .*-3 to 2"),
        ({"layers": 1, "distance": "cos"}, EMBEDDING, "`terms.features.layers` must be None with features='embedding'"),
        ({"distance": "swd", "options": {"sed": 1}}, TOKENS, r"`options` must be one of \(seed\), but got 'sed'"),
        ({"options": {"seed": 1}}, TOKENS, "`options` must be empty"),
    ],
)
def test_what_the_features_do_not_have_is_refused(fields: dict, source: FeatureSource, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        FeatureDistance(**fields).check(source)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"distance": "ssim"}, "`distance` must be one of"),
        ({"pooling": "max"}, r"`terms\.features\.pooling` must be one of \(mean, rms\), but got 'max'"),
        ({"layers": "all"}, r"`terms\.features\.layers` must be None, a whole number or a tuple"),
        ({"options": 3}, r"`terms\.features\.options` must be a dictionary, but got 3"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        FeatureDistance(**fields)
