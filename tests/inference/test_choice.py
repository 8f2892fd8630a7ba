"""A bundle computes the scores where one fits, torch in all other cases, and each error names the way out."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import innersight
from innersight import Scorer
from innersight.bundles.installed import shipped_folder
from innersight.errors import ArgumentError
from innersight.inference.bundle_backend import BundleBackend
from innersight.inference.choice import is_bundle
from innersight.inference.scorers import create_scorers
from innersight.inference.torch_backend import TorchBackend


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundle of `lite`."""
    return Path(shutil.copytree(shipped_folder("lite"), tmp_path / "mine"))


@pytest.mark.parametrize(
    "options", [{}, {"device": "cpu"}, {"runtime": "onnx"}, {"changes": {}}, {"precision": "fp32"}]
)
def test_a_shipped_bundle_computes_what_is_not_changed(options: dict[str, Any]) -> None:
    assert isinstance(Scorer("lite", **options).backend, BundleBackend)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("lite", {"runtime": "torch"}),
        ("lite", {"precision": "fp64"}),
        ("lite", {"distance": "channel-cos"}),
        ("lite", {"changes": {"terms.moments.weight": 0}}),
        ("lite:layers=0", {}),
        ("psnr", {}),
    ],
)
def test_torch_computes_everything_else(metric: str, options: dict[str, Any]) -> None:
    assert isinstance(Scorer(metric, **options).backend, TorchBackend)


def test_a_configuration_is_computed_by_torch(tmp_path: Path) -> None:
    config = innersight.PRESETS["lite"]
    assert isinstance(Scorer(config).backend, TorchBackend)
    (tmp_path / "mine.json").write_text(json.dumps({"base": "lite"}))
    with pytest.raises(ArgumentError, match=r"mine\.json"):
        Scorer(tmp_path / "mine.json")  # it is read as a configuration


def test_the_folder_of_a_bundle_is_computed_by_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for metric in (folder, str(folder)):
        assert is_bundle(metric)
        assert isinstance(Scorer(metric).backend, BundleBackend)
    monkeypatch.chdir(folder.parent)
    assert isinstance(Scorer("mine").backend, BundleBackend)


@pytest.mark.parametrize(
    "options",
    [
        {"weights": "w.pth"},
        {"precision": "fp64"},
        {"runtime": "torch"},
        {"device": "cuda"},
        {"distance": "cos"},
        {"changes": {"scale": "log"}},
    ],
)
def test_a_bundle_cannot_be_changed(folder: Path, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ArgumentError, match=rf"Argument `{name}`: the bundle '.*mine' computes in fp32 on the CPU"):
        Scorer(folder, **options)
    if name != "runtime":
        with pytest.raises(ArgumentError, match=rf"Argument `{name}`: the bundle 'lite' computes in fp32 on the CPU"):
            Scorer("lite", runtime="onnx", **options)


@pytest.mark.parametrize("metric", ["psnr", "lite:layers=0", "none.toml", innersight.PRESETS["vit"]])
def test_onnx_without_a_bundle_names_the_command_that_writes_one(metric: Any) -> None:
    with pytest.raises(
        ArgumentError, match=r"`runtime`: 'onnx' runs bundles, but .* is none: .*`innersight export"
    ) as e:
        Scorer(metric, runtime="onnx")
    assert "\n" not in str(e.value)


def test_a_folder_without_a_bundle_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for metric in (tmp_path, f"{tmp_path}/"):
        with pytest.raises(ArgumentError, match=r"the folder '.*' has no metric\.json, so it is no bundle"):
            Scorer(metric)
    monkeypatch.chdir(tmp_path)
    Path("psnr").mkdir()
    assert Scorer("psnr").name == "psnr"  # a folder that happens to have the name of a metric


@pytest.mark.parametrize("metric", [None, 3, ["lite"], torch.nn.Identity()])
def test_other_objects_are_refused(metric: Any) -> None:
    with pytest.raises(
        ArgumentError, match="`metric` must be a name, a path, a MetricConfig or a metric of torch, but got"
    ):
        Scorer(metric)


@pytest.mark.parametrize("metric", ["lite", "lite:layers=0"])
def test_wrong_options_are_refused_as_by_create_metric(metric: str) -> None:
    for option, value in (("device", "gpu"), ("precision", "fp12"), ("runtime", "tensorrt"), ("colour", "red")):
        with pytest.raises(ArgumentError, match="must be"):
            Scorer(metric, **{option: value})  # type: ignore[arg-type]


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "innersight.inference.torch_backend", raising=False)
    monkeypatch.delattr("innersight.inference.torch_backend", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert Scorer("lite").name == "lite"
    expected = (
        r"^Argument `metric`: 'vit' needs torch, which is not installed\. Run: pip install 'innersight\[torch\]'\.$"
    )
    with pytest.raises(ArgumentError, match=expected):
        Scorer("vit")
    with pytest.raises(ArgumentError, match="`metric`: 'lite' with precision='fp64' needs torch, which is not"):
        Scorer("lite", precision="fp64")


def test_several_scorers_keep_their_order_and_each_has_its_own_backend() -> None:
    made = create_scorers(["psnr", "lite", "lite:layers=0"])
    assert [type(scorer.backend) for scorer in made.values()] == [TorchBackend, BundleBackend, TorchBackend]
    assert list(made) == ["psnr", "lite", "lite:layers=0"]
    with pytest.raises(ArgumentError, match="`metrics` must name each metric once, but got 'lite' twice"):
        create_scorers(["lite", "lite"])
    with pytest.raises(ArgumentError, match=r"`metrics` must be a list, but got 'lite'\. Use \['lite'\]"):
        create_scorers("lite")
