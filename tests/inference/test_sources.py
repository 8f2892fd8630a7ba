"""Metrics are grouped by what they compare, so that each source is extracted once for all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.inference.backend import Image
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.inference.torch_backend import PixelSource, ViewSource
from innersight.metrics.base import FullReferenceMetric
from scores_by_hand import backends_of

VIT = "vit_tiny_patch16_224"


@pytest.fixture
def photo(cat: torch.Tensor) -> Image:
    return cat[0].numpy()


def shared_by(metrics: Mapping[str, FullReferenceMetric]) -> SharedSources:
    return SharedSources(backends_of(metrics))


def keys_of(shared: SharedSources, name: str) -> list[str]:
    return [key for key, _ in shared.summands[name]]


def whole(shared: SharedSources, image: Image) -> ImageFeatures:
    return ImageFeatures((image.shape[1], image.shape[2]), shared.extract(image), None)


def test_metrics_with_one_extractor_id_share_a_source_and_others_do_not(vit_weights: Path) -> None:
    texts = ["paper", "paper:distance=jsd:layers=last-2", "paper:views.main.normalisation=backbone"]
    shared = shared_by(innersight.create_metrics(texts, backbone=VIT, weights=vit_weights))
    ids = [keys_of(shared, text) for text in texts]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]
    assert len(shared.sources) == 2
    assert all(isinstance(source, ViewSource) for source in shared.sources.values())


def test_metrics_with_different_runtimes_do_not_share_a_source() -> None:
    """A score must come from the runtime that its description names."""
    shared = shared_by({name: innersight.create_metric("lite", runtime=name) for name in ("torch", "openvino")})
    assert len(shared.sources) == 2
    assert keys_of(shared, "torch") != keys_of(shared, "openvino")


def test_a_shared_source_extracts_the_layers_and_pixel_features_of_all_its_metrics(photo: Image) -> None:
    texts = [
        "lite:layers=1:terms.moments.weight=0:terms.thumbnail.weight=0:terms.chroma.weight=0",
        "lite:layers=4:terms.moments.weight=0:terms.chroma.weight=0:terms.thumbnail.cells=4",
    ]
    (source,) = shared_by(innersight.create_metrics(texts)).sources.values()
    assert set(source.extract([photo]).tensors) == {"layer 1", "layer 4", "thumbnail 4"}


def test_a_metric_with_two_views_has_two_summands_whose_sum_is_its_score(photo: Image, small_dino: Path) -> None:
    best = innersight.create_metric("best", weights=small_dino)
    shared = shared_by({"best": best, "lite": innersight.create_metric("lite")})
    assert len(shared.sources) == 2
    assert keys_of(shared, "best")[0] == keys_of(shared, "lite")[0]  # the first view of `best` is that of `lite`
    other = np.clip(0.8 * photo, 0, 1)
    scores, layers = shared.score(whole(shared, photo), whole(shared, other), per_layer=True)
    with torch.inference_mode():
        tensors = [torch.from_numpy(image)[None] for image in (photo, other)]
        assert scores["best"] == pytest.approx(best(*tensors).item(), rel=1e-5)
        assert layers["best"] == pytest.approx(best.per_layer(*tensors)[0].tolist(), rel=1e-5)


def test_metrics_of_other_libraries_share_the_pixels(photo: Image) -> None:
    metrics = innersight.create_metrics(["psnr", "gmsd", "lite"])
    shared = shared_by(metrics)
    assert [type(shared.sources[keys_of(shared, name)[0]]) for name in metrics] == [
        PixelSource,
        PixelSource,
        ViewSource,
    ]
    assert keys_of(shared, "psnr") == keys_of(shared, "gmsd")
    ((key, comparison),) = shared.summands["psnr"]
    features, other = (shared.sources[key].extract([image]) for image in (photo, photo / 2))
    assert shared.sources[key].count_pixels(300, 451) == 300 * 451
    assert features.nbytes == 3 * 4 * 300 * 451
    tensors = [torch.from_numpy(image)[None] for image in (photo, photo / 2)]
    assert comparison.compare(features, other, per_layer=True) == (metrics["psnr"](*tensors).item(), [])
    assert comparison.map([(features, other)], (300, 451)) is None


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
        extraction("paper", runtime="openvino"),
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
