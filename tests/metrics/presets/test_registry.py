"""What every preset promises: zero for identical images, gradients of each term, and rising scores."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

import innersight
from innersight import FeatureMetric, MetricConfig
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import change, config_from_dict, config_to_dict
from standins import noisy

SCRIPT = Path(__file__).parents[3] / "research" / "strengths.py"
VIT = "vit_tiny_patch16_224"


def create(preset: str, small_dino: Path, vit_weights: Path, **changes: object) -> FeatureMetric:
    """Make a preset with stand-in weights of its transformer."""
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    if preset == "paper":
        return innersight.create_metric("paper", backbone=VIT, weights=vit_weights, changes=renamed)
    config = change(PRESETS[preset], renamed)
    has_transformer = any(view.backbone == "dinov2-vits14" for view in config.active_views)
    return innersight.create_metric(config, weights=small_dino if has_transformer else None)


@pytest.fixture(scope="module")
def metrics(small_dino: Path, vit_weights: Path) -> dict[str, FeatureMetric]:
    return {preset: create(preset, small_dino, vit_weights) for preset in PRESETS}


@pytest.fixture(scope="module")
def small(cat: torch.Tensor) -> torch.Tensor:
    """Two parts of a photograph of the size of a window, (2, 3, 224, 224)."""
    return torch.cat([cat[..., :224, :224], cat[..., 70:294, 200:424]])


def test_there_are_four_presets_named_as_their_configurations() -> None:
    assert set(PRESETS) == {"lite", "vit", "best", "paper"}
    assert {name: config.name for name, config in PRESETS.items()} == {name: name for name in PRESETS}
    assert all(isinstance(config, MetricConfig) for config in PRESETS.values())


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(ArgumentError, match=r"`metric` must be one of .* but got 'papr'\. Did you mean paper"):
        innersight.create_metric("papr")


@pytest.mark.parametrize("preset", ["lite", "vit", "best", "paper"])
class TestEveryPreset:
    @pytest.mark.thorough
    def test_identical_images_score_exactly_zero_with_a_zero_gradient(
        self, metrics: dict[str, FeatureMetric], preset: str, small: torch.Tensor
    ) -> None:
        reference, distorted = (small[:1].clone().requires_grad_() for _ in range(2))
        score = metrics[preset](reference, distorted)
        assert torch.equal(score, torch.zeros(1))
        for gradient in torch.autograd.grad(score.sum(), (reference, distorted)):
            assert torch.equal(gradient, torch.zeros_like(gradient))

    @pytest.mark.thorough
    @torch.inference_mode()
    def test_identical_layers_and_maps_are_exactly_zero(
        self, metrics: dict[str, FeatureMetric], preset: str, small: torch.Tensor
    ) -> None:
        metric = metrics[preset]
        features = metric.extract_features(small[:1])
        assert metric.compare_features(features, features).item() == 0
        assert torch.equal(metric.per_layer(small[:1], small[:1]), torch.zeros(1, len(metric.layer_names)))
        assert torch.equal(metric.map(small[:1], small[:1]), torch.zeros(1, 224, 224))

    @torch.inference_mode()
    def test_batch_features_and_layers_agree_with_the_score(
        self, metrics: dict[str, FeatureMetric], preset: str, small: torch.Tensor
    ) -> None:
        metric = metrics[preset]
        distorted = noisy(small, 0.1)
        distorted[1] = small[1]
        score = metric(small, distorted)
        alone = torch.cat([metric(small[n : n + 1], distorted[n : n + 1]) for n in range(2)])
        torch.testing.assert_close(score, alone, rtol=1e-5, atol=0)
        assert score[0] > 0
        assert score[1] == 0
        features = [metric.extract_features(images) for images in (small, distorted)]
        torch.testing.assert_close(metric.compare_features(*features), score, rtol=1e-5, atol=0)
        torch.testing.assert_close(metric.per_layer(small, distorted).sum(1), score, rtol=1e-5, atol=1e-6)

    @pytest.mark.thorough
    def test_each_of_its_terms_alone_has_a_finite_gradient(
        self, small_dino: Path, vit_weights: Path, preset: str, small: torch.Tensor
    ) -> None:
        names = [term.name for term in PRESETS[preset].terms]
        for name in names:
            others = {f"terms.{other}.weight": 0 for other in names if other != name}
            metric = create(preset, small_dino, vit_weights, **others)
            distorted = noisy(small[:1], 0.05).requires_grad_()
            (gradient,) = torch.autograd.grad(metric(small[:1], distorted).sum(), distorted)
            assert torch.isfinite(gradient).all(), name
            assert gradient.abs().max() > 0, name
            same = small[:1].clone().requires_grad_()
            (gradient,) = torch.autograd.grad(metric(small[:1], same).sum(), same)
            assert gradient.abs().max() == 0, name

    def test_a_copy_of_its_dictionary_is_the_same_configuration(
        self, metrics: dict[str, FeatureMetric], preset: str
    ) -> None:
        assert config_from_dict(config_to_dict(PRESETS[preset])) == PRESETS[preset]
        assert metrics[preset].name == preset


@pytest.mark.parametrize("preset", ["lite", "vit"])
class TestWhatAPresetRespondsTo:
    """A change as small as 8 bits can hold, and changes to which some metrics do not respond."""

    @torch.inference_mode()
    def test_a_change_of_hue_alone(self, metrics: dict[str, FeatureMetric], preset: str, cat: torch.Tensor) -> None:
        """Luma and strength of chroma are the same at every pixel."""
        metric = metrics[preset]
        muted, turned = turn_hue(cat, 0), turn_hue(cat, 30)
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        torch.testing.assert_close((luma * muted).sum(1), (luma * turned).sum(1), atol=1e-4, rtol=0)
        assert metric(muted, turned).item() > metric(muted, noisy(muted, 2 / 255)).item() > 0

    @pytest.mark.thorough
    @torch.inference_mode()
    def test_one_level_of_brightness(self, metrics: dict[str, FeatureMetric], preset: str, cat: torch.Tensor) -> None:
        metric = metrics[preset]
        brighter = (cat + 1 / 255).clamp(0, 1)
        assert metric(cat, brighter).item() > 0.01
        assert metric(cat, (cat + 4 / 255).clamp(0, 1)).item() > metric(cat, brighter).item()

    @torch.inference_mode()
    def test_a_change_of_colour_alone_on_an_even_image(self, metrics: dict[str, FeatureMetric], preset: str) -> None:
        even = torch.full((1, 3, 256, 256), 0.5)
        other = even + torch.tensor([0.05, -0.02, -0.03]).view(1, 3, 1, 1)
        assert metrics[preset](even, other).item() > 0.1

    @torch.inference_mode()
    def test_it_is_symmetric(self, metrics: dict[str, FeatureMetric], preset: str, cat: torch.Tensor) -> None:
        metric = metrics[preset]
        one, other = metric(cat, noisy(cat, 0.1)), metric(noisy(cat, 0.1), cat)
        torch.testing.assert_close(one, other, rtol=1e-5, atol=0)


@torch.inference_mode()
def test_a_spot_of_another_hue_is_in_the_map_of_the_chroma_range(cat: torch.Tensor) -> None:
    changes = {f"terms.{name}.weight": 0 for name in ("features", "moments", "thumbnail")}
    metric = innersight.create_metric("lite", changes=changes)
    turned = cat.clone()
    turned[..., 60:120, 300:380] = turn_hue(cat, 120)[..., 60:120, 300:380]
    found = metric.map(cat, turned)[0]
    assert found[70:110, 310:370].mean() > 10 * found[:, :280].mean()


def turn_hue(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turn Cb and Cr about the grey axis; colours are muted first, so that none leaves the gamut."""
    images = 0.5 + 0.4 * (images - 0.5)
    to_ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc) @ turn @ to_ycc, images).clamp(0, 1)


