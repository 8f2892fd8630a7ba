"""OpenVINO gives the scores of torch for all sizes, networks and threads. If it cannot, torch runs or it is an error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import innersight
from innersight.backbones.features import Backbone, load_backbone
from innersight.errors import ArgumentError
from innersight.metrics.config import MetricConfig
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.view import View
from innersight.metrics.view_extractor import ViewExtractor
from innersight.runtimes import openvino as module
from innersight.runtimes.eager import Eager
from innersight.runtimes.openvino import OpenVINO
from standins import tensor_pair

TOLERANCE = 1e-4
"""Largest relative difference of a score from that of torch."""

Pair = Callable[..., "tuple[FeatureMetric, FeatureMetric]"]


@pytest.fixture(scope="module")
def pair(vit_weights: Path, cnn_weights: Path) -> Pair:
    """Makes a metric twice: with OpenVINO, or another `runtime`, and with torch."""
    networks: dict[str, dict[str, Any]] = {
        "lite": {},
        "cnn": {"backbone": "resnet18", "weights": cnn_weights},
        "vit": {"metric": "paper", "backbone": "vit_tiny_patch16_224", "weights": vit_weights},
    }

    def make(network: str, runtime: str = "openvino", **options: Any) -> tuple[FeatureMetric, FeatureMetric]:
        chosen = {**networks[network], **options}
        return innersight.create_metric(runtime=runtime, **chosen), innersight.create_metric(**chosen)

    return make


@pytest.fixture(scope="module")
def lite(pair: Pair) -> tuple[FeatureMetric, FeatureMetric]:
    return pair("lite", input="native")


def runtime_of(metric: FeatureMetric) -> OpenVINO:
    """The runtime of a metric with one view."""
    (comparison,) = metric.comparisons
    return comparison.extractor.runtime


def agrees(metrics: tuple[FeatureMetric, FeatureMetric], reference: torch.Tensor, distorted: torch.Tensor) -> None:
    """Both metrics give the same scores, and 0 for identical images."""
    with torch.inference_mode():
        got, expected = (metric(reference, distorted) for metric in metrics)
        assert got.dtype == expected.dtype == torch.float32
        assert (expected > 0).all()
        torch.testing.assert_close(got, expected, rtol=TOLERANCE, atol=0)
        assert torch.equal(metrics[0](reference, reference), torch.zeros(len(reference)))


def says(metric: FeatureMetric) -> str:
    return metric.describe()["runtime"].partition(" ")[0]


class TestScores:
    def test_at_every_size_and_batch_of_a_convolutional_network(
        self, lite: tuple[FeatureMetric, FeatureMetric]
    ) -> None:
        for height, width, count in ((96, 131, 1), (63, 77, 3), (160, 128, 2), (33, 201, 1)):
            pairs = [tensor_pair(height, width, seed) for seed in range(count)]
            agrees(lite, *(torch.cat(images) for images in zip(*pairs, strict=True)))
        assert says(lite[0]) == "openvino"
        assert runtime_of(lite[0])._any_size[(0, 2, 3, 4)] is not None  # one conversion for all of them
        assert runtime_of(lite[0])._one_size == {}

    def test_of_the_preset_as_it_is(self, lite: tuple[FeatureMetric, FeatureMetric], cat: torch.Tensor) -> None:
        extractors = [metric.comparisons[0].extractor for metric in lite]
        ours, torchs = (
            FeatureMetric(config, [ViewExtractor(config.views[0], extractor.backbone, extractor.runtime)])
            for config, extractor in ((innersight.PRESETS["lite"], extractor) for extractor in extractors)
        )
        agrees((ours, torchs), cat, cat * 0.8)
        assert says(ours) == "openvino"

    def test_of_another_convolutional_network_and_some_of_its_layers(self, pair: Pair) -> None:
        metrics = pair("cnn", input="native", layers="0,2")
        agrees(metrics, *tensor_pair(75, 98, 0))
        assert says(metrics[0]) == "openvino"

    def test_of_a_transformer_in_windows(self, pair: Pair) -> None:
        metrics = pair("vit")
        agrees(metrics, *tensor_pair(230, 260, 0))
        assert says(metrics[0]) == "openvino"
        assert len(runtime_of(metrics[0])._one_size) == 1

    def test_of_a_transformer_that_sees_whole_images(self, pair: Pair) -> None:
        metrics = pair("vit", input="short=160")
        agrees(metrics, *tensor_pair(200, 310, 0))
        assert says(metrics[0]) == "openvino"
        assert [size for _, *size in runtime_of(metrics[0])._one_size] == [[160, 256]]

    def test_of_an_embedding(self, vit_weights: Path) -> None:
        backbone = load_backbone("vit_tiny_patch16_224", weights=vit_weights)
        backbone.entry = replace(backbone.entry, embedding="projection")
        view = View(backbone="vit_tiny_patch16_224", features="embedding", input=innersight.InputPolicy(short_side=96))
        config = MetricConfig(name="embedding", views=(view,), terms=(FeatureDistance(distance="cos"),))
        metrics = tuple(
            FeatureMetric(config, [ViewExtractor(view, backbone, runtime)])
            for runtime in (OpenVINO(backbone, fallback=False), Eager(backbone))
        )
        agrees(metrics, *tensor_pair(100, 130, 0))
        assert list(runtime_of(metrics[0])._one_size) == [(None, 96, 128)]

    def test_of_layers_maps_and_kept_features(self, lite: tuple[FeatureMetric, FeatureMetric]) -> None:
        reference, distorted = tensor_pair(96, 131, 0)
        with torch.inference_mode():
            for view in (FeatureMetric.per_layer, FeatureMetric.map):
                got, expected = (view(metric, reference, distorted) for metric in lite)
                torch.testing.assert_close(got, expected, rtol=TOLERANCE, atol=1e-5 * expected.max().item())
            features = lite[0].extract_features(reference)
            torch.testing.assert_close(
                lite[0].compare_features(features, lite[0].extract_features(distorted)),
                lite[1](reference, distorted),
                rtol=TOLERANCE,
                atol=0,
            )


def test_images_in_any_memory_order_and_results_that_stay(cnn_weights: Path) -> None:
    backbone = load_backbone("resnet18", weights=cnn_weights)
    runtime = OpenVINO(backbone, fallback=False)
    whole = tensor_pair(96, 80, 0)[0]
    with torch.inference_mode():
        inferred = whole[..., 16:] * 0.9
    images = (whole[..., ::2, 8:72], whole[..., 16:].contiguous(memory_format=torch.channels_last), inferred)
    with torch.no_grad():
        results = [runtime(image, (0,))[0] for image in images]  # kept while the next ones are computed
        for image, got in zip(images, results, strict=True):
            (expected,) = backbone.outputs(image, (0,))
            torch.testing.assert_close(got, expected, rtol=0, atol=TOLERANCE * expected.max().item())
        again = runtime(images[1], (0,))[0]
        runtime(images[1] * 0.5, (0,))  # of the same shape, into the same memory
        assert torch.equal(again, results[1])


def test_a_wanted_gradient_is_torch_s(pair: Pair) -> None:
    metrics = pair("cnn", input="native", layers="0,1", changes={"terms.moments.weight": 0})
    reference, distorted = tensor_pair(64, 80, 0)
    images = [[image.clone().requires_grad_() for image in (reference, distorted)] for _ in metrics]
    scores = [metric(*both) for metric, both in zip(metrics, images, strict=True)]
    for score in scores:
        score.sum().backward()
    assert torch.equal(*scores)
    for ours, theirs in zip(*images, strict=True):
        assert ours.grad is not None
        assert ours.grad.abs().max() > 0
        assert torch.equal(ours.grad, theirs.grad)
    assert runtime_of(metrics[0])._any_size == {}  # nothing was converted for it
    with torch.no_grad():  # the same tensors, no gradient wanted
        metrics[0](*images[0])
    assert runtime_of(metrics[0])._any_size != {}


def test_a_metric_moved_from_float32_is_refused(pair: Pair) -> None:
    metric = pair("cnn", input="native")[0].to(torch.float64)
    images = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(
        ArgumentError,
        match=r"`runtime`: openvino computes in torch\.float32 on the CPU, but got torch\.float64 on cpu\. Make the metric with runtime='torch'",
    ):
        metric(images, images)


@pytest.mark.thorough
def test_nothing_is_reported_to_a_server() -> None:
    """In a process of its own, since the import that matters is the first."""
    code = (
        "import importlib.util, sys, torch, innersight\n"
        "assert importlib.util.find_spec('openvino_telemetry'), 'it is not here to be kept out'\n"
        "metric = innersight.create_metric('lite', runtime='openvino', input='native')\n"
        "images = torch.rand(1, 3, 32, 32)\n"
        "assert metric(images, images) == 0\n"
        "assert 'openvino' in sys.modules\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'openvino_telemetry'])\n"
        "import openvino_telemetry\n"
        "print(openvino_telemetry.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "openvino_telemetry"]


class TestAConversionThatFails:
    @pytest.fixture(params=["numbers a hundredth off", "numbers that are none", "an error"])
    def failure(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        """The text of the error."""
        if request.param == "an error":

            def refuse(*arguments: Any, **options: Any) -> Any:
                raise NotImplementedError("No conversion rule for aten::erfinv.\nMore of it.")

            monkeypatch.setattr(module._load(), "convert_model", refuse)  # a plain import would report its use
            return r"No conversion rule for aten::erfinv\."
        right = module._Program.__call__

        def wrong(program: Any, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = right(program, images)
            factor = 1.01 if request.param == "numbers a hundredth off" else float("nan")
            return (*outputs[:-1], outputs[-1] * factor)

        monkeypatch.setattr(module._Program, "__call__", wrong)
        return {
            "numbers a hundredth off": r"the output of a layer differs from that of torch by 1\.0e-02 of its largest value\.",
            "numbers that are none": r"the output of a layer differs from that of torch by nan of its largest value\.",
        }[request.param]

    def test_leaves_auto_to_torch(self, failure: str, pair: Pair) -> None:
        metrics = pair("cnn", runtime="auto", input="native", layers="0,1")
        assert says(metrics[0]) == "openvino"
        reference, distorted = tensor_pair(64, 80, 0)
        with torch.inference_mode():
            assert torch.equal(metrics[0](reference, distorted), metrics[1](reference, distorted))
            assert metrics[0](reference, reference) == 0
        assert metrics[0].describe()["runtime"] == "torch"

    def test_is_an_error_where_openvino_was_asked_for(self, failure: str, pair: Pair) -> None:
        metric, _ = pair("cnn", input="native", layers="0,1")
        images = torch.rand(1, 3, 64, 80)
        with pytest.raises(
            ArgumentError, match=rf"`runtime`: openvino cannot run resnet18\S*: {failure} Use runtime='torch'"
        ):
            metric(images, images)


def test_a_network_that_converts_for_one_size_alone_runs_so(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    right = module._Program.__call__

    def wrong_for_any_size(program: Any, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(output * (1.01 if program._dynamic else 1) for output in right(program, images))

    monkeypatch.setattr(module._Program, "__call__", wrong_for_any_size)
    metrics = pair("cnn", input="native", layers="0,1", changes={"terms.moments.weight": 0})
    agrees(metrics, *tensor_pair(51, 64, 0))
    assert says(metrics[0]) == "openvino"
    assert [size for _, *size in runtime_of(metrics[0])._one_size] == [[51, 64]]


def test_images_of_a_wrong_size_are_at_fault_and_not_openvino(vit_weights: Path) -> None:
    runtime = OpenVINO(load_backbone("vit_tiny_patch16_224", weights=vit_weights), fallback=True)
    with pytest.raises(ArgumentError, match=r"patch of 16 pixels, but .*100 x 96"):
        runtime(torch.rand(1, 3, 100, 96), (0,))
    assert runtime.name.startswith("openvino")


def test_a_size_that_keeps_coming_is_compiled_for_and_scores_the_same(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_USES_BEFORE_COMPILATION", 4)
    metrics = pair("cnn", input="native", layers="0,1", changes={"terms.moments.weight": 0})
    reference, distorted = tensor_pair(61, 83, 0)
    with torch.inference_mode():
        expected = metrics[1](reference, distorted)
        for _ in range(4):
            torch.testing.assert_close(metrics[0](reference, distorted), expected, rtol=TOLERANCE, atol=0)
        program = runtime_of(metrics[0])._any_size[(0, 1)]
        assert list(program._special) == [reference.shape]
        agrees(metrics, *tensor_pair(61, 83, 1))
        agrees(metrics, *tensor_pair(83, 61, 1))  # another size goes on as before
        assert metrics[0](reference, reference) == 0


@pytest.mark.thorough
def test_a_transformer_s_fifth_size_is_torch_s(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = pair("vit", input="native", layers="0")
    ran = []
    outputs = Backbone.outputs

    def watch(backbone: Backbone, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        ran.append((images.shape[-2], images.shape[-1]))
        return outputs(backbone, images, layers)

    pairs = {(side, 64): tensor_pair(side, 64, side) for side in (32, 48, 64, 80, 96)}
    for images in pairs.values():
        agrees(metrics, *images)
    monkeypatch.setattr(Backbone, "outputs", watch)
    for images in pairs.values():
        with torch.inference_mode():
            metrics[0](*images)
    assert ran == [(96, 64), (96, 64)]
    assert says(metrics[0]) == "openvino"


@pytest.mark.parametrize("network", ["cnn", "vit"])
def test_from_several_threads_at_once_it_scores_as_alone(network: str, pair: Pair) -> None:
    metric, _ = pair(network, input="native", layers="0,1")
    heights = (64, 96) if network == "cnn" else (64,)
    pairs = [tensor_pair(heights[seed % len(heights)], 80, seed) for seed in range(12)]

    def score(images: tuple[torch.Tensor, torch.Tensor]) -> float:
        with torch.inference_mode():
            return metric(*images).item()

    with ThreadPoolExecutor(4) as threads:  # the first of them convert, all at the same time
        together = list(threads.map(score, pairs))
    assert says(metric) == "openvino"
    assert len(set(together)) == len(together)
    assert together == pytest.approx([score(images) for images in pairs], rel=1e-6)
