"""Wrong images are refused. The error names the argument, what is allowed, what came and the next step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from innersight.errors import ArgumentError
from innersight.preprocess.validation import check_images, check_pair

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
        (torch.rand(1, 4, 4, 4), r"3 channels .* Composite the image on a background"),
        (torch.rand(1, 4, 5, 3), r"3 channels"),
        (torch.rand(1, 5, 4, 3), r"Channels come second: images\.permute\(0, 3, 1, 2\)"),
        (torch.rand(0, 3, 4, 4), r"must not be empty, but got shape \(0, 3, 4, 4\)"),
        (
            torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
            r"floats in \[0, 1\], but got torch\.uint8\. Use images\.float\(\) / 255",
        ),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint16), r"but got torch\.uint16\. Use images\.float\(\) / 65535"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.complex64), r"but got torch\.complex64\. Convert them to real floats"),
        (torch.rand(1, 3, 4, 4, dtype=torch.float64), r"must be torch\.float32 .* got torch\.float64\. Use images\.to"),
        (
            torch.rand(1, 3, 4, 4, device="meta"),
            r"must hold values, but got a tensor on the meta device, which has none\. Pass a tensor on cpu",
        ),
        (
            torch.full((1, 3, 4, 4), 200.0),
            r"values in \[0, 1\], but got 200 to 200\. .*0\.\.255 values: divide by 255",
        ),
        (torch.linspace(-1, 1, 48).view(1, 3, 4, 4), r"look like -1\.\.1: use \(images \+ 1\) / 2"),
        (torch.linspace(-0.02, 0.98, 48).view(1, 3, 4, 4), r"slightly outside, use images\.clamp\(0, 1\)"),
        (torch.full((1, 3, 4, 4), 30000.0), r"0\.\.65535 values: divide by 65535"),
        (torch.rand(1, 3, 4, 4).half(), r"but got torch\.float16\. Use images\.to\(torch\.float32\)\.$"),
        (torch.linspace(-0.1, 1.1, 48).view(1, 3, 4, 4), r"slightly outside, use images\.clamp\(0, 1\)"),
        (torch.linspace(-2.1, 2.6, 48).view(1, 3, 4, 4), r"Undo any normalisation by mean and standard deviation"),
        (torch.full((1, 3, 4, 4), float("nan")), r"It has NaN values"),
    ],
)
def test_bad_images_are_refused_with_the_fix_named(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^Argument `distorted` .*{message}"):
        check_images("distorted", images, **HERE)


@pytest.mark.filterwarnings("ignore::UserWarning")  # some of these kinds are prototypes of torch
@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (torch.Tensor.to_sparse, r"but got a sparse_coo one\. Use images\.to_dense\(\)"),
        (lambda images: images.to_sparse(2), r"but got a sparse_coo one\. Use images\.to_dense\(\)"),
        (torch.Tensor.to_sparse_csr, r"but got a sparse_csr one\. Use images\.to_dense\(\)"),
        (torch.Tensor.to_mkldnn, r"but got a mkldnn one\. Use images\.to_dense\(\)"),
        (
            lambda images: torch.nested.nested_tensor(list(images)),
            r"but got a nested one\. .* torch\.stack\(images\.unbind\(\)\)",
        ),
        (lambda images: torch.nested.nested_tensor(list(images), layout=torch.jagged), "but got a nested one"),
        (
            lambda images: torch.quantize_per_tensor(images, 1 / 255, 0, torch.quint8),
            r"but got a quantized one\. Use images\.dequantize\(\)",
        ),
        (
            lambda images: torch.masked.masked_tensor(images, images > 0),
            r"but got a masked one\. Use images\.to_tensor\(0\)",
        ),
    ],
)
def test_tensors_that_are_not_dense_are_refused_in_one_line_fault_46(
    convert: Callable[[torch.Tensor], torch.Tensor], message: str
) -> None:
    images = convert(torch.rand(2, 3, 4, 4))
    for check_range in (True, False):
        with pytest.raises(ArgumentError, match=rf"^Argument `distorted` must be a dense tensor, {message}"):
            check_images("distorted", images, **HERE, check_range=check_range)
        with pytest.raises(ArgumentError, match=rf"^Argument `distorted` must be a dense tensor, {message}"):
            check_pair(torch.rand(2, 3, 4, 4), images, **HERE, check_range=check_range)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("convert", "restore"),
    [
        (torch.Tensor.to_sparse, torch.Tensor.to_dense),
        (torch.Tensor.to_mkldnn, torch.Tensor.to_dense),
        (lambda images: torch.nested.nested_tensor(list(images)), lambda images: torch.stack(images.unbind())),
        (lambda images: torch.quantize_per_tensor(images, 1 / 255, 0, torch.quint8), torch.Tensor.dequantize),
        (lambda images: torch.masked.masked_tensor(images, images > 0), lambda images: images.to_tensor(0)),
    ],
)
def test_the_step_in_the_error_makes_the_images_usable_fault_46(
    convert: Callable[[torch.Tensor], torch.Tensor], restore: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    check_images("reference", restore(convert(torch.rand(2, 3, 4, 4))), **HERE)


def test_a_metric_on_the_meta_device_takes_images_on_it_fault_46() -> None:
    """Meta tensors propagate shapes. They have no values to check."""
    images = torch.rand(1, 3, 4, 4, device="meta")
    check_pair(images, images, dtype=torch.float32, device=images.device)


def test_fake_tensors_pass_all_checks_except_the_range_fault_46() -> None:
    with FakeTensorMode():
        check_images("reference", torch.rand(1, 3, 4, 4), **HERE, check_range=False)
        with pytest.raises(ArgumentError, match=r"must have shape \(N, 3, H, W\)"):
            check_images("reference", torch.rand(3, 4, 4), **HERE, check_range=False)


def test_the_checks_compile_without_a_graph_break_fault_46() -> None:
    def mean(images: torch.Tensor) -> torch.Tensor:
        check_images("reference", images, **HERE)
        return images.mean()

    images = torch.rand(1, 3, 4, 4)
    assert torch.compile(mean, backend="eager", fullgraph=True)(images) == images.mean()


def test_one_nan_among_good_values_is_seen() -> None:
    images = torch.rand(1, 3, 4, 4)
    images[0, 2, 3, 3] = float("nan")
    with pytest.raises(ArgumentError, match="It has NaN values"):
        check_images("reference", images, **HERE)


def test_nothing_is_broadcast() -> None:
    with pytest.raises(ArgumentError, match=r"the same shape, but got \(1, 3, 4, 4\) and \(2, 3, 4, 4\)"):
        check_pair(torch.rand(1, 3, 4, 4), torch.rand(2, 3, 4, 4), **HERE)
