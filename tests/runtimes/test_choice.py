"""A metric gets the runtime that was chosen, or an error with the reason. Its description names the runtime."""

from __future__ import annotations

import importlib.util
import re
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import torch

import innersight
from innersight.backbones.features import Backbone, load_backbone
from innersight.errors import ArgumentError
from innersight.runtimes.choice import RUNTIMES, start_runtime
from innersight.runtimes.eager import Eager

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone(cnn_weights: Path) -> Backbone:
    return load_backbone("resnet18", weights=cnn_weights)


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package was installed without its extra."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "openvino" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"runtime": "openvin"},
            r"`runtime` must be one of \([a-z, -]+\), but got 'openvin'\. Did you mean openvino\?",
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
        start_runtime(backbone, choice["runtime"], choice["precision"], CPU)


@pytest.mark.parametrize(
    ("precision", "device", "name"),
    [
        ("fp32", "cpu", "openvino"),
        ("fp64", "cpu", "torch"),
        ("fp16", "cpu", "torch"),
        ("bf16", "cpu", "torch"),
        ("fp32", "cuda", "torch"),
    ],
)
def test_auto_is_openvino_in_fp32_on_a_cpu_alone(backbone: Backbone, precision: str, device: str, name: str) -> None:
    assert start_runtime(backbone, "auto", precision, torch.device(device)).name.partition(" ")[0] == name


@pytest.mark.parametrize(
    ("precision", "device", "got"),
    [
        ("fp64", "cpu", "fp64 on cpu"),
        ("bf16", "cpu", "bf16 on cpu"),
        ("fp16", "cpu", "fp16 on cpu"),
        ("fp32", "cuda", "fp32 on cuda"),
    ],
)
def test_openvino_is_refused_where_it_does_not_fit(backbone: Backbone, precision: str, device: str, got: str) -> None:
    with pytest.raises(ArgumentError, match=rf"openvino computes in fp32 on a CPU, but got {got}\. Use torch\."):
        start_runtime(backbone, "openvino", precision, torch.device(device))


def test_openvino_that_is_not_installed_is_an_error_where_asked_for(without_openvino: None, backbone: Backbone) -> None:
    with pytest.raises(ArgumentError, match=r"not installed\. Run: pip install 'innersight\[openvino\]', or use torch"):
        start_runtime(backbone, "openvino", "fp32", CPU)
    with pytest.raises(ArgumentError, match=r"computes in fp32 .* got fp64"):  # to install it would not help
        start_runtime(backbone, "openvino", "fp64", CPU)


def test_openvino_that_is_not_installed_leaves_auto_to_torch(without_openvino: None, backbone: Backbone) -> None:
    assert start_runtime(backbone, "auto", "fp32", CPU).name == "torch"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("torch", r"torch"),
        ("torch-compile", r"torch-compile"),
        ("openvino", r"openvino \d+\.\d+\.\d+"),
        ("auto", r"openvino \d+\.\d+\.\d+"),
    ],
)
def test_a_metric_says_what_runs_it(asked: str, said: str) -> None:
    metric = innersight.create_metric("lite", runtime=asked)
    assert re.fullmatch(said, metric.describe()["runtime"])


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
    assert set(RUNTIMES) == {"auto", "torch", "torch-compile", "openvino"}


def test_a_runtime_that_is_added_can_be_chosen(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUNTIMES, "_items", {**RUNTIMES})  # the table is restored after the test
    runtime = Eager(backbone)
    runtime.name = "mine"

    @RUNTIMES.register("mine")
    def start(backbone: Backbone, precision: str, device: torch.device, *, fallback: bool) -> Eager:
        return runtime

    assert start_runtime(backbone, "mine", "fp32", CPU) is runtime
