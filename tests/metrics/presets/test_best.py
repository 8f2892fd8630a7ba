"""The preset `best` is one configuration of two views: its score is the sum of what the views contribute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import innersight
from innersight import FeatureMetric
from standins import noisy

LITE_TERMS, VIT_TERMS = 1 + 1 + 0.3 + 0.15, 1 + 0.15
"""The sums of the weights of the two views' terms."""

LITE = "lite:terms.moments.weight=1:terms.moments.layers=last-2:terms.moments.order=2"
LITE += ":terms.thumbnail.weight=0.3:terms.chroma.weight=0.15"
VIT = "vit:input=short=364:terms.features.weight=0"
VIT += ":terms.moments.weight=1:terms.moments.layers=5:terms.chroma.weight=0.15"


@pytest.fixture(scope="module")
def made(small_dino: Path) -> dict[str, FeatureMetric]:
    """`best`, and each of its views as a metric of its own, with shared networks."""
    metrics = innersight.create_metrics(["best", LITE, VIT], weights=small_dino)
    return {name: metric for name, metric in metrics.items() if isinstance(metric, FeatureMetric)}


@pytest.fixture
def pair(cat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    image = cat[..., 60:188, 100:228]  # square and small: the transformer enlarges it to 364 pixels
    return image, noisy(image, 0.1)


@pytest.mark.thorough
@torch.inference_mode()
def test_score_layers_and_map_are_the_means_of_the_views_by_their_weights(
    made: dict[str, FeatureMetric], pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    best, lite, vit = made.values()
    shares = LITE_TERMS / (LITE_TERMS + VIT_TERMS), VIT_TERMS / (LITE_TERMS + VIT_TERMS)

    def check(found: torch.Tensor, *parts: torch.Tensor) -> None:
        torch.testing.assert_close(found, shares[0] * parts[0] + shares[1] * parts[1], rtol=1e-5, atol=1e-7)

    check(best(*pair), lite(*pair), vit(*pair))
    check(best.map(*pair), lite.map(*pair), vit.map(*pair))
    layers = best.per_layer(*pair)
    expected = [share * metric.per_layer(*pair) for share, metric in zip(shares, (lite, vit), strict=True)]
    torch.testing.assert_close(layers, torch.cat(expected, dim=1), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(layers.sum(1), best(*pair))


def test_the_columns_of_the_second_view_carry_its_name(made: dict[str, FeatureMetric]) -> None:
    assert made["best"].layer_names == (
        *("layer 0", "layer 3", "layer 4", "thumbnail", "chroma"),
        *("vit layer 5", "vit vit-chroma"),
    )


@pytest.mark.thorough
def test_the_gradient_is_the_mean_of_the_views_by_their_weights(
    made: dict[str, FeatureMetric], pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    reference, distorted = pair
    gradients = []
    for metric in made.values():
        image = distorted.clone().requires_grad_()
        gradients += torch.autograd.grad(metric(reference, image).sum(), image)
    mean = (LITE_TERMS * gradients[1] + VIT_TERMS * gradients[2]) / (LITE_TERMS + VIT_TERMS)
    torch.testing.assert_close(gradients[0], mean, rtol=1e-4, atol=1e-5 * mean.abs().max().item())


@torch.inference_mode()
def test_in_a_list_it_shares_the_features_of_metrics_with_the_same_views(
    made: dict[str, FeatureMetric],
    pair: tuple[torch.Tensor, torch.Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = tmp_path / "r.png", tmp_path / "d.png"
    for path, image in zip(paths, pair, strict=True):
        Image.fromarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(path)
    expected = innersight.score(*paths, metric=made["best"])
    runs = []
    for network in {id(network): network for metric in made.values() for network in metric.backbones}.values():
        outputs = network.outputs
        monkeypatch.setattr(network, "outputs", lambda *a, outputs=outputs: runs.append(len(a[0])) or outputs(*a))
    (row,) = innersight.score_pairs([paths], made, with_layers=True)
    assert row.error is None
    assert row.scores["best"] == pytest.approx(expected, rel=1e-5)
    of_views = LITE_TERMS * row.scores[LITE] + VIT_TERMS * row.scores[VIT]
    assert row.scores["best"] == pytest.approx(of_views / (LITE_TERMS + VIT_TERMS), rel=1e-6)
    assert sum(row.per_layer["best"]) == pytest.approx(expected, rel=1e-5)
    assert sum(runs) == 4 + 2  # two networks and two images, and a random image of each network before


def test_its_description_has_both_views_and_their_weights(made: dict[str, FeatureMetric]) -> None:
    best, lite, vit = (metric.describe() for metric in made.values())
    assert list(best["views"]) == ["main", "vit"]
    assert best["views"] == {"main": lite["views"]["main"], "vit": vit["views"]["main"]}
    assert {name: term["view"] for name, term in best["terms"].items()} == {
        **dict.fromkeys(("features", "moments", "thumbnail", "chroma"), "main"),
        **dict.fromkeys(("vit-moments", "vit-chroma"), "vit"),
    }
    for view in best["views"].values():
        assert view["timm_name"] in best["citation"]
        assert view["weights"]["digest"][:19] in best["citation"]
