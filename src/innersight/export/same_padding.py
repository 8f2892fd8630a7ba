"""Convolutions with TensorFlow's padding `SAME`, in a form that exports for images of any size.

timm pads such a convolution by an amount that it computes from the size of the image. As a formula of symbolic sizes it
grows with each layer, and the export takes minutes. ONNX has this padding as an attribute of a convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


@torch.library.custom_op("innersight::convolve_same", mutates_args=())
def convolve_same(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> torch.Tensor:
    """Convolve (N, C, H, W) images; the result has (H, W) divided by the stride, rounded up."""
    from timm.layers.conv2d_same import conv2d_same

    convolve: Any = conv2d_same
    found: torch.Tensor = convolve(images, weight, bias, tuple(stride), (0, 0), tuple(dilation), groups)
    return found


@convolve_same.register_fake
def _shape(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,  # noqa: ARG001
    stride: Sequence[int],
    dilation: Sequence[int],  # noqa: ARG001
    groups: int,  # noqa: ARG001
) -> torch.Tensor:
    rows, columns = ((side + step - 1) // step for side, step in zip(images.shape[2:], stride, strict=True))
    return images.new_empty(images.shape[0], weight.shape[0], rows, columns)


class _ConvolveSame(nn.Module):
    """Stands in for a convolution of timm with the padding `SAME`."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        found: torch.Tensor = convolve_same(
            images, layer.weight, layer.bias, list(layer.stride), list(layer.dilation), int(layer.groups)
        )
        return found


def replace_same_padding(network: nn.Module) -> None:
    """Replace the convolutions of a network whose padding is `SAME`, in place.

    Args:
        network: A network of timm.
    """
    from timm.layers.conv2d_same import Conv2dSame

    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(module, name, _ConvolveSame(child))
