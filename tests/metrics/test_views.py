"""What was looked at once compares as the images themselves would."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.module import Metric


@pytest.fixture(params=["lite/rel-l2", "lite/cos", "paper/l2", "paper/jsd", "paper/swd"])
def metric(request: pytest.FixtureRequest, vit_weights: Path) -> Metric:
    preset, _, distance = request.param.partition("/")
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights} if preset == "paper" else {}
    return innersight.create_metric(preset, distance=distance, **options)


@pytest.fixture
def images(cat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A reference and three distorted images, six windows each."""
    noise = torch.randn(3, *cat.shape[1:], generator=torch.Generator().manual_seed(0))
    strengths = torch.tensor([0.02, 0.05, 0.2]).view(3, 1, 1, 1)
    return cat, (cat + strengths * noise).clamp(0, 1)


@torch.inference_mode()
def test_one_reference_serves_many(metric: Metric, images: tuple[torch.Tensor, torch.Tensor]) -> None:
    reference, distorted = images
    expected = metric(reference.expand(3, -1, -1, -1), distorted)
    seen = metric.look(reference)
    torch.testing.assert_close(metric.compare(seen, metric.look(distorted)), expected, rtol=1e-5, atol=0)
    alone = [metric.compare(seen, metric.look(distorted[n : n + 1])) for n in range(3)]
    torch.testing.assert_close(torch.cat(alone), expected, rtol=1e-5, atol=0)
    assert metric.compare(seen, metric.look(reference)) == 0


@torch.inference_mode()
def test_metrics_that_differ_in_layers_and_distance_share_one_look(vit_weights: Path, images) -> None:
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
    first = innersight.create_metric("paper", layers=[1, 4], **options)
    second = innersight.create_metric("paper", layers=[4, 11], distance="wsd", **options)
    reference, distorted = images[0], images[1][:1]
    seen = [first.look(image, layers=(1, 4, 11)) for image in (reference, distorted)]
    for metric in (first, second):
        torch.testing.assert_close(metric.compare(*seen), metric(reference, distorted), rtol=1e-5, atol=0)
    with pytest.raises(ArgumentError, match=r"`reference` lacks the layers \[11\]: look with layers that hold them"):
        second.compare(first.look(reference), first.look(distorted))


@torch.inference_mode()
def test_what_does_not_belong_together_is_refused(images) -> None:
    lite, native = innersight.create_metric("lite"), innersight.create_metric("lite", input="native")
    reference, distorted = images
    with pytest.raises(
        ArgumentError, match=r"`distorted` was seen as .*input native.* but this metric looks as .*input short=256"
    ):
        lite.compare(lite.look(reference), native.look(reference[..., :256, :385]))
    with pytest.raises(ArgumentError, match=r"as many, but got 2 seen at \(256, 385\), 3 at"):
        lite.compare(lite.look(distorted[:2]), lite.look(distorted))
    with pytest.raises(ArgumentError, match=r"images of one size"):
        lite.compare(lite.look(reference), lite.look(reference[..., :200, :]))
    with pytest.raises(ArgumentError, match=r"^Argument `images` must hold values in \[0, 1\]"):
        lite.look(reference * 255)


@torch.inference_mode()
def test_its_memory_is_that_of_its_features(vit_weights: Path, cat: torch.Tensor) -> None:
    seen = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights).look(cat)
    assert seen.windows == 6
    assert seen.nbytes == 12 * 6 * 197 * 192 * 4


@torch.inference_mode()
def test_one_of_many_is_as_if_it_were_looked_at_alone(metric: Metric, images) -> None:
    reference, distorted = images
    seen, together = metric.look(reference), metric.look(distorted)
    scores = metric.compare(seen, together)
    for index in range(3):
        one = together.one(index)
        assert (one.batch, one.windows, one.size, one.sight) == (1, together.windows, together.size, together.sight)
        assert one.nbytes * 3 == together.nbytes
        assert one.nbytes == sum(layer.untyped_storage().nbytes() for layer in one.features.layers)
        alone = metric.look(distorted[index : index + 1])
        for there, here in zip(alone.features.layers, one.features.layers, strict=True):
            torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-4 * there.abs().max().item())
        torch.testing.assert_close(metric.compare(seen, one), scores[index : index + 1], rtol=1e-5, atol=0)


@torch.inference_mode()
def test_they_move_between_devices_whole(metric: Metric, images) -> None:
    seen = metric.look(images[0])
    moved = seen.to(torch.device("meta"))
    assert {layer.device.type for layer in moved.features.layers} == {"meta"}
    assert [layer.shape for layer in moved.features.layers] == [layer.shape for layer in seen.features.layers]
    assert (moved.layers, moved.batch, moved.size, moved.sight) == (seen.layers, seen.batch, seen.size, seen.sight)
    assert moved.features.grid == seen.features.grid
    assert metric.compare(seen, seen.to(torch.device("cpu"))) == 0


@torch.inference_mode()
def test_layers_compare_as_those_of_the_images(metric: Metric, images) -> None:
    reference, distorted = images
    expected = metric.per_layer(reference.expand(3, -1, -1, -1), distorted)
    layers = metric.compare_layers(metric.look(reference), metric.look(distorted))
    assert layers.shape == (3, len(metric.layers))
    torch.testing.assert_close(layers, expected, rtol=1e-5, atol=0)


@torch.inference_mode()
@pytest.mark.parametrize(("at_once", "parts"), [(4, [4, 2]), (1, [1] * 6), (16, [6])])
def test_a_score_is_the_mean_over_parts_by_their_windows(
    vit_weights: Path, images, monkeypatch, at_once: int, parts: list[int]
) -> None:
    monkeypatch.setattr("innersight.metrics.extraction._WINDOWS_AT_ONCE", at_once)
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance="jsd")
    reference, distorted = images[0], images[1][:1]
    pairs = list(zip(metric.look_in_parts(reference), metric.look_in_parts(distorted), strict=True))
    assert [part.windows for part, _ in pairs] == parts
    for compare, whole in ((metric.compare, metric.forward), (metric.compare_layers, metric.per_layer)):
        weighted = sum(compare(r, d) * r.windows for r, d in pairs) / sum(parts)
        torch.testing.assert_close(weighted, whole(reference, distorted), rtol=1e-5, atol=0)
