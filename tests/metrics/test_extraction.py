"""Images are prepared as the configuration says; windows pass in parts without a change of score."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.extraction import size_of, windows_at_once
from standins import noisy


def test_the_number_of_windows_at_once_changes_no_score(vit_weights: Path, cat: torch.Tensor, monkeypatch) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights)
    with torch.inference_mode():
        usual = metric(cat, noisy(cat, 0.1))
        monkeypatch.setattr("innersight.metrics.extraction._WINDOWS_AT_ONCE", 1)
        torch.testing.assert_close(metric(cat, noisy(cat, 0.1)), usual, rtol=1e-5, atol=0)


def test_images_smaller_than_a_window_get_the_way_out(vit_weights: Path) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights)
    small = torch.rand(1, 3, 223, 400)
    message = (
        r"paper metric looks through windows of 224 x 224 pixels .* the images are 223 x 400 \(height x width\)\. "
        r"Enlarge them on purpose with input='short=224,window=224,stride=200', or use metric 'lite'"
    )
    for function in (metric, metric.per_layer, metric.map):
        with pytest.raises(ArgumentError, match=message):
            function(small, small)
    wider = innersight.create_metric(
        "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="short=224,window=224,stride=200"
    )
    assert wider(small, small) == 0  # the way out works


def test_pixels_in_several_windows_count_several_times(vit_weights: Path) -> None:
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights)
    assert metric.extraction.count_pixels(224, 260) == 2 * 224 * 224
    with pytest.raises(ArgumentError, match="windows of 224 x 224 pixels"):
        metric.extraction.count_pixels(200, 260)
    lite = innersight.create_metric("lite")
    assert lite.extraction.count_pixels(512, 768) == 256 * 384


def test_a_batch_shares_the_windows_at_once() -> None:
    assert [windows_at_once(batch) for batch in (1, 4, 100)] == [16, 4, 1]
    assert size_of(torch.zeros(1, 3, 4, 5)) == (4, 5)
