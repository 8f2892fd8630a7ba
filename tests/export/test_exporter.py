"""An exported folder scores as torch does, in a process that has no torch, and what cannot be exported says why."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import innersight
from innersight.bundles.bundle import Bundle, digest_of
from innersight.bundles.description import DESCRIPTION, GRAPHS
from innersight.errors import ArgumentError
from innersight.export import check, exporter
from innersight.export.exporter import export_metric
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.serialization import config_to_dict
from standins import image_pair, tensor_pair

SCORE_WITHOUT_TORCH = """
import sys
for name in ("torch", "timm", "torchvision"):
    sys.modules[name] = None
import innersight
scorer = innersight.Scorer(sys.argv[1])
print(*(repr(scorer(*pair)) for pair in zip(sys.argv[2::2], sys.argv[3::2])))
"""


@pytest.fixture(scope="module")
def small_check() -> Iterator[None]:
    """Check three sizes where a test is about something else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "SIZES", ((64, 64), (200, 170), (101, 203)))
        yield


@pytest.fixture(scope="module")
def metric(vit_weights: Path) -> FeatureMetric:
    made = innersight.create_metric(
        "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="window=64,stride=48", layers=(2, 11)
    )
    assert isinstance(made, FeatureMetric)
    return made


@pytest.fixture(scope="module")
def folder(metric: FeatureMetric, small_check: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "a bundle"
    export_metric(metric, out)
    return out


def write_pair(folder: Path, height: int, width: int) -> tuple[Path, Path]:
    files = folder / f"reference {height}.png", folder / f"distorted {height}.png"
    for file, pixels in zip(files, image_pair(height, width, seed=height), strict=True):
        Image.fromarray(pixels).save(file)
    return files


def scores_without_torch(bundle: Path, *files: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", SCORE_WITHOUT_TORCH, bundle, *files], capture_output=True, text=True, check=True
    )
    return [float(text) for text in done.stdout.split()]


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(64, 64), (90, 150), (333, 200)])
def test_a_bundle_scores_in_a_process_without_torch_as_torch_does(
    metric: FeatureMetric, folder: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    reference, distorted = write_pair(tmp_path, *size)
    score, same = scores_without_torch(folder, reference, distorted, reference, reference)
    assert score == pytest.approx(innersight.score(reference, distorted, metric=metric), rel=1e-5)
    assert same == 0


def test_parts_of_layers_and_maps_are_those_of_torch(metric: FeatureMetric, folder: Path) -> None:
    bundle = Bundle.load(folder)
    reference, distorted = tensor_pair(140, 100, seed=4)
    r, d = (bundle.extract(image.numpy()) for image in (reference, distorted))
    score, parts = bundle.compare(r, d)
    assert parts == pytest.approx(metric.per_layer(reference, distorted)[0].tolist(), abs=1e-5 * score)
    expected = metric.map(reference, distorted)[0].numpy()
    assert np.abs(bundle.map(r, d, (140, 100)) - expected).mean() <= 1e-5 * expected.mean()


@pytest.mark.thorough
def test_a_map_of_overlapping_windows_is_the_same_in_each_run(metric: FeatureMetric, folder: Path) -> None:
    # Several threads add to one pixel. ONNX Runtime lost some of the values with ScatterND.
    bundle = Bundle.load(folder)
    size = (460, 700)
    reference, distorted = tensor_pair(*size, seed=5)
    r, d = (bundle.extract(image.numpy(), threads=4) for image in (reference, distorted))
    first, *others = (bundle.map(r, d, size, threads=4) for _ in range(6))
    expected = metric.map(reference, distorted)[0].numpy()
    assert np.abs(first - expected).max() <= 1e-4 * expected.mean()
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_the_description_holds_what_decides_a_score(metric: FeatureMetric, folder: Path) -> None:
    record = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    assert record["configuration"] == config_to_dict(metric.config)
    assert metric.citation.startswith(record["citation"])
    assert record["files"] == {name: digest_of(folder / name) for name in GRAPHS}
    assert record["versions"].keys() == {"innersight", "torch", "timm", "onnx", "onnxscript"}
    assert record["check"]["sizes"] == 3
    assert record["check"]["largest_difference"].keys() == {"score", "per_layer", "map", "identical", "masked"}
    assert record["layer_names"] == list(metric.layer_names)


@pytest.mark.thorough
def test_a_metric_without_a_map_has_no_graph_for_it(
    vit_weights: Path,
    tmp_path: Path,
    small_check: None,
) -> None:
    metric = innersight.create_metric(
        "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="window=64,stride=64", layers=(0,),
        distance="skld",
    )  # fmt: skip
    assert isinstance(metric, FeatureMetric)
    assert not metric.has_map
    assert not export_metric(metric, tmp_path / "out").has_map
    assert {file.name for file in (tmp_path / "out").iterdir()} == {*GRAPHS[:2], DESCRIPTION}


@pytest.mark.thorough
def test_a_folder_is_replaced_only_on_request_and_keeps_other_files(
    metric: FeatureMetric, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArgumentError, match=r"`out`: '.*a bundle' exists\. Use another folder, or --overwrite"):
        export_metric(metric, folder)
    (folder / "NOTICE").write_text("kept")
    (folder / GRAPHS[0]).write_bytes(b"damaged")
    monkeypatch.setattr(exporter, "SIZES", ((64, 64),))
    assert export_metric(metric, folder, overwrite=True).check["sizes"] == 1
    assert (folder / "NOTICE").read_text() == "kept"
    (folder / "NOTICE").unlink()


def test_a_folder_or_file_that_is_no_bundle_is_never_replaced(metric: FeatureMetric, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(ArgumentError, match=re.escape(f"`out`: '{out}' exists")):
            export_metric(metric, out, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.thorough
def test_a_difference_above_the_limit_leaves_nothing_and_names_the_worst_case(
    metric: FeatureMetric,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_check: None,
) -> None:
    monkeypatch.setattr(check, "TOLERANCE", 0.0)
    said = (
        r"bundle of paper differs from torch by .*e-\d\d in the .* of an image of \d+ x \d+ \(height x width\), above"
    )
    with pytest.raises(ArgumentError, match=said):
        export_metric(metric, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_metric_of_another_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`metric` must be a metric of features, but psnr is a metric of another"):
        export_metric(innersight.create_metric("psnr"), tmp_path / "out")


@pytest.mark.parametrize("precision", ["fp64", "bf16"])
def test_another_precision_is_refused(tmp_path: Path, precision: str) -> None:
    metric = innersight.create_metric("lite", precision=precision)
    with pytest.raises(ArgumentError, match=r"must compute in float32 on the CPU, but got .* make it with precision="):
        export_metric(metric, tmp_path / "out")


def test_several_views_with_windows_are_refused(small_dino: Path, tmp_path: Path) -> None:
    metric = innersight.create_metric(
        "best", weights=small_dino, changes={"views.vit.input": "short=308,window=224,stride=84"}
    )
    with pytest.raises(ArgumentError, match="best has several views and sliding windows, which a bundle cannot hold"):
        export_metric(metric, tmp_path / "out")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vit", {}),
        ("paper", {"distance": "l2"}),
        ("paper", {"distance": "cos"}),
    ],
)
def test_the_stand_in_of_dino_is_exported_and_scores_without_torch_as_torch(
    small_dino: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, str]
) -> None:
    if name == "paper":  # its own network is a ViT-B/16, which takes four times as long
        options = {**options, "backbone": "vit_small_patch14_dinov2.lvd142m"}
    metric = innersight.create_metric(name, weights=small_dino, **options)  # type: ignore[arg-type]  # two texts
    least = 224 if name == "paper" else 1  # the side of a window
    sizes = tuple(size for size in check.SIZES if min(size) >= least and max(size) <= 400)
    monkeypatch.setattr(exporter, "SIZES", sizes)
    bundle = export_metric(metric, tmp_path / "out")
    assert bundle.check["sizes"] == len(sizes) >= 6
    assert max(item["value"] for item in bundle.check["largest_difference"].values()) <= 1e-5
    pairs = [write_pair(tmp_path, *size) for size in ((384, 512), (301, 257))]
    scores = scores_without_torch(tmp_path / "out", *(file for pair in pairs for file in pair))
    with torch.inference_mode():
        expected = [innersight.score(*pair, metric=metric) for pair in pairs]
    assert scores == pytest.approx(expected, rel=1e-5)
