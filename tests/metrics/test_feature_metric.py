"""A feature metric: 0 for identical images, batch independence, gradients, layers, maps, copies and precision."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

import innersight
from innersight import FeatureMetric
from innersight.errors import ArgumentError
from standins import noisy

VIT = "vit_tiny_patch16_224"
STACKED = ("skld", "jsd", "wsd", "swd")
TOKEN_DISTANCES = ("l2", "cos", "rel-l2", "channel-cos", *STACKED)
MAP_DISTANCES = ("l2", "cos", "rel-l2", "channel-cos")


@pytest.fixture(params=[*(f"paper/{name}" for name in TOKEN_DISTANCES), *(f"lite/{name}" for name in MAP_DISTANCES)])
def metric(request: pytest.FixtureRequest, vit_weights: Path) -> FeatureMetric:
    """Each distance: on a transformer in windows, and on the network of `lite` with whole images."""
    preset, _, distance = request.param.partition("/")
    if preset == "paper":
        return innersight.create_metric("paper", backbone=VIT, weights=vit_weights, distance=distance)
    return innersight.create_metric("lite", distance=distance)


@pytest.fixture(scope="module")
def images(cat: torch.Tensor) -> torch.Tensor:
    """Three parts of a photograph, each of two windows, (3, 3, 224, 260)."""
    return torch.cat([cat[..., top : top + 224, left : left + 260] for top, left in ((0, 0), (70, 180), (30, 90))])


class TestEveryDistance:
    def test_identical_images_score_exactly_zero_with_a_zero_gradient(
        self, metric: FeatureMetric, images: torch.Tensor
    ) -> None:
        reference, distorted = (images[:1].clone().requires_grad_() for _ in range(2))
        score = metric(reference, distorted)
        assert torch.equal(score, torch.zeros(1))
        for gradient in torch.autograd.grad(score.sum(), (reference, distorted)):
            assert torch.equal(gradient, torch.zeros_like(gradient))

    @pytest.mark.thorough
    def test_the_scores_of_a_batch_are_those_of_its_pairs(self, metric: FeatureMetric, images: torch.Tensor) -> None:
        distorted = noisy(images, 0.05)
        distorted[1] = images[1]  # an identical pair between two others
        with torch.inference_mode():
            together = metric(images, distorted)
            alone = torch.cat([metric(images[n : n + 1], distorted[n : n + 1]) for n in range(3)])
            reversed_order = metric(images.flip(0), distorted.flip(0)).flip(0)
        assert together.shape == (3,)
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=0)
        torch.testing.assert_close(together, reversed_order, rtol=1e-5, atol=0)
        assert together[1] == 0

    def test_more_noise_scores_higher(self, metric: FeatureMetric, images: torch.Tensor) -> None:
        with torch.inference_mode():
            scores = [metric(images[:1], noisy(images[:1], strength)).item() for strength in (0.01, 0.05, 0.2)]
        assert 0 < scores[0] < scores[1] < scores[2]

    @pytest.mark.thorough
    def test_both_images_have_a_gradient_along_which_the_score_rises(
        self, metric: FeatureMetric, images: torch.Tensor
    ) -> None:
        reference, distorted = images[:1].clone().requires_grad_(), noisy(images[:1], 0.05).requires_grad_()
        score = metric(reference, distorted)
        gradients = torch.autograd.grad(score.sum(), (reference, distorted))
        for gradient in gradients:
            assert torch.isfinite(gradient).all()
            assert gradient.abs().max() > 0
        step = 0.02 * gradients[1] / gradients[1].norm()
        with torch.inference_mode():
            lower, higher = (metric(images[:1], (distorted + sign * step).clamp(0, 1)) for sign in (-1, 1))
        assert lower < score < higher

    @pytest.mark.thorough
    def test_the_layers_sum_to_the_score_except_for_a_stack_of_layers(
        self, metric: FeatureMetric, images: torch.Tensor
    ) -> None:
        distorted = noisy(images[:2], 0.05)
        with torch.inference_mode():
            layers, score = metric.per_layer(images[:2], distorted), metric(images[:2], distorted)
        assert layers.shape == (2, len(metric.layer_names))
        assert (layers > 0).all()
        distance = metric.describe()["terms"]["features"]["distance"]
        if distance not in STACKED:
            torch.testing.assert_close(layers.sum(1), score)

    def test_it_is_symmetric(self, metric: FeatureMetric, images: torch.Tensor) -> None:
        distorted = noisy(images[:1], 0.1)
        with torch.inference_mode():
            one, other = metric(images[:1], distorted), metric(distorted, images[:1])
        torch.testing.assert_close(one, other, rtol=1e-5, atol=0)

    @pytest.mark.thorough
    def test_copies_and_pickles_score_the_same(self, metric: FeatureMetric, images: torch.Tensor) -> None:
        with torch.inference_mode():
            expected = metric(images[:1], noisy(images[:1], 0.1))
            for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
                assert other is not metric
                assert torch.equal(other(images[:1], noisy(images[:1], 0.1)), expected)

    @pytest.mark.thorough
    def test_autocast_of_the_caller_changes_no_score(self, metric: FeatureMetric, images: torch.Tensor) -> None:
        distorted = noisy(images[:1], 0.1)
        with torch.inference_mode():
            expected = metric(images[:1], distorted)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = metric(images[:1], distorted)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_a_distance_of_the_stack_of_layers_has_each_layer_alone_in_per_layer(
    vit_weights: Path, images: torch.Tensor
) -> None:
    options = {"backbone": VIT, "weights": vit_weights, "distance": "jsd"}
    metric = innersight.create_metric("paper", layers=[2, 5], **options)
    alone = [innersight.create_metric("paper", layers=[layer], **options) for layer in (2, 5)]
    distorted = noisy(images[:1], 0.1)
    with torch.inference_mode():
        layers = metric.per_layer(images[:1], distorted)[0]
        assert layers.tolist() == pytest.approx([one(images[:1], distorted).item() for one in alone], rel=1e-5)
        assert layers.sum().item() != pytest.approx(metric(images[:1], distorted).item(), rel=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("preset", ["lite", "paper"])
def test_the_gradient_in_float64_is_the_central_difference(preset: str, vit_weights: Path) -> None:
    options = {"backbone": VIT, "weights": vit_weights} if preset == "paper" else {}
    metric = innersight.create_metric(preset, precision="fp64", **options)
    draw = torch.Generator().manual_seed(0)
    reference, distorted, step = (torch.rand(1, 3, 224, 224, generator=draw, dtype=torch.float64) for _ in range(3))
    reference, distorted = 0.2 + 0.6 * reference, (0.2 + 0.6 * distorted).requires_grad_()
    (gradient,) = torch.autograd.grad(metric(reference, distorted).sum(), distorted)
    with torch.no_grad():
        h = 1e-8  # ReLU6 has kinks, which a larger step crosses
        difference = metric(reference, distorted + h * step) - metric(reference, distorted - h * step)
    assert (gradient * step).sum().item() == pytest.approx(difference.item() / (2 * h), rel=1e-4)


class TestMap:
    @pytest.mark.thorough
    @pytest.mark.parametrize("preset", ["lite", "paper"])
    def test_it_is_largest_where_the_images_differ(self, preset: str, vit_weights: Path, cat: torch.Tensor) -> None:
        options = {"backbone": VIT, "weights": vit_weights} if preset == "paper" else {}
        metric = innersight.create_metric(preset, **options)
        distorted = cat.clone()
        distorted[..., 60:120, 300:380] = noisy(cat[..., 60:120, 300:380], 0.3)
        with torch.inference_mode():
            found = metric.map(torch.cat((cat, cat)), torch.cat((distorted, cat)))
        assert found.shape == (2, 300, 451)
        inside, outside = found[0, 60:120, 300:380].mean(), found[0, 180:, :200].mean()
        assert inside > 3 * outside
        top, left = divmod(found[0].argmax().item(), 451)
        assert 40 <= top < 140
        assert 280 <= left < 400
        assert torch.equal(found[1], torch.zeros(300, 451))

    def test_its_mean_is_the_score_where_positions_are_averaged(self, cat: torch.Tensor) -> None:
        changes = {f"terms.{name}.weight": 0 for name in ("moments", "thumbnail", "chroma")}
        changes |= {"terms.features.pooling": "mean", "scale": "linear"}
        metric = innersight.create_metric("lite", input="native", layers=[0], changes=changes)
        reference, distorted = cat[..., :256, :256], noisy(cat, 0.1)[..., :256, :256]
        with torch.inference_mode():
            mean, score = metric.map(reference, distorted).mean().item(), metric(reference, distorted).item()
        assert mean == pytest.approx(score, rel=1e-3)

    @pytest.mark.parametrize("distance", ["skld", "swd"])
    def test_a_metric_without_positions_has_none(self, distance: str, vit_weights: Path) -> None:
        metric = innersight.create_metric("paper", backbone=VIT, weights=vit_weights, distance=distance)
        assert not metric.has_map
        with pytest.raises(
            ArgumentError,
            match=r"the terms of paper \(features\) have none: use distance='l2', 'rel-l2' or 'channel-cos'",
        ):
            metric.map(torch.rand(1, 3, 224, 224), torch.rand(1, 3, 224, 224))

    def test_terms_without_positions_have_none(self) -> None:
        metric = innersight.create_metric(
            "lite", changes={f"terms.{name}.weight": 0 for name in ("features", "thumbnail", "chroma")}
        )
        assert not metric.has_map
        with pytest.raises(ArgumentError, match=r"the terms of lite \(moments\) have none"):
            metric.map(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))

    def test_it_is_differentiable(self, cat: torch.Tensor) -> None:
        distorted = noisy(cat, 0.1).requires_grad_()
        innersight.create_metric("lite").map(cat, distorted).mean().backward()
        assert torch.isfinite(distorted.grad).all()
        assert distorted.grad.abs().max() > 0


class TestExtractedFeatures:
    @pytest.mark.thorough
    @torch.inference_mode()
    def test_they_score_as_the_images_and_as_the_sum_of_the_views(
        self, metric: FeatureMetric, images: torch.Tensor
    ) -> None:
        distorted = noisy(images, 0.1)
        features = metric.extract_features(images), metric.extract_features(distorted)
        scores = metric.compare_features(*features)
        torch.testing.assert_close(scores, metric(images, distorted), rtol=1e-5, atol=0)
        assert torch.equal(metric.compare_features(features[0], features[0]), torch.zeros(3))

    @torch.inference_mode()
    def test_features_of_another_number_of_views_are_refused(self, small_dino: Path, cat: torch.Tensor) -> None:
        made = innersight.create_metrics(["lite", "best"], weights=small_dino)
        lite, best = made.values()
        assert isinstance(lite, FeatureMetric)
        assert isinstance(best, FeatureMetric)
        of_lite, of_best = lite.extract_features(cat), best.extract_features(cat)
        with pytest.raises(ArgumentError, match=r"`distorted` has features of 1 views, but best has 2: extract"):
            best.compare_features(of_best, of_lite)
        with pytest.raises(ArgumentError, match=r"`reference` has features of 2 views, but lite has 1: extract"):
            lite.compare_features(of_best, of_lite)


class TestModule:
    @pytest.fixture
    def lite(self) -> FeatureMetric:
        return innersight.create_metric("lite")

    def test_it_is_differentiable_and_lower_is_better(self, lite: FeatureMetric) -> None:
        assert lite.is_differentiable
        assert not lite.higher_is_better

    @pytest.mark.parametrize("name", ["reference", "distorted"])
    def test_an_error_names_the_wrong_argument(self, lite: FeatureMetric, name: str) -> None:
        pair = {"reference": torch.rand(1, 3, 32, 32), "distorted": torch.rand(1, 3, 32, 32)}
        pair[name] = pair[name] * 255
        for function in (lite, lite.per_layer, lite.map):
            with pytest.raises(ArgumentError, match=rf"^Argument `{name}` .*divide by 255"):
                function(**pair)

    def test_it_stays_frozen_and_in_evaluation_mode_inside_a_model_in_training(self, lite: FeatureMetric) -> None:
        model = nn.ModuleDict({"loss": lite}).train()
        model.requires_grad_()
        (network,) = lite.backbones
        assert not lite.training
        assert not any(module.training for module in network.modules())
        assert {parameter.requires_grad for parameter in network.parameters()} == {False}

    def test_an_enclosing_module_moves_it(self, lite: FeatureMetric) -> None:
        outer = nn.Sequential(nn.Conv2d(3, 3, 1), lite)
        outer.to(torch.float64)
        assert lite.dtype == torch.float64
        image = torch.rand(1, 3, 64, 64, dtype=torch.float64)
        assert lite(image, image).dtype == torch.float64
        outer.float()
        assert lite.dtype == torch.float32

    def test_images_must_have_the_dtype_that_it_was_moved_to(self, lite: FeatureMetric) -> None:
        assert lite.to(torch.float64) is lite
        assert lite.dtype == torch.float64
        with pytest.raises(ArgumentError, match=r"must be torch\.float64 as the metric is, but got torch\.float32"):
            lite(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))

    def test_a_saved_metric_scores_the_same_after_loading(self, lite: FeatureMetric, cat: torch.Tensor) -> None:
        file = io.BytesIO()
        torch.save(nn.Sequential(lite), file)
        file.seek(0)
        (loaded,) = torch.load(file, weights_only=False)
        with torch.inference_mode():
            assert torch.equal(loaded(cat, noisy(cat, 0.1)), lite(cat, noisy(cat, 0.1)))
        assert loaded.citation == lite.citation

    @pytest.mark.thorough
    def test_as_a_loss_it_restores_a_noisy_image(self, lite: FeatureMetric, cat: torch.Tensor) -> None:
        reference = cat[..., 40:168, 100:228]
        image = noisy(reference, 0.2).requires_grad_()
        optimiser = torch.optim.Adam([image], lr=0.02)
        with torch.inference_mode():
            before = lite(reference, image.detach()).item()
        for _ in range(15):
            optimiser.zero_grad()
            lite(reference, image.clamp(0, 1)).sum().backward()
            optimiser.step()
        with torch.inference_mode():
            # The scale is logarithmic: 2 less is a tenth of the difference in most layers.
            assert lite(reference, image.detach().clamp(0, 1)).item() < before - 2


class TestSharedNetworks:
    """Fault 31: metrics of one `create_metrics` call share a network until one of them is moved."""

    @pytest.fixture
    def pair(self) -> tuple[FeatureMetric, FeatureMetric]:
        made = innersight.create_metrics(["lite", "lite:layers=0,1"])
        first, second = made.values()
        assert isinstance(first, FeatureMetric)
        assert isinstance(second, FeatureMetric)
        return first, second

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        "move", [lambda m: m.double(), lambda m: m.to(torch.float64), lambda m: nn.Sequential(m).double()]
    )
    @torch.inference_mode()
    def test_moving_one_does_not_change_the_other_fault_31(
        self, pair: tuple[FeatureMetric, FeatureMetric], cat: torch.Tensor, move
    ) -> None:
        first, second = pair
        assert first.backbones[0] is second.backbones[0]
        other = noisy(cat, 0.1)
        expected = second(cat, other)
        move(first)
        assert (first.dtype, second.dtype) == (torch.float64, torch.float32)
        assert first.backbones[0] is not second.backbones[0]
        assert torch.equal(second(cat, other), expected)
        assert {p.dtype for p in second.backbones[0].parameters()} == {torch.float32}
        exact = first(cat.double(), other.double())
        assert exact.item() == pytest.approx(innersight.create_metric("lite")(cat, other).item(), rel=1e-5)

    def test_another_device_for_one_does_not_change_the_other_fault_31(
        self, pair: tuple[FeatureMetric, FeatureMetric], cat: torch.Tensor
    ) -> None:
        first, second = pair
        first.to("meta")
        assert (first.device.type, second.device.type) == ("meta", "cpu")
        assert second(cat, cat).item() == 0

    def test_the_runtime_of_a_moved_metric_runs_its_own_network_fault_31(
        self, pair: tuple[FeatureMetric, FeatureMetric]
    ) -> None:
        first, _ = pair
        first.double()
        extractor = first.comparisons[0].extractor
        assert extractor.runtime._backbone is extractor.backbone

    def test_two_views_of_one_network_share_it_after_a_move_fault_31(self) -> None:
        changes = {
            "views.other.backbone": "efficientnet-lite0",
            "terms.other.type": "channel_moments",
            "terms.other.view": "other",
        }
        metric = innersight.create_metric("lite", changes=changes)
        assert len(metric.comparisons) == 2
        assert len(metric.backbones) == 1
        metric.double()
        assert len(metric.backbones) == 1
        assert {comparison.extractor.dtype for comparison in metric.comparisons} == {torch.float64}

    def test_a_move_to_where_it_is_copies_nothing(self, pair: tuple[FeatureMetric, FeatureMetric]) -> None:
        first, second = pair
        first.to("cpu").float().to(torch.float32)
        assert first.backbones[0] is second.backbones[0]
