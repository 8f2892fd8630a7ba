"""Nodes of ONNX that compute sizes and window positions from the size of an image.

They compute what `innersight.preprocess.input_policy` computes in Python. The exporter puts them before the nodes of
`innersight.export.modules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from innersight.export.modules import ViewGraph

OPSET = 20
"""Version of the operators of ONNX that bundles use."""

IMAGE, FIRST, COUNT, SIZE = "image", "first_window", "window_count", "size"
"""Names of the inputs of graphs: the image, the choice of windows, and the size of the image as (height, width)."""

IMAGE_SIZE_NAMES = ("size.rows", "size.columns")
"""Names of the vectors that are as long as the rows and columns of the image."""


def size_names(view: ViewGraph) -> tuple[str, ...]:
    """Return the names of the inputs of `Extract` that the nodes of a view compute."""
    names = (f"size.{view.name}.rows", f"size.{view.name}.columns")
    return names if view.window is None else (*names, f"size.{view.name}.row_index", f"size.{view.name}.column_index")


class SizeNodes:
    """Makes the nodes.

    Args:
        choose_windows: Whether the inputs `first_window` and `window_count` choose windows. Otherwise all are used.

    Attributes:
        nodes: The nodes, in order.
    """

    def __init__(self, *, choose_windows: bool) -> None:
        self.nodes: list[Any] = []
        self._choose = choose_windows

    def of_image(self) -> str:
        """Compute the size of the input `image`."""
        return self._add("Shape", IMAGE, start=2, end=4)

    def of_views(self, size: str, views: Sequence[ViewGraph], *, image_size: bool) -> None:
        """Compute the sizes of views.

        Args:
            size: The name of a vector with the height and width of the image.
            views: The views.
            image_size: Whether to compute the vectors `IMAGE_SIZE_NAMES` too.
        """
        height, width = (self._add("Gather", size, self._constant(index)) for index in (0, 1))
        if image_size:
            for side, name in zip((height, width), IMAGE_SIZE_NAMES, strict=True):
                self._add("ConstantOfShape", side, name=name)
        for view in views:
            self._view(view, height, width)

    def _view(self, view: ViewGraph, height: str, width: str) -> None:
        policy = view.comparison.extractor.view.input
        sides = [height, width]
        if policy.short_side is not None:
            multiple = view.comparison.extractor.backbone.multiple if policy.window is None else 1
            half = self._add("Mul", self._add("Min", height, width), self._constant(multiple))
            divisor = self._add("Mul", half, self._constant(2))
            for index, side in enumerate(sides):
                scaled = self._add("Mul", side, self._constant(2 * policy.short_side))
                patches = self._add("Div", self._add("Add", scaled, half), divisor)
                sides[index] = self._add("Mul", self._add("Max", patches, self._constant(1)), self._constant(multiple))
        names = size_names(view)
        for side, name in zip(sides, names[:2], strict=True):
            self._add("ConstantOfShape", side, name=name)
        if policy.window is not None and policy.stride is not None:
            self._windows(sides, policy.window, policy.stride, names[2:])

    def _windows(self, sides: Sequence[str], window: int, stride: int, names: Sequence[str]) -> None:
        starts, counts = [], []
        for side in sides:
            # The windows start at 0, stride, 2 stride, and so on below the last start, and at the last start.
            last = self._add("Sub", side, self._constant(window))
            steps = self._add("Div", self._add("Add", last, self._constant(stride - 1)), self._constant(stride))
            counts.append(self._add("Add", steps, self._constant(1)))
            regular = self._add("Mul", self._range(counts[-1]), self._constant(stride))
            starts.append(self._add("Min", regular, last))
        index = self._range(self._add("Mul", *counts))
        if self._choose:
            index = self._add("Slice", index, FIRST, self._add("Add", FIRST, COUNT), self._constant(0))
        row = self._add("Div", index, counts[1])
        column = self._add("Sub", index, self._add("Mul", row, counts[1]))
        within = self._range(self._constant(window))
        for start, chosen, name in zip(starts, (row, column), names, strict=True):
            first = self._add("Unsqueeze", self._add("Gather", start, chosen), self._constant(1))
            self._add("Add", first, within, name=name)

    def _range(self, length: str) -> str:
        """Return 0, 1, and so on below a length, which is a vector of one number."""
        zero, one, scalar = (self._add("Squeeze", vector) for vector in (self._constant(0), self._constant(1), length))
        return self._add("Range", zero, scalar, one)

    def _constant(self, number: int) -> str:
        return self._add("Constant", value_ints=[number])

    def _add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        output = name or f"size.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"node.{output}", **attributes))
        return output