class TestStrengthsOfDistortions:
    """A stronger distortion of a real photograph scores strictly higher."""

    @pytest.fixture(scope="class")
    def strengths(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("strengths", SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        return script

    def check(self, strengths: ModuleType, photographs: list[Image.Image]) -> None:
        found = strengths.measure(innersight.create_metric("lite"), photographs)
        assert len(found) == 6
        assert {name: inversions for name, (_, inversions) in found.items()} == dict.fromkeys(found, 0)
        assert all(len(row) == 8 for scores, _ in found.values() for row in scores)

    @pytest.mark.thorough
    def test_lite_rises_with_six_distortions_of_the_photographs_of_scikit_image(self, strengths: ModuleType) -> None:
        from skimage import data

        self.check(strengths, [Image.fromarray(load()) for load in (data.astronaut, data.chelsea, data.coffee)])

    @pytest.mark.thorough
    def test_lite_rises_with_six_distortions_of_the_kodak_photographs(
        self, strengths: ModuleType, shared: Path
    ) -> None:
        photographs = [Image.open(path).convert("RGB") for path in sorted((shared / "data" / "kodak").glob("*.png"))]
        assert photographs
        self.check(strengths, photographs)

    def test_a_score_that_falls_is_counted(self, strengths: ModuleType) -> None:
        class Falling(FullReferenceMetric):
            """Scores 8, 7, 6 and so on."""

            name = citation = runtime_name = "falling"
            higher_is_better = False
            device = torch.device("cpu")

            def __init__(self) -> None:
                super().__init__()
                self.left = 9.0

            def describe(self) -> dict[str, Any]:
                return {}

            def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
                self.left -= 1
                return torch.full((reference.shape[0],), self.left)

        found = strengths.measure(Falling(), [Image.new("RGB", (32, 32))])
        assert next(inversions for _, inversions in found.values()) == 7
