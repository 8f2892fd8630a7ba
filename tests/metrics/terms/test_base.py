"""What every registered term promises, whatever its formula."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TERMS, FeatureSource, Term, TermFeatures, type_of
from innersight.metrics.terms.feature_distance import FeatureDistance

SOURCES = {
    "maps": FeatureSource("net", "maps", 2),
    "tokens": FeatureSource("net", "tokens", 2),
    "embedding": FeatureSource("net", "embedding", 1),
}
EVERY = pytest.mark.parametrize("name", list(TERMS))
KINDS = pytest.mark.parametrize("kind", ["maps", "tokens"])


def features(term: Term, kind: str, seed: int, scale: float = 1.0, images: int = 2) -> TermFeatures:
    """Random features of a term, each image drawn by itself."""
    draw = [torch.Generator().manual_seed(seed + image) for image in range(images)]

    def random(*shape: int) -> torch.Tensor:
        return torch.stack([torch.randn(shape, generator=generator) for generator in draw])

    pixels = None
    if term.pixel_feature is not None:
        picture = torch.stack([torch.rand(3, 24, 32, generator=generator) for generator in draw])
        pixels = term.pixel_feature.compute(picture, picture)
    shape = (8, 4, 5) if kind == "maps" else (21, 8)
    layers = tuple(scale * random(*shape) for _ in term.compared_layers(SOURCES[kind]))
    return TermFeatures(SOURCES[kind].kind, layers, pixels, (4, 5) if kind == "tokens" else None)


def with_gradient(found: TermFeatures) -> tuple[TermFeatures, list[torch.Tensor]]:
    """The features as leaves of a graph."""
    layers = tuple(layer.clone().requires_grad_() for layer in found.layers)
    pixels = None if found.pixels is None else found.pixels.clone().requires_grad_()
    return dataclasses.replace(found, layers=layers, pixels=pixels), [*layers, *([] if pixels is None else [pixels])]


@EVERY
def test_a_term_is_frozen_hashable_and_can_be_pickled(name: str) -> None:
    term = TERMS[name]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        term.weight = 2.0  # type: ignore[misc]
    assert hash(term) == hash(pickle.loads(pickle.dumps(term)))
    assert pickle.loads(pickle.dumps(term)) == term
    assert type_of(term) == name
    assert TERMS[name].summary


@EVERY
@KINDS
def test_scores_have_a_row_for_each_pair_and_the_columns_that_the_term_says(name: str, kind: str) -> None:
    term = TERMS[name]()
    r, d = features(term, kind, 0), features(term, kind, 100)
    scores = term.scores(r, d)
    assert scores.shape == (2, term.columns(SOURCES[kind]))
    assert (scores > 0).all()
    assert len(term.layer_scores(r, d)[0]) == max(1, len(term.compared_layers(SOURCES[kind])))


@EVERY
@KINDS
def test_identical_features_give_0_and_a_zero_gradient(name: str, kind: str) -> None:
    term = TERMS[name]()
    (r, inputs), (d, others) = with_gradient(features(term, kind, 0)), with_gradient(features(term, kind, 0))
    scores = term.scores(r, d)
    assert (scores == 0).all()
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(scores.sum(), inputs + others))


@EVERY
@KINDS
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), exponent=st.integers(-20, 8))
def test_the_gradient_is_finite_over_scales_fault_25(name: str, kind: str, seed: int, exponent: int) -> None:
    term = TERMS[name]()
    sides = [with_gradient(features(term, kind, seed + side, 10.0**exponent)) for side in (0, 99)]
    scores = term.scores(sides[0][0], sides[1][0])
    assert scores.isfinite().all()
    for gradient in torch.autograd.grad(scores.sum(), sides[0][1] + sides[1][1]):
        assert gradient.isfinite().all()


@EVERY
@KINDS
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_a_pair_does_not_depend_on_its_batch(name: str, kind: str, seed: int) -> None:
    term = TERMS[name]()
    r, d = features(term, kind, seed), features(term, kind, seed + 99)
    first = [
        dataclasses.replace(
            x, layers=tuple(layer[:1] for layer in x.layers), pixels=None if x.pixels is None else x.pixels[:1]
        )
        for x in (r, d)
    ]
    torch.testing.assert_close(term.scores(*first), term.scores(r, d)[:1], rtol=1e-5, atol=1e-7)


@EVERY
@KINDS
def test_a_map_has_one_part_for_each_column_and_no_negative_number(name: str, kind: str) -> None:
    term = TERMS[name]()
    r, d = features(term, kind, 0), features(term, kind, 100)
    if not term.has_map(SOURCES[kind]):
        with pytest.raises(ArgumentError, match=f"The term '{term.name}' has no map"):
            term.maps(r, d)
        return
    maps = term.maps(r, d)
    assert len(maps) == term.columns(SOURCES[kind])
    assert all(positions.ndim == 3 and positions.shape[0] == 2 and (positions >= 0).all() for positions in maps)


@EVERY
@KINDS
def test_the_description_is_json_and_has_every_parameter(name: str, kind: str) -> None:
    term = TERMS[name]()
    described = term.describe(SOURCES[kind])
    assert json.loads(json.dumps(described)) == described
    assert set(described) == {field.name for field in dataclasses.fields(term)} - {"name", "view"}


@EVERY
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight": -1}, r"`terms\.t\.weight` must be a number from 0 to 100, but got -1"),
        ({"weight": "1"}, r"`terms\.t\.weight` must be a number from 0 to 100, but got '1'"),
        ({"weight": float("nan")}, r"`terms\.t\.weight` must be a number from 0 to 100, but got nan"),
        ({"name": "a.b"}, r"`terms` must be a name of letters, digits, - and _, but got 'a\.b'"),
    ],
)
def test_a_wrong_weight_or_name_is_refused(name: str, fields: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TERMS[name](**{"name": "t"} | fields)


def test_a_class_that_is_not_registered_has_no_type() -> None:
    class Own(FeatureDistance):
        """Not registered."""

    with pytest.raises(ArgumentError, match=r"The class Own of the term 'features' is not registered: decorate it"):
        type_of(Own())


def test_tokens_without_a_position_come_first_and_are_dropped() -> None:
    tokens = torch.arange(12.0).view(1, 6, 2)
    kept = TermFeatures("tokens", (), None, (2, 2)).with_positions(tokens)
    assert kept.equal(tokens[:, 2:])
    assert TermFeatures("maps", (), None, None).with_positions(tokens) is tokens
