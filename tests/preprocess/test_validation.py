"""Wrong images are refused, with the argument, what is allowed, what came, and the next step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from innersight.errors import ArgumentError, ImageError
from innersight.preprocess.validation import check_images, check_pair, check_same_size

HERE = {"dtype": torch.float32, "device": torch.device("cpu")}


def test_good_images_pass() -> None:
    check_images("reference", torch.rand(2, 3, 5, 7), **HERE)
    check_images("reference", torch.tensor([0.0, 1.0, 1.00005]).view(1, 3, 1, 1), **HERE)  # a resize's rounding


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 3, 4, 4)), r"must be a torch\.Tensor of shape \(N, 3, H, W\), but got ndarray"),
        (torch.rand(3, 4, 4), r"must have shape \(N, 3, H, W\), but got \(3, 4, 4\)\. Add a batch dimension"),
        (torch.rand(1, 1, 4, 4), r"3 channels .* got shape \(1, 1, 4, 4\)\. Grey images: images\.expand"),
        (torch.rand(1, 4, 4, 4), r"3 channels .* Composite the alpha channel"),
        (torch.rand(1, 4, 5, 3), r"3 channels"),
        (torch.rand(1, 5, 4, 3), r"Channels come second: images\.permute\(0, 3, 1, 2\)"),
        (torch.rand(0, 3, 4, 4), r"must not be empty, but got shape \(0, 3, 4, 4\)"),
        (
            torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
            r"floats in \[0, 1\], but got torch\.uint8\. Use images\.float\(\) / 255",
        ),
        (torch.rand(1, 3, 4, 4, dtype=torch.float64), r"must be torch\.float32 .* got torch\.float64\. Use images\.to"),
        (torch.rand(1, 3, 4, 4, device="meta"), r"must be on cpu as the metric is, but got meta"),
        (
            torch.full((1, 3, 4, 4), 200.0),
            r"values in \[0, 1\], but got 200 to 200\. .*0\.\.255 values: divide by 255",
        ),
        (torch.linspace(-1, 1, 48).view(1, 3, 4, 4), r"look like -1\.\.1: use \(images \+ 1\) / 2"),
        (torch.linspace(-0.02, 0.98, 48).view(1, 3, 4, 4), r"Overshoot .* images\.clamp\(0, 1\)"),
        (torch.full((1, 3, 4, 4), 30000.0), r"0\.\.65535 values: divide by 65535"),
        (torch.rand(1, 3, 4, 4).half(), r"but got torch\.float16\. Use images\.to\(torch\.float32\)\.$"),
        (torch.linspace(-0.1, 1.1, 48).view(1, 3, 4, 4), r"Overshoot .* images\.clamp\(0, 1\)"),
        (torch.linspace(-2.1, 2.6, 48).view(1, 3, 4, 4), r"Undo any mean/std normalisation"),
        (torch.full((1, 3, 4, 4), float("nan")), r"It holds NaN"),
    ],
)
def test_bad_images_are_refused_with_the_fix_named(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^Argument `distorted` .*{message}"):
        check_images("distorted", images, **HERE)


def test_one_nan_among_good_values_is_seen() -> None:
    images = torch.rand(1, 3, 4, 4)
    images[0, 2, 3, 3] = float("nan")
    with pytest.raises(ArgumentError, match="It holds NaN"):
        check_images("reference", images, **HERE)


def test_nothing_is_broadcast() -> None:
    with pytest.raises(ArgumentError, match=r"one shape, but got \(1, 3, 4, 4\) and \(2, 3, 4, 4\)"):
        check_pair(torch.rand(1, 3, 4, 4), torch.rand(2, 3, 4, 4), **HERE)


def test_files_of_two_sizes_are_named_with_their_sizes() -> None:
    with pytest.raises(ImageError, match=r"'a\.png' is 7 x 5, 'b\.png' is 8 x 5 \(width x height\)"):
        check_same_size((5, 7), (5, 8), ("a.png", "b.png"))
