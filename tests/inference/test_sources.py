"""Metrics are grouped by what they compare, so that each source is extracted once for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.inference.sources import PixelSource, ViewSource, sources_of

VIT = "vit_tiny_patch16_224"


def test_metrics_with_one_extractor_id_share_a_source_and_others_do_not(vit_weights: Path) -> None:
    texts = ["paper", "paper:distance=jsd:layers=last-2", "paper:views.main.normalisation=backbone"]
    sources, summands = sources_of(innersight.create_metrics(texts, backbone=VIT, weights=vit_weights))
    ids = [[key for key, _ in summands[text]] for text in texts]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]
    assert len(sources) == 2
    assert all(isinstance(source, ViewSource) for source in sources.values())


def test_metrics_with_different_runtimes_do_not_share_a_source() -> None:
    """A score must come from the runtime that its description names."""
    metrics = {name: innersight.create_metric("lite", runtime=name) for name in ("torch", "openvino")}
    sources, summands = sources_of(metrics)
    assert len(sources) == 2
    assert summands["torch"][0][0] != summands["openvino"][0][0]


def test_a_shared_source_extracts_the_layers_and_pixel_features_of_all_its_metrics(cat: torch.Tensor) -> None:
    texts = [
        "lite:layers=1:terms.moments.weight=0:terms.thumbnail.weight=0:terms.chroma.weight=0",
        "lite:layers=4:terms.moments.weight=0:terms.chroma.weight=0:terms.thumbnail.cells=4",
    ]
    sources, _ = sources_of(innersight.create_metrics(texts))
    (source,) = sources.values()
    with torch.inference_mode():
        features = source.extract(cat)
    assert set(features.tensors) == {"layer 1", "layer 4", "thumbnail 4"}


def test_a_metric_with_two_views_has_two_summands_whose_sum_is_its_score(cat: torch.Tensor, small_dino: Path) -> None:
    best = innersight.create_metric("best", weights=small_dino)
    sources, summands = sources_of({"best": best, "lite": innersight.create_metric("lite")})
    assert len(sources) == 2
    assert summands["best"][0][0] == summands["lite"][0][0]  # the first view of `best` is that of `lite`
    other = (0.8 * cat).clamp(0, 1)
    with torch.inference_mode():
        parts = [
            comparison.score(*(sources[key].extract(images) for images in (cat, other)))
            for key, comparison in summands["best"]
        ]
        assert sum(parts) == pytest.approx(best(cat, other).item(), rel=1e-5)
    assert min(parts) > 0


def test_metrics_of_other_libraries_share_the_pixels(cat: torch.Tensor) -> None:
    metrics = innersight.create_metrics(["psnr", "gmsd", "lite"])
    sources, summands = sources_of(metrics)
    assert [type(sources[summands[name][0][0]]) for name in metrics] == [PixelSource, PixelSource, ViewSource]
    assert summands["psnr"][0][0] == summands["gmsd"][0][0]
    (key, comparison) = summands["psnr"][0]
    features = sources[key].extract(cat)
    assert sources[key].count_pixels(300, 451) == 300 * 451
    assert features.nbytes == 3 * 4 * 300 * 451
    other = sources[key].extract(0.5 * cat)
    assert comparison.score(features, other) == metrics["psnr"](cat, 0.5 * cat).item()
    assert comparison.score_layers(features, other) == []


def test_pixels_outside_the_range_are_refused() -> None:
    source = PixelSource(torch.device("cpu"), torch.float32)
    with pytest.raises(ArgumentError, match=r"`images` must hold values in \[0, 1\], but got 0 to 255"):
        source.extract(torch.tensor([0.0, 255.0]).expand(1, 3, 2, 2))


def test_the_extraction_names_all_that_decides_the_features(vit_weights: Path) -> None:
    """It is the key of the cache: two sources with different features must not have one extraction."""

    def extraction(text: str, **options: str) -> str:
        metrics = innersight.create_metrics([text], backbone=VIT, weights=vit_weights, **options)
        ((_, source),) = sources_of(metrics)[0].items()
        return source.extraction

    texts = ["paper", "paper:layers=0,5", "paper:input=window=224,stride=100", "paper:views.main.chroma=half"]
    made = [extraction(text) for text in texts]
    made += [extraction("paper", precision="fp64"), extraction("paper", runtime="openvino")]
    assert len(set(made)) == len(made)
    same = [extraction(text) for text in ("paper:distance=wsd", "paper:terms.features.weight=2", "paper:reduce=mean")]
    assert set(same) == {made[0]}


def test_images_are_stacked_on_the_device_and_in_the_dtype_of_the_source() -> None:
    source = PixelSource(torch.device("cpu"), torch.float64)
    stacked = source.batch([torch.zeros(3, 4, 5), torch.ones(3, 4, 5)])
    assert (stacked.shape, stacked.dtype) == ((2, 3, 4, 5), torch.float64)
    assert stacked[1].min() == 1
