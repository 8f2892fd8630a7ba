"""A comparison weights the terms of one view, and refuses features that do not belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight import FeatureMetric
from innersight.errors import ArgumentError
from innersight.metrics.feature_batch import FeatureBatch

VIT = "vit_tiny_patch16_224"


@pytest.fixture
def images(cat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A reference and three distorted images."""
    noise = torch.randn(3, *cat.shape[1:], generator=torch.Generator().manual_seed(0))
    strengths = torch.tensor([0.02, 0.05, 0.2]).view(3, 1, 1, 1)
    return cat, (cat + strengths * noise).clamp(0, 1)


def lite_with(**changes: object) -> FeatureMetric:
    return innersight.create_metric("lite", changes={key.replace("__", "."): value for key, value in changes.items()})


class TestWeights:
    @torch.inference_mode()
    def test_the_score_is_the_weighted_mean_of_the_terms_alone(self, images) -> None:
        reference, distorted = images[0], images[1][:1]
        weights = {"features": 1.0, "moments": 1.5, "thumbnail": 0.4, "chroma": 0.2}
        total = sum(weights.values())
        score = innersight.create_metric("lite")(reference, distorted).item()
        alone = {
            name: lite_with(**{f"terms.{other}.weight": 0 for other in weights if other != name})(reference, distorted)
            for name in weights
        }
        assert score == pytest.approx(sum(w * alone[n].item() for n, w in weights.items()) / total, rel=1e-5)

    @torch.inference_mode()
    def test_a_sum_adds_terms_and_layers_with_their_weights(self, images) -> None:
        reference, distorted = images[0], images[1][:1]
        mean = innersight.create_metric("lite").per_layer(reference, distorted)[0]
        added = lite_with(reduce="sum").per_layer(reference, distorted)[0]
        # In the mean, a column of a term has its weight, divided by its number of layers and by all weights.
        factors = torch.tensor([1.0, 3.0, 3.0, 3.0, 1.0, 1.0]) * (1 + 1.5 + 0.4 + 0.2)
        torch.testing.assert_close(added, mean * factors, rtol=1e-5, atol=0)

    @torch.inference_mode()
    def test_the_scale_is_the_logarithm_of_each_number_of_a_term(self, images) -> None:
        reference, distorted = images[0], images[1][:1]
        linear = lite_with(scale="linear").per_layer(reference, distorted)[0]
        log = innersight.create_metric("lite").per_layer(reference, distorted)[0]
        shares = torch.tensor([1, 0.5, 0.5, 0.5, 0.4, 0.2]) / 3.1
        torch.testing.assert_close(log, shares * torch.log1p(1e5 * linear / shares), rtol=1e-4, atol=0)

    def test_a_term_of_weight_zero_is_not_extracted(self) -> None:
        (comparison,) = lite_with(terms__moments__weight=0, terms__chroma__weight=0).comparisons
        assert [term.name for term in comparison.terms] == ["features", "thumbnail"]
        assert comparison.layers == (0,)
        assert [pixel.key for pixel in comparison.pixels] == ["thumbnail 8"]
        assert comparison.labels == ("layer 0", "thumbnail")

    def test_a_layer_of_two_terms_is_one_column(self, images) -> None:
        metric = lite_with(terms__features__layers=[2])
        assert metric.layer_names == ("layer 2", "layer 3", "layer 4", "thumbnail", "chroma")
        with torch.inference_mode():
            layers = metric.per_layer(images[0], images[1][:1])
            torch.testing.assert_close(layers.sum(1), metric(images[0], images[1][:1]))


class TestTermsThatDoNotFit:
    """Nothing is dropped silently: a term that is not defined raises an error that has the way out."""

    def test_a_layer_that_does_not_exist(self) -> None:
        with pytest.raises(
            ArgumentError,
            match=r"`terms\.moments\.layers` must have one or more indices from -5 to 4, but got \[3, 9\]",
        ):
            lite_with(terms__moments__layers=[3, 9])

    @pytest.mark.thorough
    def test_moments_of_an_embedding(self, tmp_path: Path) -> None:
        from standins import write_weights

        weights = write_weights("vit_base_patch32_clip_224.laion2b", tmp_path)
        options = {"backbone": "openclip-vitb32", "weights": weights, "features": "embedding", "input": "short=224"}
        with pytest.raises(ArgumentError, match=r"disable the term with terms\.moments\.weight=0"):
            innersight.create_metric("lite", distance="cos", **options)
        metric = innersight.create_metric("lite:terms.moments.weight=0", distance="cos", **options)
        assert metric.layer_names == ("layer 0", "thumbnail", "chroma")

    def test_a_distance_of_tokens_on_maps(self) -> None:
        with pytest.raises(
            ArgumentError, match=r"'skld' is not defined for maps, which is what efficientnet-lite0 gives"
        ):
            innersight.create_metric("lite", distance="skld")


