"""The check finds a bundle that differs from its metric, and says where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import innersight
from innersight.bundles import shipped
from innersight.bundles.bundle import Bundle
from innersight.errors import ArgumentError
from innersight.export.check import _LEAST_SIZES, _MOST_WINDOWS, SIZES, check_bundle, distort, photograph
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.presets.registry import PRESETS

FEW = ((64, 64), (97, 131), (128, 80))


class Changed(Bundle):
    """The bundle of `lite` with one wrong result, for the reference of the size 97 x 131 only."""

    def __init__(self, what: str) -> None:
        bundle = shipped("lite")
        assert bundle is not None
        super().__init__(bundle.folder, bundle._description)
        self._what = what
        self._wrong = False

    def extract(self, images: Any, **options: Any) -> Any:
        self._wrong = images.shape[2:] == (97, 131)
        return super().extract(images, **options)

    def compare(self, reference: Any, distorted: Any, **options: Any) -> tuple[float, list[float]]:
        score, parts = super().compare(reference, distorted, **options)
        if not self._wrong:
            return score, parts
        if self._what == "score":
            return score * (1 + 3e-5), parts
        if self._what == "parts of layers":
            return score, [parts[0], parts[1] + 3e-5 * score, *parts[2:]]
        return (1e-9 if score == 0 and self._what.startswith("score of identical") else score), parts

    def map(self, *inputs: Any, **options: Any) -> Any:
        return super().map(*inputs, **options) * np.float32(1 + 3e-5 * (self._wrong and self._what == "map"))


@pytest.fixture(scope="module")
def metric() -> FeatureMetric:
    made = innersight.create_metric("lite")
    assert isinstance(made, FeatureMetric)
    return made


def test_the_windows_of_the_paper_accept_enough_sizes() -> None:
    view = PRESETS.get("paper").views[0]
    grids = [view.input.grid(*size, "paper") for size in SIZES if min(size) >= 224]
    assert sum(grid is not None and len(grid) <= _MOST_WINDOWS for grid in grids) >= _LEAST_SIZES


@pytest.mark.thorough
def test_a_right_bundle_passes_with_its_largest_differences(metric: FeatureMetric) -> None:
    found = check_bundle(Changed("nothing"), metric, FEW)
    assert found["sizes"] == 3
    assert found["largest_difference"]["identical"]["value"] == 0
    assert all(0 <= item["value"] <= 1e-5 for item in found["largest_difference"].values())
    assert all((item["height"], item["width"]) in FEW for item in found["largest_difference"].values())


@pytest.mark.thorough
@pytest.mark.parametrize("what", ["score", "parts of layers", "map", "score of identical images, which must be 0,"])
def test_a_wrong_bundle_is_refused_with_the_quantity_and_the_size(metric: FeatureMetric, what: str) -> None:
    said = rf"bundle of lite differs from torch by .* in the {what} of an image of 97 x 131 \(height x width\)"
    with pytest.raises(ArgumentError, match=said):
        check_bundle(Changed(what), metric, FEW)


def test_a_metric_that_accepts_too_few_sizes_is_refused(metric: FeatureMetric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Changed, "count_windows", lambda self, height, width: 31 * (height > 64))
    with pytest.raises(ArgumentError, match="must accept 20 of the sizes of the check, but lite accepts 1"):
        check_bundle(Changed("nothing"), metric, FEW)


def test_the_sizes_are_small_and_large_portrait_and_panorama_even_and_odd() -> None:
    assert len(set(SIZES)) == len(SIZES) >= 20
    assert min(map(min, SIZES)) == 64
    assert max(SIZES) == (4320, 7680)
    assert max(height / width for height, width in SIZES) >= 5 <= max(width / height for height, width in SIZES)
    assert {(height % 2, width % 2) for height, width in SIZES} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("index", range(5))
def test_images_are_in_range_and_each_distortion_changes_them(index: int) -> None:
    reference = photograph(index, 90, 133)
    distorted = distort(index, reference)
    assert reference.shape == distorted.shape == (1, 3, 90, 133)
    for image in (reference, distorted):
        assert 0 <= image.min() < image.max() <= 1
    assert (reference - distorted).abs().mean() > 0.01
    assert torch.equal(reference, photograph(index, 90, 133))
