"""The convolution that is exported pads as timm's convolutions `SAME` do."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.layers.conv2d_same import Conv2dSame

from innersight.export.same_padding import convolve_same, replace_same_padding


@given(
    side=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_it_gives_timms_result_and_announces_its_shape(
    side: tuple[int, int], kernel: int, stride: int, groups: int, bias: bool
) -> None:
    layer = Conv2dSame(4, 6, kernel, stride=stride, groups=groups, bias=bias)
    images = torch.rand(2, 4, *side)
    options = ([stride, stride], [1, 1], groups)
    found = convolve_same(images, layer.weight, layer.bias, *options)
    torch.testing.assert_close(found, layer(images), atol=0, rtol=0)
    weights = (tensor if tensor is None else tensor.to("meta") for tensor in (layer.weight, layer.bias))
    assert convolve_same(images.to("meta"), *weights, *options).shape == found.shape


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18"])
def test_a_network_computes_the_same_after_the_replacement(name: str) -> None:
    network = timm.create_model(name, pretrained=False).eval()
    replaced = copy.deepcopy(network)
    replace_same_padding(replaced)
    left = [module for module in replaced.modules() if type(module).__name__ == "_ConvolveSame"]
    assert len(left) == sum(isinstance(module, Conv2dSame) for module in network.modules())
    assert bool(left) == (name == "tf_efficientnet_lite0")
    images = torch.rand(1, 3, 65, 90)
    with torch.inference_mode():
        torch.testing.assert_close(replaced(images), network(images), atol=0, rtol=0)