class TestSharedFeatures:
    @torch.inference_mode()
    def test_a_metric_compares_the_features_of_one_with_more_terms(self, images) -> None:
        bare = ":".join(f"terms.{name}.weight=0" for name in ("moments", "thumbnail", "chroma"))
        full, fewer = innersight.create_metrics(["lite", f"lite:{bare}"]).values()
        assert isinstance(full, FeatureMetric)
        assert isinstance(fewer, FeatureMetric)
        features = [full.extract_features(image) for image in (images[0], images[1][:1])]
        torch.testing.assert_close(
            fewer.compare_features(*features), fewer(images[0], images[1][:1]), rtol=1e-5, atol=0
        )

    @pytest.mark.thorough
    @torch.inference_mode()
    def test_metrics_of_other_layers_and_distances_compare_one_extraction(self, vit_weights: Path, images) -> None:
        options = {"backbone": VIT, "weights": vit_weights}
        first = innersight.create_metric("paper", layers=[1, 4], **options)
        second = innersight.create_metric("paper", layers=[4, 11], distance="wsd", **options)
        pair = images[0], images[1][:1]
        extractor = first.comparisons[0].extractor
        features = [FeatureBatch((extractor.extract(image, (1, 4, 11), ()),)) for image in pair]
        for metric in (first, second):
            torch.testing.assert_close(metric.compare_features(*features), metric(*pair), rtol=1e-5, atol=0)
        with pytest.raises(
            ArgumentError, match=r"`reference` lacks \['layer 11'\]: extract the features with this metric"
        ):
            second.compare_features(*(first.extract_features(image) for image in pair))

    @torch.inference_mode()
    def test_a_missing_pixel_feature_is_refused(self, images) -> None:
        full, fewer = innersight.create_metrics(["lite", "lite:terms.chroma.weight=0"]).values()
        assert isinstance(full, FeatureMetric)
        assert isinstance(fewer, FeatureMetric)
        features = fewer.extract_features(images[0])
        with pytest.raises(
            ArgumentError, match=r"`reference` lacks \['chroma planes'\]: extract the features with this"
        ):
            full.compare_features(features, features)


class TestRefusedFeatures:
    @pytest.fixture
    def lite(self) -> FeatureMetric:
        return innersight.create_metric("lite")

    @torch.inference_mode()
    def test_features_of_another_extractor(self, lite: FeatureMetric, images) -> None:
        native = innersight.create_metric("lite", input="native")
        with pytest.raises(
            ArgumentError,
            match=r"`distorted` was extracted by .*input native.* but this metric extracts by .*input short=256",
        ):
            lite.compare_features(lite.extract_features(images[0]), native.extract_features(images[0][..., :256, :385]))

    @torch.inference_mode()
    def test_another_number_of_images(self, lite: FeatureMetric, images) -> None:
        distorted = images[1]
        with pytest.raises(ArgumentError, match=r"as many, but got 2 of size \(256, 385\) and 3 of size \(256, 385\)"):
            lite.compare_features(lite.extract_features(distorted[:2]), lite.extract_features(distorted))

    @torch.inference_mode()
    def test_another_size(self, lite: FeatureMetric, images) -> None:
        with pytest.raises(ArgumentError, match=r"must be features of images of one size"):
            lite.compare_features(lite.extract_features(images[0]), lite.extract_features(images[0][..., :200, :]))

    @pytest.mark.parametrize("name", ["reference", "distorted"])
    @torch.inference_mode()
    def test_another_device(self, lite: FeatureMetric, images, name: str) -> None:
        pair = {argument: lite.extract_features(images[0]) for argument in ("reference", "distorted")}
        pair[name] = pair[name].to(torch.device("meta"))
        with pytest.raises(
            ArgumentError,
            match=rf"`{name}` must be on cpu as the metric is, but is on meta: use features\.to\(torch\.device\('cpu'\)\)",
        ):
            lite.compare_features(**pair)

    @torch.inference_mode()
    def test_another_precision(self, lite: FeatureMetric, images) -> None:
        features = lite.extract_features(images[0])
        double = innersight.create_metric("lite", precision="fp64")
        with pytest.raises(ArgumentError, match=r"`reference` was extracted by .*float32\), but .*float64\)"):
            double.compare_features(features, double.extract_features(images[0].double()))


@pytest.mark.thorough
@torch.inference_mode()
@pytest.mark.parametrize("name", ["paper", "lite"])
def test_the_layers_of_features_are_those_of_the_images(name: str, vit_weights: Path, images) -> None:
    options = {"backbone": VIT, "weights": vit_weights} if name == "paper" else {}
    metric = innersight.create_metric(name, **options)
    reference, distorted = images
    expected = metric.per_layer(reference.expand(3, -1, -1, -1), distorted)
    (comparison,) = metric.comparisons
    layers = comparison.compare_layers(comparison.extract(reference), comparison.extract(distorted))
    assert layers.shape == (3, len(metric.layer_names))
    torch.testing.assert_close(layers, expected, rtol=1e-5, atol=0)
