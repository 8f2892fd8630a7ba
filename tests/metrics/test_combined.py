"""A combined metric is the weighted mean of its members, in every way of asking, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.combined import CombinedMetric, shares_of
from innersight.metrics.presets import COMBINED
from standins import noisy

LITE, VIT = COMBINED["best"].split("+")


@pytest.fixture(scope="module")
def made(small_dino: Path) -> dict:
    """`best` and its two members, sharing their networks."""
    return innersight.create_metrics(["best", LITE, VIT], weights=small_dino)


@pytest.fixture
def pair(cat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return cat, noisy(cat, 0.1)


@torch.inference_mode()
def test_its_score_and_layers_are_the_mean_of_its_members_by_their_weights(made: dict, pair: tuple) -> None:
    best, lite, vit = (made[name] for name in ("best", LITE, VIT))
    w_lite, w_vit = (member.config.structure + member.config.spread + member.config.colour + member.config.tint
                     for member in (lite, vit))  # fmt: skip
    assert w_lite != w_vit
    torch.testing.assert_close(best(*pair), (w_lite * lite(*pair) + w_vit * vit(*pair)) / (w_lite + w_vit))
    torch.testing.assert_close(best.compare(*(best.look(image) for image in pair)), best(*pair), rtol=1e-5, atol=0)
    layers = best.per_layer(*pair)
    assert layers.shape == (1, len(lite.layers) + len(vit.layers)) == (1, len(best.layer_names))
    torch.testing.assert_close(layers.sum(1), best(*pair))
    assert best.layer_names[0] == f"{LITE} layer 0"
    assert best.layer_names[-1] == f"{VIT} tint"


@torch.inference_mode()
def test_its_map_is_that_of_the_members_that_have_one(made: dict, pair: tuple) -> None:
    best, lite, vit = (made[name] for name in ("best", LITE, VIT))
    of_lite, of_vit = shares_of(best)
    torch.testing.assert_close(best.map(*pair), of_lite * lite.map(*pair) + of_vit * vit.map(*pair))
    placeless = "lite:structure=0:colour=0:tint=0"
    some = innersight.create_metrics(["lite", f"lite+{placeless}", f"{placeless}+{placeless}:spread_order=2"])
    whole, half, none = some.values()
    torch.testing.assert_close(half.map(*pair), shares_of(half)[0] * whole.map(*pair))
    with pytest.raises(ArgumentError, match="A map needs a term with places"):
        none.map(*pair)


def test_identical_images_give_zero_and_the_gradient_is_the_mean_of_theirs(made: dict, pair: tuple) -> None:
    reference, distorted = pair
    assert torch.equal(made["best"](reference, reference), torch.zeros(1))
    gradients = []
    for name in ("best", LITE, VIT):
        image = distorted.clone().requires_grad_()
        made[name](reference, image).sum().backward()
        gradients.append(image.grad)
    lite, vit = shares_of(made["best"])
    torch.testing.assert_close(gradients[0], lite * gradients[1] + vit * gradients[2])


def test_in_a_list_it_shares_its_members_looks_and_scores_as_alone(
    made: dict, pair: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = tmp_path / "r.png", tmp_path / "d.png"
    for path, image in zip(paths, pair, strict=True):
        Image.fromarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(path)
    expected = innersight.score(*paths, metric=made["best"])
    looks = []
    for metric in made["best"].members.values():
        monkeypatch.setattr(metric, "look", lambda *a, look=metric.look: looks.append(1) or look(*a))
    (row,) = innersight.score_pairs([paths], made, with_layers=True)
    assert row.error is None
    assert row.scores["best"] == pytest.approx(expected, rel=1e-5)
    lite, vit = shares_of(made["best"])
    assert row.scores["best"] == pytest.approx(lite * row.scores[LITE] + vit * row.scores[VIT], rel=1e-9)
    assert sum(row.per_layer["best"]) == pytest.approx(expected, rel=1e-5)
    assert len(looks) == 4  # two networks, two images: `best` adds none


def test_it_says_what_it_is_made_of(made: dict) -> None:
    best = made["best"]
    assert best.citation.startswith(
        f"innersight {innersight.__version__} best, mean of all terms of {LITE} and {VIT}: tf_efficientnet"
    )
    assert best.describe()["mean_of"] == {name: made[name].describe() for name in (LITE, VIT)}
    assert not best.higher_is_better
    assert best.is_differentiable


def test_any_metrics_of_mean_logarithms_join_by_a_plus() -> None:
    both = innersight.create_metric("lite+lite:chroma=full")
    assert isinstance(both, CombinedMetric)
    assert list(both.members) == ["lite", "lite:chroma=full"]
    assert innersight.create_metric("lite+lite:chroma=full", precision="fp64").dtype == torch.float64


def test_it_never_trains() -> None:
    both = innersight.create_metric("lite+lite:chroma=full").train()
    assert not any(module.training for module in both.modules())
    assert not any(module.training for member in both.members.values() for module in member.backbone.modules())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best:chroma=full", r"'best' is a mean of metrics and has no fields of its own.*'lite.*\+vit.*:chroma=full'"),
        ("lite+lite:layer_scale=linear", r"each is a mean of logarithms, but lite:layer_scale=linear has layer_scale='linear'"),
        ("lite+", r"`metric` must be one of \(lite, vit, paper, best\), but got ''"),
        ("lite+lite", r"`members` must hold two metrics at least, but got \['lite'\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        innersight.create_metric(text)
