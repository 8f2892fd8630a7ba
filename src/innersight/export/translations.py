"""Operations of torch that the exporter translates to ONNX in a way of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

_SQUARED = (2, 4, 8, 16)
"""Exponents of powers that are computed by squaring."""


def translations(*, exact_interpolation: bool = False) -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return the argument `custom_translation_table` of torch's exporter.

    Args:
        exact_interpolation: Whether images are interpolated at the coordinates that torch computes. Resize of ONNX
            Runtime rounds them in another way, by up to 1e-4 of a pixel of a large image, and is three times as fast.
            Default: False.
    """
    from onnxscript import opset20

    op: Any = opset20  # its types do not allow the values that torch's exporter passes

    def convolution(
        images: Any,
        weight: Any,
        bias: Any = None,
        stride: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        groups: int = 1,
    ) -> Any:
        return op.Conv(
            images, weight, bias, auto_pad="SAME_UPPER", strides=list(stride), dilations=list(dilation), group=groups
        )

    def log1p(values: Any) -> Any:
        # log(1 + x) loses the digits of a small x in the sum. The factor x / ((1 + x) - 1) restores them
        # (Goldberg, What every computer scientist should know about floating-point arithmetic, theorem 4).
        one = op.Constant(value_float=1.0)
        raised = op.Add(one, values)
        rounded = op.Sub(raised, one)
        lost = op.Equal(rounded, op.Constant(value_float=0.0))
        exact = op.Div(op.Mul(values, op.Log(raised)), op.Where(lost, one, rounded))
        return op.Where(lost, values, exact)

    def power(values: Any, exponent: float) -> Any:
        # Pow of ONNX Runtime is slow, since it allows any exponent for each value.
        if exponent not in _SQUARED:
            return op.Pow(values, op.Constant(value_float=float(exponent)))
        for _ in range(int(math.log2(exponent))):
            values = op.Mul(values, values)
        return values

    def interpolate(images: Any, output_size: Any, align_corners: bool, scale_factors: Any = None) -> Any:  # noqa: ARG001 - the package uses sizes, without aligned corners
        if not exact_interpolation:
            kept, size = op.Shape(images, start=0, end=2), op.Gather(output_size, op.Constant(value_ints=[0, 1]))
            return op.Resize(images, None, None, op.Concat(kept, size, axis=0), mode="linear")
        for axis in (2, 3):
            images = _interpolate_axis(op, images, op.Gather(output_size, op.Constant(value_ints=[axis - 2])), axis)
        return images

    return {
        torch.ops.innersight.convolve_same.default: convolution,
        torch.ops.aten.log1p.default: log1p,
        torch.ops.aten.pow.Tensor_Scalar: power,
        torch.ops.aten.upsample_bilinear2d.vec: interpolate,
    }


def _interpolate_axis(op: Any, images: Any, length: Any, axis: int) -> Any:
    """Interpolate (N, C, H, W) images along an axis, with the coordinates that torch computes."""
    from onnx import TensorProto

    before = op.Shape(images, start=axis, end=axis + 1)
    scale = op.Div(op.Cast(before, to=TensorProto.FLOAT), op.Cast(length, to=TensorProto.FLOAT))
    number = op.Range(op.Constant(value_int=0), op.Squeeze(length), op.Constant(value_int=1))
    # torch fuses the multiplication and the subtraction, so the product keeps all its digits.
    half = op.Cast(op.Constant(value_float=0.5), to=TensorProto.DOUBLE)
    centre = op.Add(op.Cast(number, to=TensorProto.DOUBLE), half)
    position = op.Cast(op.Sub(op.Mul(centre, op.Cast(scale, to=TensorProto.DOUBLE)), half), to=TensorProto.FLOAT)
    position = op.Max(position, op.Constant(value_float=0.0))
    first = op.Cast(position, to=TensorProto.INT64)
    second = op.Min(op.Add(first, op.Constant(value_int=1)), op.Sub(before, op.Constant(value_int=1)))
    share = op.Sub(position, op.Cast(first, to=TensorProto.FLOAT))
    if axis == 2:
        share = op.Unsqueeze(share, op.Constant(value_ints=[1]))
    near = op.Mul(op.Gather(images, first, axis=axis), op.Sub(op.Constant(value_float=1.0), share))
    return op.Add(near, op.Mul(op.Gather(images, second, axis=axis), share))
