"""Promises of every feature metric, checked on random configurations of one or two views."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import innersight
from innersight import FeatureMetric, InputPolicy, MetricConfig
from innersight.metrics.serialization import config_from_dict, config_to_dict
from innersight.metrics.terms.base import Term
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.metrics.view import View
from standins import noisy

VIT = "vit_tiny_patch16_224"
STACKED = ("skld", "jsd", "wsd", "swd")
ANY_DISTANCE = ("l2", "cos", "rel-l2", "channel-cos")
INPUTS = ("short=64", "window=64,stride=48", "short=96,window=80,stride=50", "short=48")
LAYERS = st.sampled_from([None, 2, (0,), (1, 3), (-1,)])
POOLING = st.sampled_from(["mean", "rms"])


@st.composite
def a_view(draw: st.DrawFn, name: str) -> View:
    backbone = draw(st.sampled_from(["efficientnet-lite0", VIT]))
    return View(
        name=name,
        backbone=backbone,
        input=InputPolicy.parse(draw(st.sampled_from(INPUTS))),
        chroma=draw(st.sampled_from(["full", "half"])),
        normalisation=draw(st.sampled_from(["none", "backbone"])),
        token_norm=draw(st.sampled_from(["none", "layernorm"])) if backbone == VIT else "none",
    )


@st.composite
def a_term(draw: st.DrawFn, view: View, name: str) -> Term:
    kind = draw(st.sampled_from([FeatureDistance, ChannelMoments, ThumbnailDistance, ChromaRange]))
    parameters: dict[type[Term], dict[str, st.SearchStrategy[object]]] = {
        FeatureDistance: {
            "layers": LAYERS,
            "distance": st.sampled_from((*ANY_DISTANCE, *STACKED) if view.backbone == VIT else ANY_DISTANCE),
            "pooling": POOLING,
        },
        ChannelMoments: {"layers": LAYERS, "order": st.sampled_from([2, 4, 8])},
        ThumbnailDistance: {"cells": st.sampled_from([1, 3, 8]), "pooling": POOLING},
        ChromaRange: {"power": st.sampled_from([1, 4, 16])},
    }
    values = {key: draw(strategy) for key, strategy in parameters[kind].items()}
    return kind(name=name, view=view.name, weight=draw(st.sampled_from([0.3, 1.0, 5.0])), **values)


@st.composite
def configurations(draw: st.DrawFn) -> MetricConfig:
    views = [draw(a_view(f"v{number}")) for number in range(draw(st.integers(1, 2)))]
    terms = [
        draw(a_term(view, f"{view.name}-t{number}")) for view in views for number in range(draw(st.integers(1, 2)))
    ]
    scale, reduce = draw(st.sampled_from(["linear", "log"])), draw(st.sampled_from(["mean", "sum"]))
    return MetricConfig(name="random", views=tuple(views), terms=tuple(terms), scale=scale, reduce=reduce)


@pytest.fixture(scope="module")
def images(cat: torch.Tensor) -> torch.Tensor:
    return torch.cat([cat[..., :96, :130], cat[..., 100:196, 150:280]])


@pytest.mark.thorough
@settings(max_examples=12)
@given(config=configurations())
def test_promises_hold_for_any_terms_and_views(config: MetricConfig, images: torch.Tensor, vit_weights: Path) -> None:
    has_transformer = any(view.backbone == VIT for view in config.active_views)
    metric = innersight.create_metric(config, weights=vit_weights if has_transformer else None)
    assert isinstance(metric, FeatureMetric)
    assert config_from_dict(config_to_dict(config)) == config
    check_identity(metric, images)
    check_gradient(metric, images)
    check_agreement(metric, images)


def check_identity(metric: FeatureMetric, images: torch.Tensor) -> None:
    pair = [images.clone().requires_grad_() for _ in range(2)]
    score = metric(*pair)
    assert torch.equal(score, torch.zeros(2))
    for gradient in torch.autograd.grad(score.sum(), pair):
        assert torch.equal(gradient, torch.zeros_like(gradient))


def check_gradient(metric: FeatureMetric, images: torch.Tensor) -> None:
    distorted = noisy(images, 0.1).requires_grad_()
    (gradient,) = torch.autograd.grad(metric(images, distorted).sum(), distorted)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


@torch.inference_mode()
def check_agreement(metric: FeatureMetric, images: torch.Tensor) -> None:
    """Batches, features, layers and maps agree with the scores."""
    distorted = noisy(images, 0.1)
    scores = metric(images, distorted)
    assert (scores > 0).all()

    def check(found: torch.Tensor) -> None:
        torch.testing.assert_close(found, scores, rtol=1e-4, atol=1e-6)

    check(torch.cat([metric(images[n : n + 1], distorted[n : n + 1]) for n in range(2)]))
    check(metric.compare_features(metric.extract_features(images), metric.extract_features(distorted)))
    layers = metric.per_layer(images, distorted)
    assert layers.shape == (2, len(metric.layer_names))
    assert len(set(metric.layer_names)) == len(metric.layer_names)
    if not any(isinstance(term, FeatureDistance) and term.distance in STACKED for term in metric.config.terms):
        check(layers.sum(1))
    if metric.has_map:
        found = metric.map(images, distorted)
        assert found.shape == (2, *images.shape[-2:])
        assert (found >= 0).all()
        assert torch.equal(metric.map(images, images), torch.zeros_like(found))
