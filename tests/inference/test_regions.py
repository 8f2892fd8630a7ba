"""A region limits a score to a part of the images: what lies outside has no effect, and a map is 0 there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from innersight import Region, Scorer, create_scorers, score_pairs
from innersight.errors import ArgumentError, ImageError

SIZE = (300, 451)
LEFT = np.zeros(SIZE, dtype=np.bool_)
LEFT[:, :220] = True


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    """A photograph and its noisy copy, uint8."""
    reference = data.chelsea()
    noise = np.random.default_rng(0).normal(0, 12, reference.shape)
    return reference, (reference + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["bundle", "torch", "windows", "tokens"])
def scorer(request: pytest.FixtureRequest, vit_weights: Path) -> Scorer:
    if request.param in ("bundle", "torch"):
        return Scorer("lite", runtime="onnx" if request.param == "bundle" else "torch")
    vit: dict[str, Any] = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights, "runtime": "torch"}
    return Scorer("paper", **vit) if request.param == "windows" else Scorer("vit", input="short=224", **vit)


def spoiled(image: Any, mask: Any) -> Any:
    """Return an image with other pixels where a mask is False."""
    other = np.random.default_rng(1).integers(0, 256, image.shape, dtype=np.uint8)
    return np.where(mask[..., None], image, other)


class TestMask:
    @pytest.mark.thorough
    def test_an_all_white_mask_changes_no_bit(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        plain = scorer.score(*pair, per_layer=True, map=True)
        masked = scorer.score(*pair, per_layer=True, map=True, mask=np.ones(SIZE, np.bool_))
        assert plain.score == masked.score
        assert plain.per_layer == masked.per_layer
        assert np.array_equal(np.asarray(plain.map), np.asarray(masked.map))

    @pytest.mark.thorough
    def test_a_nearly_white_mask_hardly_changes_the_score(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        mask = np.full(SIZE, 0.999, np.float32)  # it takes the weighted path
        assert scorer.score(*pair, mask=mask).score == pytest.approx(scorer(*pair), rel=1e-5)

    @pytest.mark.thorough
    def test_what_is_outside_has_no_effect(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        reference, distorted = pair
        found = [scorer.score(reference, d, mask=LEFT).score for d in (distorted, spoiled(distorted, LEFT))]
        assert found[0] == found[1] > 0

    def test_images_that_are_equal_inside_score_0_and_run_no_network(
        self, scorer: Scorer, pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise AssertionError("features were extracted")

        monkeypatch.setattr("innersight.inference.sources.SharedSources.extract_both", fail)
        monkeypatch.setattr("innersight.inference.sources.SharedSources.pairs", fail)
        found = scorer.score(pair[0], spoiled(pair[0], LEFT), mask=LEFT, map=True)
        assert found.score == 0
        assert not np.asarray(found.map).any()

    @pytest.mark.thorough
    def test_the_score_is_that_of_the_part_where_the_distortion_is(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        reference, distorted = pair
        half = np.where(LEFT[..., None], distorted, reference)
        whole, inside = scorer(reference, half), scorer.score(reference, half, mask=LEFT).score
        everywhere = scorer(reference, distorted)
        assert whole < inside
        assert inside == pytest.approx(everywhere, rel=0.15)

    @pytest.mark.thorough
    def test_a_map_is_0_outside_and_that_of_the_metric_inside(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        found = np.asarray(scorer.score(*pair, mask=LEFT, map=True).map)
        assert found.shape == SIZE
        assert not found[~LEFT].any()
        assert (found[LEFT] > 0).mean() > 0.9

    def test_the_parts_of_layers_add_up_to_the_score(self, scorer: Scorer, pair: tuple[Any, Any]) -> None:
        found = scorer.score(*pair, mask=LEFT, per_layer=True)
        assert sum(found.per_layer or []) == pytest.approx(found.score, rel=1e-5)

    def test_a_file_an_array_and_a_pil_image_are_one_mask(self, pair: tuple[Any, Any], tmp_path: Path) -> None:
        scorer = Scorer("lite")
        grey = Image.fromarray(LEFT.astype(np.uint8) * 255)
        grey.save(tmp_path / "mask.png")
        clear = Image.merge("LA", (Image.new("L", grey.size, 255), grey))  # what is transparent does not count
        masks = (LEFT, grey, clear, tmp_path / "mask.png", LEFT.astype(np.float32))
        assert len({scorer.score(*pair, mask=mask).score for mask in masks}) == 1

    def test_both_runtimes_agree(self, pair: tuple[Any, Any]) -> None:
        masks = (LEFT, np.linspace(0, 1, 300 * 451, dtype=np.float32).reshape(SIZE))
        for mask in masks:
            found = [
                Scorer("lite", runtime=runtime).score(*pair, mask=mask, per_layer=True) for runtime in ("onnx", "torch")
            ]
            assert found[0].score == pytest.approx(found[1].score, rel=1e-5)
            assert found[0].per_layer == pytest.approx(found[1].per_layer, rel=1e-4)

    def test_another_size_is_refused(self, pair: tuple[Any, Any]) -> None:
        with pytest.raises(ImageError, match=r"mask must have the size of the images, 451 x 300 .* is 30 x 20\."):
            Scorer("lite").score(*pair, mask=np.ones((20, 30), np.bool_))

    def test_a_black_mask_is_refused(self, pair: tuple[Any, Any]) -> None:
        with pytest.raises(ImageError, match="No pixel counts inside the mask"):
            Scorer("lite").score(*pair, mask=np.zeros(SIZE, np.bool_))

    @pytest.mark.parametrize("text", ["paper:distance=swd", "psnr"])
    def test_a_metric_without_positions_is_refused_with_the_reason(
        self, text: str, pair: tuple[Any, Any], vit_weights: Path
    ) -> None:
        weights = {} if text == "psnr" else {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
        scorer = Scorer(text, **weights)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match=r"cannot be limited to a mask: .*(no positions: features|another lib)"):
            scorer.score(*pair, mask=LEFT)

    def test_features_of_a_reference_are_refused(self, pair: tuple[Any, Any]) -> None:
        scorer = Scorer("lite")
        with pytest.raises(ArgumentError, match="need the image of the reference"):
            scorer.score(scorer.reference(pair[0]), pair[1], mask=LEFT)


class TestIgnore:
    def test_a_rectangle_is_the_mask_without_it(self, pair: tuple[Any, Any]) -> None:
        scorer = Scorer("lite")
        mask = np.ones(SIZE, np.bool_)
        mask[20:60, 100:451] = False
        mask[290:, :5] = False
        found = scorer.score(*pair, ignore=[(100, 20, 9999, 40), (0, 290, 5, 10)])
        assert found.score == scorer.score(*pair, mask=mask).score

    @pytest.mark.parametrize("rectangle", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 5), (0.5, 0, 5, 5), "0,0,5,5", 7])
    def test_other_rectangles_are_refused(self, rectangle: Any) -> None:
        with pytest.raises(ArgumentError, match=r"`ignore` must hold rectangles \(x, y, width, height\)"):
            Region(ignore=(rectangle,))

    def test_a_rectangle_outside_the_images_is_refused(self, pair: tuple[Any, Any]) -> None:
        with pytest.raises(ImageError, match=r"rectangle 451,0,5,5 .* lies outside the images of 451 x 300"):
            Scorer("lite").score(*pair, ignore=[(451, 0, 5, 5)])


class TestCropBorder:
    @pytest.mark.parametrize("metric", ["lite", "psnr"])
    def test_it_scores_the_cropped_images(self, metric: str, pair: tuple[Any, Any]) -> None:
        scorer = Scorer(metric)
        cropped = [np.ascontiguousarray(image[8:-8, 8:-8]) for image in pair]
        assert scorer.score(*pair, crop_border=8).score == scorer(*cropped)

    def test_a_mask_and_rectangles_refer_to_the_whole_images(self, pair: tuple[Any, Any]) -> None:
        scorer = Scorer("lite")
        cropped = [np.ascontiguousarray(image[8:-8, 8:-8]) for image in (*pair, LEFT)]
        found = scorer.score(*pair, mask=LEFT, ignore=[(0, 0, 30, 30)], crop_border=8)
        assert found.score == scorer.score(*cropped[:2], mask=cropped[2], ignore=[(0, 0, 22, 22)]).score

    def test_the_map_has_the_size_of_the_images(self, pair: tuple[Any, Any]) -> None:
        found = np.asarray(Scorer("lite").score(*pair, map=True, crop_border=8).map)
        assert found.shape == SIZE
        assert not found[:8].any()
        assert found[8:-8, 8:-8].any()

    @pytest.mark.parametrize("border", [-1, 1.5, True, "4"])
    def test_another_number_is_refused(self, border: Any) -> None:
        with pytest.raises(ArgumentError, match="`crop_border` must be a whole number of pixels from 0"):
            Region(crop_border=border)

    def test_a_border_that_leaves_nothing_is_refused(self, pair: tuple[Any, Any]) -> None:
        with pytest.raises(ImageError, match="nothing is left inside a border of 150 pixels"):
            Scorer("lite").score(*pair, crop_border=150)


def test_a_list_is_scored_inside_a_region(pair: tuple[Any, Any], tmp_path: Path) -> None:
    for name, image in zip(("r.png", "d.png"), pair, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    files = tmp_path / "r.png", tmp_path / "d.png"
    region = Region(mask=LEFT, crop_border=3)
    (found,) = score_pairs([files], create_scorers(["lite"]), region=region, with_layers=True)
    single = Scorer("lite").score(*files, mask=LEFT, crop_border=3, per_layer=True)
    assert found.scores["lite"] == pytest.approx(single.score, rel=1e-6)
    assert found.per_layer["lite"] == pytest.approx(single.per_layer, rel=1e-5)
    with pytest.raises(ArgumentError, match="psnr cannot be limited to a mask"):
        list(score_pairs([files], create_scorers(["lite", "psnr"]), region=region))


@pytest.mark.thorough
def test_the_page_states_the_receptive_fields_of_lite() -> None:
    text = (Path(__file__).parents[2] / "docs" / "regions.md").read_text()
    comparison = innersight.create_metric("lite").comparisons[0]  # type: ignore[attr-defined]
    image = torch.rand(1, 3, 1200, 1200, requires_grad=True)
    features = comparison.extractor.features(image, comparison.layers, (), size=(1200, 1200), batch=1)
    sides = []
    for layer in features.tensors.values():
        middle = layer[0, :, layer.shape[2] // 2, layer.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(middle, image, retain_graph=True)
        touched = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
        sides.append(int(touched.max() - touched.min() + 1))
    assert "a side of {}, {}, {} and\n  {} pixels".format(*sides) in text
