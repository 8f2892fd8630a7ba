"""The metric's contract: zero for identical, the same one by one, differentiable, maps, errors, and what it says of itself."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.module import Metric
from standins import noisy

TOKEN_DISTANCES = ("l2", "cos", "skld", "jsd", "wsd", "swd", "rel-l2", "channel-cos")
MAP_DISTANCES = ("l2", "cos", "rel-l2", "channel-cos")


@pytest.fixture(params=[*(f"paper/{name}" for name in TOKEN_DISTANCES), *(f"lite/{name}" for name in MAP_DISTANCES)])
def metric(request: pytest.FixtureRequest, vit_weights: Path) -> Metric:
    """Every distance: on a transformer through windows, on the embedded network in one look."""
    preset, _, distance = request.param.partition("/")
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights} if preset == "paper" else {}
    return innersight.create_metric(preset, distance=distance, **options)


@pytest.fixture(scope="module")
def images(cat: torch.Tensor) -> torch.Tensor:
    """Three photographs' worth of pixels, two windows each, (3, 3, 224, 260)."""
    return torch.cat([cat[..., top : top + 224, left : left + 260] for top, left in ((0, 0), (70, 180), (30, 90))])


class TestEveryDistance:
    def test_identical_images_give_exactly_zero_with_a_zero_gradient(
        self, metric: Metric, images: torch.Tensor
    ) -> None:
        distorted = images[:1].clone().requires_grad_()
        score = metric(images[:1], distorted)
        assert torch.equal(score, torch.zeros(1))
        score.sum().backward()
        assert torch.equal(distorted.grad, torch.zeros_like(distorted))

    def test_a_batch_scores_as_one_by_one(self, metric: Metric, images: torch.Tensor) -> None:
        distorted = noisy(images, 0.05)
        distorted[1] = images[1]  # an identical pair among others
        with torch.inference_mode():
            together = metric(images, distorted)
            alone = torch.cat([metric(images[n : n + 1], distorted[n : n + 1]) for n in range(3)])
            turned = metric(images.flip(0), distorted.flip(0)).flip(0)
        assert together.shape == (3,)
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=0)
        torch.testing.assert_close(together, turned, rtol=1e-5, atol=0)
        assert together[1] == 0

    def test_more_noise_scores_higher(self, metric: Metric, images: torch.Tensor) -> None:
        with torch.inference_mode():
            scores = [metric(images[:1], noisy(images[:1], strength)).item() for strength in (0.01, 0.05, 0.2)]
        assert 0 < scores[0] < scores[1] < scores[2]

    def test_the_gradient_reaches_both_images_and_points_uphill(self, metric: Metric, images: torch.Tensor) -> None:
        reference, distorted = images[:1].clone().requires_grad_(), noisy(images[:1], 0.05).requires_grad_()
        score = metric(reference, distorted)
        score.sum().backward()
        for image in (reference, distorted):
            assert torch.isfinite(image.grad).all()
            assert image.grad.abs().max() > 0
        step = 0.02 * distorted.grad / distorted.grad.norm()
        with torch.inference_mode():
            assert (
                metric(images[:1], (distorted - step).clamp(0, 1))
                < score
                < metric(images[:1], (distorted + step).clamp(0, 1))
            )

    def test_per_layer(self, metric: Metric, images: torch.Tensor) -> None:
        distorted = noisy(images[:2], 0.05)
        with torch.inference_mode():
            layers, score = metric.per_layer(images[:2], distorted), metric(images[:2], distorted)
        assert layers.shape == (2, len(metric.layers))
        assert (layers > 0).all()
        if metric.config.layer_pooling is not None:
            torch.testing.assert_close(layers.sum(1), score)
        else:
            assert metric.config.distance in ("skld", "jsd", "wsd", "swd")

    def test_it_is_symmetric(self, metric: Metric, images: torch.Tensor) -> None:
        distorted = noisy(images[:1], 0.1)
        with torch.inference_mode():
            there, back = metric(images[:1], distorted), metric(distorted, images[:1])
        torch.testing.assert_close(there, back, rtol=1e-5, atol=0)


def test_the_gradient_is_right_in_float64(vit_weights: Path) -> None:
    """Along a random direction, against a central difference."""
    for options in (
        {"metric": "lite"},
        {"metric": "paper", "backbone": "vit_tiny_patch16_224", "weights": vit_weights},
    ):
        metric = innersight.create_metric(**options, precision="fp64")
        draw = torch.Generator().manual_seed(0)
        reference, distorted, way = (torch.rand(1, 3, 224, 224, generator=draw, dtype=torch.float64) for _ in range(3))
        reference, distorted = 0.2 + 0.6 * reference, (0.2 + 0.6 * distorted).requires_grad_()
        metric(reference, distorted).sum().backward()
        with torch.no_grad():
            h = 1e-8  # ReLU6 has kinks: a wider step crosses some
            difference = metric(reference, distorted + h * way) - metric(reference, distorted - h * way)
        assert (distorted.grad * way).sum().item() == pytest.approx(difference.item() / (2 * h), rel=1e-4)


