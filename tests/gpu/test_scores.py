"""Scores, parts and maps of a device are those of the CPU, in batches, in threads and for every preset."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch

import gpu_device
import innersight
from gpu_device import DEVICE, SIXTEEN_BITS, SIZES, SetTF32, batch, cuda_only, difference, frozen, on_device, pair
from innersight import FeatureMetric

gpu_device.skip_without_device()

TF32 = [False, pytest.param(True, marks=cuda_only)]
UNTRAINED = ("psnr", "ssim", "ms-ssim", "vsi", "fsim", "gmsd", "haarpsi", "mdsi")


@cuda_only
@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_these_names_select_the_first_device(name: str) -> None:
    assert innersight.create_metric("lite", device=name).device == torch.device("cuda:0")


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_scores_parts_and_maps_are_those_of_the_cpu(there: FeatureMetric, here: FeatureMetric, index: int) -> None:
    images = pair(index)
    with torch.inference_mode():
        score, parts, found = (call(*on_device(*images)) for call in (there, there.per_layer, there.map))
        wanted, wanted_parts, expected = here(*images), here.per_layer(*images), here.map(*images)
    assert difference(score, wanted) < 2e-5
    assert difference(parts.sum(1), score) < 2e-5
    assert (parts.cpu() - wanted_parts).abs().max() < 2e-5 * wanted
    assert gpu_device.map_difference(found, expected) < 2e-5


@cuda_only
@pytest.mark.parametrize("index", range(len(SIZES)))
def test_with_tf32_scores_are_within_two_percent_of_the_cpu_s(
    there: FeatureMetric, here: FeatureMetric, set_tf32: SetTF32, index: int
) -> None:
    set_tf32(True)
    assert there.precision == "float32 (TF32 in the network)"
    assert difference(frozen(there, *pair(index)), frozen(here, *pair(index))) < 0.02


@pytest.mark.parametrize("tf32", TF32)
@pytest.mark.parametrize("precision", ["fp32", *SIXTEEN_BITS])
def test_identical_images_score_exactly_0(set_tf32: SetTF32, precision: str, tf32: bool) -> None:
    set_tf32(tf32)
    metric = innersight.create_metric("lite", device=DEVICE, precision=precision)
    for reference in (*(pair(index)[0] for index in range(len(SIZES))), batch(3, (97, 130))[0]):
        images = on_device(reference, reference.clone())
        with torch.inference_mode():
            for call in (metric, metric.per_layer, metric.map):
                assert call(*images).abs().max() == 0


def test_a_batch_has_the_scores_of_its_images(there: FeatureMetric, here: FeatureMetric) -> None:
    references, distorted = batch(4, (193, 259))
    together = frozen(there, references, distorted)
    single = [frozen(there, r[None], d[None]) for r, d in zip(references, distorted, strict=True)]
    assert difference(together, torch.cat(single)) < 1e-5
    assert difference(together, frozen(here, references, distorted)) < 2e-5
    wide = [image.to(memory_format=torch.channels_last) for image in on_device(references, distorted)]
    assert difference(frozen(there, *wide), together) < 1e-5
    assert torch.isfinite(frozen(there, torch.zeros_like(references), distorted)).all()


def test_features_are_compared_later_with_many_images_and_on_the_cpu(there: FeatureMetric, here: FeatureMetric) -> None:
    references, distorted = on_device(*batch(3, (193, 259)))
    with torch.inference_mode():
        whole = there(references, distorted)
        apart = there.compare_features(there.extract_features(references), there.extract_features(distorted))
        one = there.extract_features(references[:1])
        many = there.compare_features(one, there.extract_features(distorted))
        direct = there(references[:1].expand_as(distorted).contiguous(), distorted)
        back = here.compare_features(one.to(torch.device("cpu")), here.extract_features(distorted.cpu()))
    assert difference(apart, whole) < 1e-5
    assert difference(many, direct) < 1e-5
    assert difference(back, direct) < 2e-5


def test_threads_share_a_metric(there: FeatureMetric) -> None:
    pairs = [pair(index) for index in range(len(SIZES))]
    wanted = [frozen(there, *images) for images in pairs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda images: frozen(there, *images), 3 * pairs))
    for score, expected in zip(found, 3 * wanted, strict=True):
        assert difference(score, expected) < 1e-6


@cuda_only
def test_another_stream_gives_the_same_score(there: FeatureMetric) -> None:
    wanted = frozen(there, *pair(0))
    stream = torch.cuda.Stream(DEVICE)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(DEVICE))
    with torch.cuda.stream(stream):
        found = frozen(there, *pair(0))
    stream.synchronize()
    assert difference(found, wanted) < 1e-6


@cuda_only
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("what", ["score", "per_layer", "map", "extract and compare", "backward"])
def test_without_validation_no_call_waits_for_the_device(what: str, precision: str) -> None:
    metric = innersight.create_metric("lite", device=DEVICE, validate=False, precision=precision)
    reference, distorted = on_device(*batch(2, (193, 259)))
    extract, compare = metric.extract_features, metric.compare_features
    calls: dict[str, Callable[..., object]] = {
        "score": metric,
        "per_layer": metric.per_layer,
        "map": metric.map,
        "extract and compare": lambda r, d: compare(extract(r), extract(d)),
        "backward": lambda r, d: metric(r, d.clone().requires_grad_()).sum().backward(),
    }
    calls[what](reference, distorted)  # the first call chooses kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        calls[what](reference, distorted)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", UNTRAINED)
def test_metrics_of_piq_have_the_scores_of_the_cpu(name: str) -> None:
    made, moved = innersight.create_metric(name, device=DEVICE), innersight.create_metric(name).to(DEVICE)
    images = batch(2, (192, 256))
    wanted = frozen(innersight.create_metric(name), *images)
    for metric in (made, moved):
        assert metric.device == DEVICE
        assert difference(frozen(metric, *images), wanted) < 1e-4


@pytest.mark.parametrize("tf32", TF32)
@pytest.mark.parametrize("name", ["vit", "best"])
def test_presets_of_transformers_have_the_scores_of_the_cpu(
    small_dino: Path, set_tf32: SetTF32, name: str, tf32: bool
) -> None:
    here, there = (innersight.create_metric(name, weights=small_dino, device=device) for device in ("cpu", DEVICE))
    reference, distorted = batch(1, (192, 256))
    wanted = frozen(here, reference, distorted)
    set_tf32(tf32)
    assert difference(frozen(there, reference, distorted), wanted) < (0.02 if tf32 else 5e-5)
    images = on_device(reference, distorted)
    assert (frozen(there, reference, reference.clone()) == 0).all()
    free = images[1].requires_grad_()
    there(images[0], free).sum().backward()
    assert free.grad is not None
    assert torch.isfinite(free.grad).all()
    assert free.grad.abs().max() > 0
    if not tf32:
        with torch.inference_mode():
            found, expected = there.map(images[0], free), here.map(reference, distorted)
        assert gpu_device.map_difference(found, expected) < 1e-4


@pytest.mark.parametrize("distance", ["l2", "cos", "skld", "wsd"])
def test_windows_have_the_scores_of_the_cpu(vit_weights: Path, distance: str) -> None:
    create = partial(innersight.create_metric, "paper", backbone="vit_tiny_patch16_224", weights=vit_weights)
    here, there = (create(distance=distance, device=device) for device in ("cpu", DEVICE))
    reference, distorted = pair(0, (261, 327))
    found = frozen(there, reference, distorted)
    assert difference(found, frozen(here, reference, distorted)) < 1e-4
    assert frozen(there, reference, reference.clone()) == 0
    with torch.inference_mode():
        features = [there.extract_features(image) for image in on_device(reference, distorted)]
        assert difference(there.compare_features(*features), found) < 1e-5


@pytest.mark.thorough
def test_a_compiled_network_has_the_scores_of_the_cpu(here: FeatureMetric) -> None:
    metric = innersight.create_metric("lite", device=DEVICE, runtime="torch-compile")
    images = pair(0)
    assert difference(frozen(metric, *images), frozen(here, *images)) < 5e-5
    assert frozen(metric, images[0], images[0].clone()) == 0
