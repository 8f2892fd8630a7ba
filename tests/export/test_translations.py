"""Operations that are translated by hand compute what torch computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from innersight.export.same_padding import convolve_same, replace_same_padding
from innersight.export.translations import translations


class _Of(nn.Module):
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


def exported(
    function: nn.Module, example: tuple[torch.Tensor, ...], axes: Any, *, exact_interpolation: bool = False
) -> Callable[..., np.ndarray]:
    """Export a function and return what runs it."""
    names = [f"input_{index}" for index in range(len(example))]
    program = torch.onnx.export(
        function.eval(),
        example,
        dynamo=True,
        dynamic_shapes=(axes,),
        opset_version=20,
        input_names=names,
        custom_translation_table=translations(exact_interpolation=exact_interpolation),
        verbose=False,
    )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    return lambda *inputs: session.run(None, dict(zip(names, inputs, strict=True)))[0]


def test_log1p_keeps_the_digits_of_small_numbers() -> None:
    run = exported(_Of(torch.log1p), (torch.rand(5),), ({0: torch.export.Dim("n")},))
    values = np.array([0, 1e-38, 1e-12, 1e-8, 1e-7, 3e-7, 1e-6, 1e-3, 0.5, 7, 1e8], dtype=np.float32)
    np.testing.assert_allclose(run(values), np.log1p(values.astype(np.float64)), rtol=3e-7)


@pytest.mark.thorough
@pytest.mark.parametrize("exponent", [2, 3, 4, 8, 16, 2.5])
def test_a_power_is_that_of_torch(exponent: float) -> None:
    run = exported(_Of(lambda values: values.pow(exponent)), (torch.rand(5),), ({0: torch.export.Dim("n")},))
    values = np.array([0, 0.01, 0.1, 0.7, 1, 3, 20], dtype=np.float32)
    np.testing.assert_allclose(run(values), values.astype(np.float64) ** exponent, rtol=3e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(("exact", "limit"), [(False, 1e-4), (True, 1e-5)])
@pytest.mark.parametrize("target", [(40, 60), (128, 171), (1080, 1920), (13, 7)])
def test_an_interpolation_is_that_of_torch(target: tuple[int, int], exact: bool, limit: float) -> None:
    def interpolate(images: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(images, size=(rows.shape[0], columns.shape[0]), mode="bilinear")

    dim = torch.export.Dim
    example = (torch.rand(1, 3, 20, 30), torch.zeros(41), torch.zeros(52))
    axes = ({2: dim("h"), 3: dim("w")}, {0: dim("rows")}, {0: dim("columns")})
    run = exported(_Of(interpolate), example, axes, exact_interpolation=exact)
    images = torch.rand(1, 3, 97, 131, generator=torch.Generator().manual_seed(0))
    vectors = [torch.zeros(length) for length in target]
    np.testing.assert_allclose(
        run(images.numpy(), *(vector.numpy() for vector in vectors)), interpolate(images, *vectors), atol=limit
    )


@pytest.mark.thorough
@pytest.mark.parametrize(("stride", "size"), [(1, (8, 9)), (2, (8, 9)), (2, (33, 64))])
def test_a_convolution_with_same_padding_exports_for_all_sizes(stride: int, size: tuple[int, int]) -> None:
    from timm.layers.conv2d_same import Conv2dSame

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Conv2dSame(3, 4, 5, stride=stride)

        def forward(self, *images: torch.Tensor) -> torch.Tensor:
            return self.layer(images[0])

    torch.manual_seed(0)
    network = Network().eval()
    images = torch.rand(1, 3, *size)
    expected = network(images).detach()
    replace_same_padding(network)
    assert not any(isinstance(module, Conv2dSame) for name, module in network.named_children() if name == "layer")
    torch.testing.assert_close(network(images).detach(), expected)
    run = exported(network, (torch.rand(1, 3, 20, 31),), ({2: torch.export.Dim("h"), 3: torch.export.Dim("w")},))
    np.testing.assert_allclose(run(images.numpy()), expected, atol=1e-5)


def test_the_shape_for_the_tracer_is_the_shape_of_the_result() -> None:
    for side in range(1, 12):
        for stride in (1, 2, 3):
            inputs = (torch.rand(1, 2, side, side), torch.rand(4, 2, 3, 3), None, [stride, stride], [1, 1], 1)
            with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True) as mode:
                fake = convolve_same(*(mode.from_tensor(x) if isinstance(x, torch.Tensor) else x for x in inputs))
            assert fake.shape == convolve_same(*inputs).shape