def test_the_paper_score_is_the_mean_over_windows_each_scored_alone(vit_weights: Path, cat: torch.Tensor) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance="jsd")
    reference, distorted = cat, noisy(cat, 0.1)  # 300 x 451: rows 0, 76; columns 0, 200, 227
    with torch.inference_mode():
        alone = [
            metric(*(image[..., top : top + 224, left : left + 224] for image in (reference, distorted))).item()
            for top in (0, 76)
            for left in (0, 200, 227)
        ]
        assert metric(reference, distorted).item() == pytest.approx(sum(alone) / 6, rel=1e-5)


@pytest.mark.parametrize("preset", ["lite", "vit"])
class TestWhatAPresetSees:
    """A change as small as 8 bits can hold, and changes that some metrics are blind to."""

    @pytest.fixture
    def metric(self, preset: str, small_dino: Path) -> Metric:
        return innersight.create_metric(preset, weights=small_dino if preset == "vit" else None)

    @torch.inference_mode()
    def test_a_pure_hue_shift(self, metric: Metric, cat: torch.Tensor) -> None:
        """Same luma and same chroma strength at every pixel, another hue."""
        muted, turned = turn_hue(cat, 0), turn_hue(cat, 30)
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        torch.testing.assert_close((luma * muted).sum(1), (luma * turned).sum(1), atol=1e-4, rtol=0)
        assert metric(muted, turned).item() > metric(muted, noisy(muted, 2 / 255)).item() > 0

    @torch.inference_mode()
    def test_one_level_of_luminance(self, metric: Metric, cat: torch.Tensor) -> None:
        brighter = (cat + 1 / 255).clamp(0, 1)
        assert metric(cat, brighter).item() > 0.01
        assert metric(cat, (cat + 4 / 255).clamp(0, 1)).item() > metric(cat, brighter).item()

    @torch.inference_mode()
    def test_a_change_of_colour_alone_on_an_even_image(self, metric: Metric) -> None:
        even = torch.full((1, 3, 256, 256), 0.5)
        other = even + torch.tensor([0.05, -0.02, -0.03]).view(1, 3, 1, 1)
        assert metric(even, other).item() > 0.1

    @torch.inference_mode()
    def test_it_is_symmetric(self, metric: Metric, cat: torch.Tensor) -> None:
        there, back = metric(cat, noisy(cat, 0.1)), metric(noisy(cat, 0.1), cat)
        torch.testing.assert_close(there, back, rtol=1e-5, atol=0)


