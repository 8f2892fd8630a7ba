"""Two image files score as their tensors do, and wrong arguments are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from innersight.errors import ArgumentError, ImageError
from innersight.inference.scorer import read_pair, score_images


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    Image.fromarray(data.coffee()).save(tmp_path / "ref.png")
    Image.fromarray(data.coffee()).save(tmp_path / "dis.jpg", quality=20)
    return tmp_path / "ref.png", tmp_path / "dis.jpg"


def test_a_file_scores_as_its_tensor(files: tuple[Path, Path]) -> None:
    metric = innersight.create_metric("lite")
    images = [torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None] / 255 for path in files]
    with torch.inference_mode():
        expected = metric(*images).item()
    assert innersight.score(*files) == pytest.approx(expected, rel=1e-6)
    assert innersight.score(*map(str, files), metric=metric) == pytest.approx(expected, rel=1e-6)


def test_overrides_are_passed_to_the_metric(files: tuple[Path, Path], vit_weights: Path) -> None:
    options = {"backbone": "vit_tiny_patch16_224", "distance": "cos", "weights": vit_weights}
    metric = innersight.create_metric("paper", **options)
    expected = score_images(metric, *read_pair(*files)).score
    assert innersight.score(*files, metric="paper", **options) == expected > 0


def test_changes_are_passed_to_the_metric(files: tuple[Path, Path]) -> None:
    changes = {"terms.moments.weight": 0, "scale": "linear"}
    expected = score_images(innersight.create_metric("lite", changes=changes), *read_pair(*files)).score
    assert innersight.score(*files, changes=changes) == pytest.approx(expected, rel=1e-6)
    assert expected != pytest.approx(innersight.score(*files), rel=0.01)


@pytest.mark.parametrize(
    "options", [{"distance": "l2"}, {"changes": {"scale": "log"}}, {"precision": "fp64"}, {"device": "cpu"}]
)
def test_a_metric_that_is_made_already_takes_no_further_options(
    files: tuple[Path, Path], options: dict[str, Any]
) -> None:
    with pytest.raises(
        ArgumentError, match=r"`metric` is a metric that is made already, .* pass them to create_metric"
    ):
        innersight.score(*files, metric=innersight.create_metric("lite"), **options)


def test_a_metric_of_another_library_scores_files_too_fault_49(files: tuple[Path, Path]) -> None:
    """The expected value is computed by the definition of PSNR."""
    reference, distorted = (np.array(Image.open(path)) / 255 for path in files)
    expected = 10 * np.log10(1 / np.mean((reference - distorted) ** 2))
    assert innersight.score(*files, metric="psnr") == pytest.approx(expected, rel=1e-4)


def test_a_metric_without_layers_or_map_names_one_that_has_them(files: tuple[Path, Path]) -> None:
    psnr, images = innersight.create_metric("psnr"), read_pair(*files)
    with pytest.raises(ArgumentError, match="psnr has no map: use a metric of features, such as 'lite'"):
        score_images(psnr, *images, with_map=True)
    with pytest.raises(ArgumentError, match="psnr has no layers: use a metric of features, such as 'lite'"):
        score_images(psnr, *images, with_layers=True)


def test_per_layer_and_map_are_computed_if_asked_for(files: tuple[Path, Path]) -> None:
    metric = innersight.create_metric("lite")
    images = read_pair(*files)
    bare, full = score_images(metric, *images), score_images(metric, *images, with_layers=True, with_map=True)
    assert (bare.per_layer, bare.map) == (None, None)
    assert bare.score == full.score
    assert np.sum(full.per_layer) == pytest.approx(full.score, rel=1e-6)
    assert full.map.shape == images[0].shape[1:]


def test_images_of_two_sizes_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    Image.open(files[0]).crop((0, 0, 300, 300)).save(tmp_path / "crop.png")
    with pytest.raises(ImageError, match=r"differ in size: '.*ref\.png' is 600 x 400, '.*crop\.png' is 300 x 300"):
        innersight.score(files[0], tmp_path / "crop.png")
