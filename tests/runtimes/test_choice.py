"""A metric gets the runtime that was chosen, or an error with the reason. Its description names the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import innersight
from innersight.backbones.features import Backbone, load_backbone
from innersight.errors import ArgumentError
from innersight.runtimes.choice import RUNTIMES, start_runtime
from innersight.runtimes.eager import Eager


@pytest.fixture(scope="module")
def backbone(cnn_weights: Path) -> Backbone:
    return load_backbone("resnet18", weights=cnn_weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"runtime": "torch-compiled"},
            r"`runtime` must be one of \([a-z, -]+\), but got 'torch-compiled'\. Did you mean torch-compile",
        ),
        ({"runtime": None}, r"`runtime` must be one of \(.*\), but got None"),
        ({"runtime": ["torch"]}, r"`runtime` must be one of \(.*\), but got \['torch'\]"),
        (
            {"precision": "fp61"},
            r"`precision` must be one of \(fp32, fp64, fp16, bf16\), but got 'fp61'\. Did you mean fp64 or fp16",
        ),
        ({"precision": 32}, r"`precision` must be one of \(fp32, .* but got 32"),
        ({"precision": ["fp32"]}, r"`precision` must be one of \(fp32, .* but got \['fp32'\]"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(options: dict[str, Any], message: str, backbone: Backbone) -> None:
    with pytest.raises(ArgumentError, match=message):
        innersight.create_metric(**options)
    choice = {"runtime": "torch", "precision": "fp32", **options}
    with pytest.raises(ArgumentError, match=message):
        start_runtime(backbone, choice["runtime"], choice["precision"])


@pytest.mark.parametrize("asked", ["torch", "torch-compile"])
def test_a_metric_says_what_runs_it(asked: str) -> None:
    metric = innersight.create_metric("lite", runtime=asked)
    assert metric.describe()["runtime"] == asked


@pytest.mark.parametrize(
    ("precision", "said"),
    [
        ("fp32", "float32"),
        ("fp64", "float64"),
        ("fp16", "float32 (float16 in the network)"),
        ("bf16", "float32 (bfloat16 in the network)"),
    ],
)
def test_a_metric_says_its_precision(precision: str, said: str) -> None:
    metric = innersight.create_metric("lite", precision=precision)
    assert metric.precision == said
    assert metric.describe()["precision"] == said
    assert f"; {said}, torch" in metric.citation
    assert said in metric.comparisons[0].extractor.extractor_id  # features of two precisions are not compared


def test_torch_is_what_runs_unless_told() -> None:
    assert innersight.create_metric("lite").describe()["runtime"] == "torch"


def test_every_runtime_of_the_package_is_in_the_table() -> None:
    assert set(RUNTIMES) == {"torch", "torch-compile"}


def test_a_runtime_that_is_added_can_be_chosen(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUNTIMES, "_items", {**RUNTIMES})  # the table is restored after the test
    runtime = Eager(backbone)
    runtime.name = "mine"

    @RUNTIMES.register("mine")
    def start(backbone: Backbone, precision: str) -> Eager:
        return runtime

    assert start_runtime(backbone, "mine", "fp32") is runtime