def turn_hue(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turn Cb and Cr about the grey axis; colours are muted first, so that nothing leaves the gamut."""
    images = 0.5 + 0.4 * (images - 0.5)
    to_ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc) @ turn @ to_ycc, images).clamp(0, 1)


class TestMap:
    @pytest.mark.parametrize("preset", ["lite", "paper"])
    def test_it_points_at_the_place_that_differs(self, preset: str, vit_weights: Path, cat: torch.Tensor) -> None:
        options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights} if preset == "paper" else {}
        metric = innersight.create_metric(preset, **options)
        distorted = cat.clone()
        distorted[..., 60:120, 300:380] = noisy(cat[..., 60:120, 300:380], 0.3)
        with torch.inference_mode():
            where = metric.map(torch.cat((cat, cat)), torch.cat((distorted, cat)))
        assert where.shape == (2, 300, 451)
        inside, outside = where[0, 60:120, 300:380].mean(), where[0, 180:, :200].mean()
        assert inside > 3 * outside
        top, left = divmod(where[0].argmax().item(), 451)
        assert 40 <= top < 140
        assert 280 <= left < 400
        assert torch.equal(where[1], torch.zeros(300, 451))

    def test_its_mean_is_the_score_where_positions_are_averaged(self, cat: torch.Tensor) -> None:
        plain = {"layer_scale": "linear", "spread": 0, "colour": 0, "tint": 0}
        metric = innersight.create_metric("lite", position_pooling="mean", input="native", layers=[0], **plain)
        reference, distorted = cat[..., :256, :256], noisy(cat, 0.1)[..., :256, :256]
        with torch.inference_mode():
            mean, score = metric.map(reference, distorted).mean().item(), metric(reference, distorted).item()
        assert mean == pytest.approx(score, rel=1e-3)

    @pytest.mark.parametrize("distance", ["skld", "swd"])
    def test_a_distance_without_positions_is_refused(self, distance: str, vit_weights: Path) -> None:
        metric = innersight.create_metric(
            "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance=distance
        )
        with pytest.raises(
            ArgumentError, match=rf"'{distance}' of vit_tiny.* has none\. Use distance='l2', 'rel-l2' or 'channel-cos'"
        ):
            metric.map(torch.rand(1, 3, 224, 224), torch.rand(1, 3, 224, 224))

    def test_without_a_term_that_has_places_there_is_none(self) -> None:
        metric = innersight.create_metric("lite", structure=0, colour=0, tint=0)
        assert not metric.has_map
        with pytest.raises(ArgumentError, match=r"this metric has only the spread, which has none\. Give structure,"):
            metric.map(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))

    def test_a_spot_of_wrong_colour_alone_is_shown_by_its_tint(self, cat: torch.Tensor) -> None:
        metric = innersight.create_metric("lite", structure=0, colour=0)
        turned = cat.clone()
        turned[..., 60:120, 300:380] = turn_hue(cat, 120)[..., 60:120, 300:380]
        with torch.inference_mode():
            where = metric.map(cat, turned)[0]
        assert where[70:110, 310:370].mean() > 10 * where[:, :280].mean()

    def test_it_is_differentiable(self, cat: torch.Tensor) -> None:
        distorted = noisy(cat, 0.1).requires_grad_()
        innersight.create_metric("lite").map(cat, distorted).mean().backward()
        assert torch.isfinite(distorted.grad).all()


class TestRefused:
    @pytest.mark.parametrize("name", ["reference", "distorted"])
    def test_the_wrong_argument_is_named(self, name: str) -> None:
        metric = innersight.create_metric("lite")
        pair = {"reference": torch.rand(1, 3, 32, 32), "distorted": torch.rand(1, 3, 32, 32)}
        pair[name] = pair[name] * 255
        with pytest.raises(ArgumentError, match=rf"^Argument `{name}` .*divide by 255"):
            metric(**pair)

    def test_poolings_must_fit_the_distance(self, vit_weights: Path) -> None:
        options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
        with pytest.raises(
            ArgumentError, match=r"`position_pooling` must be None for distance 'wsd' of tokens, but got 'rms'"
        ):
            innersight.create_metric("paper", distance="wsd", position_pooling="rms", **options)
        with pytest.raises(
            ArgumentError, match=r"`layer_pooling` must be None for distance 'swd' of tokens, but got 'mean'"
        ):
            innersight.create_metric("paper", distance="swd", layer_pooling="mean", **options)


class TestModule:
    def test_contract_flags(self) -> None:
        assert Metric.higher_is_better is False
        assert Metric.is_differentiable is True

    def test_it_stays_frozen_in_evaluation_mode_inside_a_model_that_trains(self) -> None:
        model = torch.nn.ModuleDict({"loss": innersight.create_metric("lite")}).train()
        model.requires_grad_()
        network = model["loss"].backbone
        assert not model["loss"].training
        assert not any(module.training for module in network.modules())
        assert {parameter.requires_grad for parameter in network.parameters()} == {False}

    def test_copies_and_pickles_score_the_same(self, metric: Metric, images: torch.Tensor) -> None:
        with torch.inference_mode():
            expected = metric(images[:1], noisy(images[:1], 0.1))
            for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
                assert torch.equal(other(images[:1], noisy(images[:1], 0.1)), expected)

    def test_moving_it_moves_the_dtype_it_asks_for(self) -> None:
        metric = innersight.create_metric("lite").to(torch.float64)
        assert metric.dtype == torch.float64
        with pytest.raises(ArgumentError, match=r"must be torch\.float64 as the metric is, but got torch\.float32"):
            metric(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))

    def test_a_callers_mixed_precision_changes_no_score(self, metric: Metric, images: torch.Tensor) -> None:
        distorted = noisy(images[:1], 0.1)
        with torch.inference_mode():
            expected = metric(images[:1], distorted)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                got = metric(images[:1], distorted)
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)

    def test_as_a_loss_it_brings_an_image_back(self, cat: torch.Tensor) -> None:
        metric = innersight.create_metric("lite")
        reference = cat[..., 40:168, 100:228]
        image = noisy(reference, 0.2).requires_grad_()
        optimiser = torch.optim.Adam([image], lr=0.02)
        with torch.inference_mode():
            before = metric(reference, image.detach()).item()
        for _ in range(15):
            optimiser.zero_grad()
            metric(reference, image.clamp(0, 1)).sum().backward()
            optimiser.step()
        with torch.inference_mode():
            assert metric(reference, image.detach().clamp(0, 1)).item() < before - 2  # nats: most layers a tenth
