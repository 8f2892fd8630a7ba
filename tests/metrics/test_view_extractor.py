"""Images are prepared as the view says; windows are extracted in parts without a change of the score."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight import FeatureMetric
from innersight.errors import ArgumentError
from innersight.metrics.view_extractor import size_of, windows_at_once
from standins import noisy

VIT = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def paper(vit_weights: Path) -> FeatureMetric:
    return innersight.create_metric("paper", backbone=VIT, weights=vit_weights)


@pytest.mark.thorough
@torch.inference_mode()
def test_the_number_of_windows_at_once_changes_no_score(
    paper: FeatureMetric, cat: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = paper(cat, noisy(cat, 0.1))
    monkeypatch.setattr("innersight.metrics.view_extractor._WINDOWS_AT_ONCE", 1)
    torch.testing.assert_close(paper(cat, noisy(cat, 0.1)), usual, rtol=1e-5, atol=0)


@torch.inference_mode()
def test_the_paper_score_is_the_mean_over_windows_each_scored_alone(paper: FeatureMetric, cat: torch.Tensor) -> None:
    reference, distorted = cat, noisy(cat, 0.1)  # 300 x 451: rows 0, 76; columns 0, 200, 227
    alone = [
        paper(*(image[..., top : top + 224, left : left + 224] for image in (reference, distorted))).item()
        for top in (0, 76)
        for left in (0, 200, 227)
    ]
    assert paper(reference, distorted).item() == pytest.approx(sum(alone) / 6, rel=1e-5)


def test_images_smaller_than_a_window_are_refused_with_the_way_out(paper: FeatureMetric, vit_weights: Path) -> None:
    small = torch.rand(1, 3, 223, 400)
    message = (
        r"The view 'main' uses windows of 224 x 224 pixels \(input 'window=224,stride=200'\), but the images are "
        r"223 x 400 \(height x width\)\. Enlarge them with input='short=224,window=224,stride=200', or use the metric "
        r"'lite'"
    )
    for function in (paper, paper.per_layer, paper.map):
        with pytest.raises(ArgumentError, match=message):
            function(small, small)
    with pytest.raises(ArgumentError, match=message):
        paper.extract_features(small)
    enlarged = innersight.create_metric(
        "paper", backbone=VIT, weights=vit_weights, input="short=224,window=224,stride=200"
    )
    assert enlarged(small, small) == 0  # the way out works


def test_pixels_in_several_windows_count_several_times(paper: FeatureMetric) -> None:
    extractor = paper.comparisons[0].extractor
    assert extractor.count_pixels(224, 260) == 2 * 224 * 224
    with pytest.raises(ArgumentError, match="windows of 224 x 224 pixels"):
        extractor.count_pixels(200, 260)
    lite = innersight.create_metric("lite")
    assert lite.comparisons[0].extractor.count_pixels(512, 768) == 256 * 384


def test_a_batch_shares_the_windows_at_once() -> None:
    assert [windows_at_once(batch) for batch in (1, 4, 100)] == [16, 4, 1]
    assert size_of(torch.zeros(1, 3, 4, 5)) == (4, 5)


@pytest.mark.thorough
@torch.inference_mode()
def test_images_are_resized_to_the_short_side_and_to_the_patch(small_dino: Path, vit_weights: Path) -> None:
    """Whole images fit the patch of 14 pixels; the images that windows are cut from need not."""
    images = torch.rand(1, 3, 300, 451)
    vit = innersight.create_metric("vit", weights=small_dino)
    assert vit.extract_features(images).views[0].size == (308, 462)
    windows = innersight.create_metric(
        "paper", backbone=VIT, weights=vit_weights, input="short=250,window=224,stride=200"
    )
    assert windows.extract_features(images).views[0].size == (250, 376)
    native = innersight.create_metric("lite", input="native")
    assert native.extract_features(images).views[0].size == (300, 451)


@torch.inference_mode()
def test_token_norm_gives_tokens_of_mean_zero_and_variance_one(small_dino: Path) -> None:
    made = innersight.create_metrics(["vit", "vit:views.main.token_norm=none"], weights=small_dino)
    normed, plain = (metric.extract_features(torch.rand(1, 3, 64, 64)).views[0] for metric in made.values())
    for key, tokens in normed.tensors.items():
        if key.startswith("layer "):
            torch.testing.assert_close(tokens.mean(-1), torch.zeros(tokens.shape[:-1]), atol=1e-5, rtol=0)
            torch.testing.assert_close(tokens.var(-1, correction=0), torch.ones(tokens.shape[:-1]), atol=1e-3, rtol=0)
            assert not torch.allclose(plain.tensors[key], tokens)


def test_token_norm_of_maps_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"`views\.main\.token_norm` needs tokens, but efficientnet-lite0 has maps: use token_norm='none'",
    ):
        innersight.create_metric("lite", changes={"views.main.token_norm": "layernorm"})


@pytest.mark.thorough
@pytest.mark.parametrize("text", ["lite", "lite:input=window=64,stride=48"])
def test_on_the_meta_device_a_metric_gives_shapes_without_values(text: str) -> None:
    metric = innersight.create_metric(text).to("meta")
    images = torch.rand(2, 3, 96, 128, device="meta")
    features = metric.extract_features(images)
    for found, shape in (
        (metric(images, images), (2,)),
        (metric.compare_features(features, features), (2,)),
        (metric.per_layer(images, images), (2, 6)),
        (metric.map(images, images), (2, 96, 128)),
    ):
        assert (found.device.type, tuple(found.shape)) == ("meta", shape)


class TestExtractorId:
    def test_all_that_decides_the_features_is_in_it(self, small_dino: Path) -> None:
        texts = ["vit", "vit:views.main.chroma=full", "vit:views.main.token_norm=none"]
        texts += ["vit:views.main.normalisation=none", "vit:input=short=280"]
        made = innersight.create_metrics(texts, weights=small_dino)
        assert len({metric.comparisons[0].extractor.extractor_id for metric in made.values()}) == len(texts)

    def test_precision_is_in_it(self) -> None:
        single, double = (innersight.create_metric("lite", precision=name) for name in ("fp32", "fp64"))
        ids = [metric.comparisons[0].extractor.extractor_id for metric in (single, double)]
        assert ids[0].endswith(", float32")
        assert ids[1].endswith(", float64")

    def test_terms_are_not_in_it(self) -> None:
        made = innersight.create_metrics(["lite", "lite:distance=cos:layers=1:terms.moments.weight=0:scale=linear"])
        assert len({metric.comparisons[0].extractor.extractor_id for metric in made.values()}) == 1

    def test_other_weights_give_another_one(self, vit_weights: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        changed = {key: tensor * 1.5 for key, tensor in load_file(vit_weights).items()}
        save_file(changed, other := tmp_path / vit_weights.name)
        ids = {
            innersight.create_metric("paper", backbone=VIT, weights=path).comparisons[0].extractor.extractor_id
            for path in (vit_weights, other)
        }
        assert len(ids) == 2


class TestInParts:
    def test_values_outside_the_range_are_refused(self, cat: torch.Tensor) -> None:
        lite = innersight.create_metric("lite")
        with pytest.raises(ArgumentError, match=r"^Argument `images` must hold values in \[0, 1\]"):
            lite.extract_features(cat * 255)

    @pytest.mark.thorough
    @torch.inference_mode()
    @pytest.mark.parametrize(("at_once", "parts"), [(4, [4, 2]), (1, [1] * 6), (16, [6])])
    def test_the_score_is_the_mean_of_the_parts_by_their_windows(
        self,
        vit_weights: Path,
        cat: torch.Tensor,
        monkeypatch: pytest.MonkeyPatch,
        at_once: int,
        parts: list[int],
    ) -> None:
        monkeypatch.setattr("innersight.metrics.view_extractor._WINDOWS_AT_ONCE", at_once)
        metric = innersight.create_metric("paper", backbone=VIT, weights=vit_weights, distance="jsd")
        (comparison,) = metric.comparisons
        images = cat, noisy(cat, 0.1)
        sides = (comparison.extractor.extract_in_parts(image, comparison.layers, comparison.pixels) for image in images)
        pairs = list(zip(*sides, strict=True))
        assert [part.windows for part, _ in pairs] == parts
        for compare, whole in (
            (comparison.compare, metric.forward),
            (comparison.compare_layers, metric.per_layer),
        ):
            weighted = sum(compare(r, d) * r.windows for r, d in pairs) / sum(parts)
            torch.testing.assert_close(weighted, whole(*images), rtol=1e-5, atol=0)
