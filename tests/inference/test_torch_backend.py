"""The backend of a torch metric: its sources, its maps, its threads and its copies in other processes."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import innersight
from innersight.errors import ArgumentError, ImageError
from innersight.inference.backend import Image
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.inference.torch_backend import (
    TorchBackend,
    create_backends,
    find_unavailable,
    perturb,
)
from innersight.inference.torch_sources import PixelSource
from innersight.metrics.base import FullReferenceMetric
from innersight.preprocess.perturbation import Perturbation
from scores_by_hand import backends_of

VIT = "vit_tiny_patch16_224"
OPTIONS: dict[str, Any] = {"weights": None, "device": "cpu", "precision": "fp32", "runtime": "torch", "changes": None}


@pytest.fixture
def photo(cat: torch.Tensor) -> Image:
    return cat[0].numpy()


def shared_by(metrics: Mapping[str, FullReferenceMetric]) -> SharedSources:
    return SharedSources(backends_of(metrics))


def whole(shared: SharedSources, image: Image) -> ImageFeatures:
    return ImageFeatures((image.shape[1], image.shape[2]), shared.extract(image), None)


def test_pixels_outside_the_range_are_refused() -> None:
    source = PixelSource(torch.device("cpu"), torch.float32)
    image = np.zeros((3, 2, 2), dtype=np.float32)
    image[0, 0, 0] = 255
    with pytest.raises(ArgumentError, match=r"`images` must hold values in \[0, 1\], but got 0 to 255"):
        source.extract([image])


def test_the_extraction_names_all_that_decides_the_features(vit_weights: Path) -> None:
    """It is the key of the cache: two sources with different features must not have one extraction."""

    def extraction(text: str, **options: str) -> str:
        metrics = innersight.create_metrics([text], backbone=VIT, weights=vit_weights, **options)
        (source,) = shared_by(metrics).sources.values()
        return source.extraction

    texts = ["paper", "paper:layers=0,5", "paper:input=window=224,stride=100", "paper:views.main.chroma=half"]
    made = [extraction(text) for text in texts] + [
        extraction("paper", precision="fp64"),
        extraction("paper", runtime="torch-compile"),
    ]
    assert len(set(made)) == len(made)
    same = [extraction(text) for text in ("paper:distance=wsd", "paper:terms.features.weight=2", "paper:reduce=mean")]
    assert set(same) == {made[0]}


def test_images_are_stacked_on_the_device_and_in_the_dtype_of_the_source() -> None:
    source = PixelSource(torch.device("cpu"), torch.float64)
    stacked = source.batch([np.zeros((3, 4, 5), dtype=np.float32), np.ones((3, 4, 5), dtype=np.float32)])
    assert (stacked.shape, stacked.dtype) == ((2, 3, 4, 5), torch.float64)
    assert stacked[1].min() == 1


@pytest.mark.parametrize("text", ["lite", "paper", "psnr"])
def test_features_are_packed_and_unpacked_to_the_last_bit(text: str, photo: Image, vit_weights: Path) -> None:
    options: dict[str, Any] = {"backbone": VIT, "weights": vit_weights} if text == "paper" else {}
    (source,) = shared_by(innersight.create_metrics([text], **options)).sources.values()
    features = source.extract([photo])
    arrays, facts = source.pack(features)
    assert json.loads(json.dumps(facts)) == facts
    again = source.unpack(arrays, facts)
    assert list(again.tensors) == list(features.tensors)
    assert all(torch.equal(again.tensors[name], features.tensors[name]) for name in features.tensors)
    assert (again.kind, again.grid, again.size, again.batch, again.extractor_id) == (
        features.kind, features.grid, features.size, features.batch, features.extractor_id,
    )  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("text", ["lite", "paper", "best"])
def test_the_map_is_that_of_the_metric(
    text: str, in_parts: bool, photo: Image, vit_weights: Path, small_dino: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("innersight.metrics.view_extractor._WINDOWS_AT_ONCE", 4)  # six windows in two parts
    options: dict[str, Any] = {"backbone": VIT, "weights": vit_weights} if text == "paper" else {"weights": small_dino}
    metric = innersight.create_metric(text, **({} if text == "lite" else options))
    shared = shared_by({"mine": metric})
    other = np.clip(photo + np.float32(0.1), 0, 1)
    sides = [ImageFeatures((300, 451), {}, image) if in_parts else whole(shared, image) for image in (photo, other)]
    with torch.inference_mode():
        expected = metric.map(*(torch.from_numpy(image)[None] for image in (photo, other)))[0].numpy()
    found = shared.map("mine", *sides)
    assert found.shape == (300, 451)
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.max())
    assert found.max() > 0


def test_a_backend_tells_what_its_metric_tells() -> None:
    for name in ("lite", "psnr"):
        metric = innersight.create_metric(name)
        backend = TorchBackend(metric)
        assert (backend.name, backend.higher_is_better, backend.has_map) == (
            metric.name, metric.higher_is_better, metric.has_map,
        )  # fmt: skip
        assert (backend.layer_names, backend.runtime_name) == (metric.layer_names, metric.runtime_name)
        assert (backend.citation, backend.describe()) == (metric.citation, metric.describe())
        assert (backend.zero_for_identical, backend.on_gpu) == (name == "lite", False)


def test_a_metric_is_made_again_in_another_process_and_its_weights_are_not_copied() -> None:
    backends = create_backends(["lite:layers=0", "psnr"], **OPTIONS)
    for name, backend in backends.items():
        copied = pickle.dumps(backend)
        assert len(copied) < 2000, name
        assert pickle.loads(copied).describe() == backend.describe()


def test_workers_use_the_threads_that_they_are_given_and_torch_gets_its_own_back() -> None:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        backend = TorchBackend(innersight.create_metric("psnr"))
        assert backend.threads == 2
        with backend.workers(1) as start, ThreadPoolExecutor(1, initializer=start) as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)


def test_metrics_without_weights_are_found_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
    found = find_unavailable(["psnr", "lpips", "lite", "vit"], "cpu")
    assert set(found) <= {"lpips"}
    assert find_unavailable(["psnr", "lite"], "cpu") == {}


@pytest.mark.parametrize("kind", ["tra", "sca", "rot"])
def test_a_perturbation_changes_one_image_of_a_pair(kind: Any, photo: Image) -> None:
    perturbation, tensor = Perturbation(kind, 2), torch.from_numpy(photo)
    for is_reference, expected in (
        (True, perturbation.of_reference(tensor)),
        (False, perturbation.of_distorted(tensor)),
    ):
        found = perturb(photo, perturbation, is_reference=is_reference)
        assert found.flags.c_contiguous
        assert np.array_equal(found, expected.numpy())
    if kind == "tra":
        with pytest.raises(ImageError, match="leaves no column"):
            perturb(photo[:, :, :1], perturbation, is_reference=False)
