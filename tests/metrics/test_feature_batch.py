"""Extracted features score as the images themselves, one reference with many images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight import FeatureMetric
from innersight.metrics.feature_batch import FeatureBatch, ViewFeatures, layer_key
from standins import noisy


@pytest.fixture(params=["lite/rel-l2", "lite/cos", "paper/l2", "paper/jsd", "paper/swd"])
def metric(request: pytest.FixtureRequest, vit_weights: Path) -> FeatureMetric:
    preset, _, distance = request.param.partition("/")
    if preset == "paper":
        return innersight.create_metric(
            "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance=distance
        )
    return innersight.create_metric("lite", distance=distance)


@pytest.fixture
def images(cat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A reference and three distorted images, six windows each."""
    noise = torch.randn(3, *cat.shape[1:], generator=torch.Generator().manual_seed(0))
    strengths = torch.tensor([0.02, 0.05, 0.2]).view(3, 1, 1, 1)
    return cat, (cat + strengths * noise).clamp(0, 1)


@pytest.mark.thorough
@torch.inference_mode()
def test_one_reference_is_compared_with_many_images(
    metric: FeatureMetric, images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    reference, distorted = images
    expected = metric(reference.expand(3, -1, -1, -1), distorted)
    features = metric.extract_features(reference)
    scores = metric.compare_features(features, metric.extract_features(distorted))
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=0)
    alone = [metric.compare_features(features, metric.extract_features(distorted[n : n + 1])) for n in range(3)]
    torch.testing.assert_close(torch.cat(alone), expected, rtol=1e-5, atol=0)
    assert metric.compare_features(features, metric.extract_features(reference)) == 0


@torch.inference_mode()
def test_the_memory_is_that_of_the_features(vit_weights: Path, cat: torch.Tensor) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights)
    features = metric.extract_features(cat)
    assert features.views[0].windows == 6
    assert features.nbytes == features.views[0].nbytes == 12 * 6 * 197 * 192 * 4
    assert features.batch == 1


@pytest.mark.thorough
@torch.inference_mode()
def test_one_of_several_images_is_as_if_extracted_alone(
    metric: FeatureMetric, images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    reference, distorted = images
    features, together = metric.extract_features(reference), metric.extract_features(distorted)
    scores = metric.compare_features(features, together)
    (view,) = together.views
    for index in range(3):
        one = view.one(index)
        assert (one.batch, one.windows, one.size) == (1, view.windows, view.size)
        assert (one.extractor_id, one.kind, one.grid) == (view.extractor_id, view.kind, view.grid)
        assert one.nbytes * 3 == view.nbytes
        assert one.nbytes == sum(tensor.untyped_storage().nbytes() for tensor in one.tensors.values())
        (alone,) = metric.extract_features(distorted[index : index + 1]).views
        assert one.tensors.keys() == alone.tensors.keys()
        for key, expected in alone.tensors.items():
            torch.testing.assert_close(one.tensors[key], expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
        score = metric.compare_features(features, FeatureBatch((one,)))
        torch.testing.assert_close(score, scores[index : index + 1], rtol=1e-5, atol=0)


@pytest.mark.thorough
@torch.inference_mode()
def test_they_move_between_devices_whole(metric: FeatureMetric, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    features = metric.extract_features(images[0])
    moved = features.to(torch.device("meta"))
    for before, after in zip(features.views, moved.views, strict=True):
        assert {tensor.device.type for tensor in after.tensors.values()} == {"meta"}
        shapes = [{key: tensor.shape for key, tensor in view.tensors.items()} for view in (before, after)]
        assert shapes[0] == shapes[1]
        assert (after.batch, after.size, after.grid) == (before.batch, before.size, before.grid)
        assert (after.extractor_id, after.kind) == (before.extractor_id, before.kind)
    assert metric.compare_features(features, features.to(torch.device("cpu"))) == 0


def view_of(windows: int, batch: int) -> ViewFeatures:
    """Features whose values tell window and image: window * 10 + image."""
    values = torch.tensor([[w * 10.0 + n] for w in range(windows) for n in range(batch)])
    return ViewFeatures("embedding", {layer_key(0): values}, None, batch, (4, 4), "id")


class TestParts:
    @pytest.mark.parametrize(("at_once", "counts"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (9, [3])])
    def test_they_hold_all_windows_in_order(self, at_once: int, counts: list[int]) -> None:
        whole = view_of(3, 2)
        parts = list(whole.parts(at_once, 2))
        assert [part.windows for part in parts] == counts
        joined = ViewFeatures.join(parts)
        assert torch.equal(joined.tensors[layer_key(0)], whole.tensors[layer_key(0)])
        assert joined.windows == 3

    def test_the_features_of_one_image_are_repeated_for_each_image_of_a_batch(self) -> None:
        (part,) = view_of(2, 1).parts(9, 3)
        assert (part.batch, part.windows) == (3, 2)
        assert part.tensors[layer_key(0)].flatten().tolist() == [0, 0, 0, 10, 10, 10]

    def test_one_image_has_its_own_windows(self) -> None:
        assert view_of(3, 2).one(1).tensors[layer_key(0)].flatten().tolist() == [1, 11, 21]


def test_features_know_whether_they_carry_a_gradient(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite")
    plain, with_gradient = metric.extract_features(cat), metric.extract_features(cat.clone().requires_grad_())
    assert not plain.views[0].requires_grad
    assert with_gradient.views[0].requires_grad


def test_a_gradient_flows_through_extracted_features(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite")
    image = noisy(cat, 0.1).requires_grad_()
    with torch.no_grad():
        reference = metric.extract_features(cat)
    score = metric.compare_features(reference, metric.extract_features(image)).sum()
    (by_features,) = torch.autograd.grad(score, image)
    (by_images,) = torch.autograd.grad(metric(cat, image).sum(), image)
    torch.testing.assert_close(by_features, by_images, rtol=1e-4, atol=1e-6 * by_images.abs().max().item())
