"""Metrics are grouped by what they compare, so that each source is extracted once for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import innersight
from innersight.inference.backend import Image
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.inference.torch_sources import PixelSource, ViewSource
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
    shared = shared_by({name: innersight.create_metric("lite", runtime=name) for name in ("torch", "torch-compile")})
    assert len(shared.sources) == 2
    assert keys_of(shared, "torch") != keys_of(shared, "torch-compile")


def test_a_shared_source_extracts_the_layers_and_pixel_features_of_all_its_metrics(photo: Image) -> None:
    texts = [
        "lite:layers=1:terms.moments.weight=0:terms.thumbnail.weight=0:terms.chroma.weight=0",
        "lite:layers=4:terms.moments.weight=0:terms.chroma.weight=0:terms.thumbnail.cells=4",
    ]
    (source,) = shared_by(innersight.create_metrics(texts)).sources.values()
    assert set(source.extract([photo]).tensors) == {"layer 1", "layer 4", "thumbnail 4"}


@pytest.mark.thorough
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
