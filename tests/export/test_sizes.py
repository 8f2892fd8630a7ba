"""The graph computes the sizes and windows of `preprocess.input_policy`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from innersight.errors import ArgumentError
from innersight.export.sizes import COUNT, FIRST, IMAGE_SIZE_NAMES, OPSET, SIZE, SizeNodes, size_names
from innersight.preprocess.input_policy import InputPolicy

SIDES = st.integers(1, 3000)


def view_of(policy: InputPolicy, multiple: int = 1) -> Any:
    """Return what `SizeNodes` reads of a view."""
    extractor = SimpleNamespace(view=SimpleNamespace(input=policy), backbone=SimpleNamespace(multiple=multiple))
    return SimpleNamespace(name="main", window=policy.window, comparison=SimpleNamespace(extractor=extractor))


def run(view: Any, height: int, width: int, first: int = 0, count: int = 10**9) -> list[np.ndarray]:
    """Run the nodes alone."""
    nodes = SizeNodes(choose_windows=True)
    nodes.of_views(SIZE, [view], image_size=True)
    vector = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [n]) for name, n in ((SIZE, 2), (FIRST, 1), (COUNT, 1))
    ]
    outputs = [*IMAGE_SIZE_NAMES, *size_names(view)]
    types = [TensorProto.INT64 if name.endswith("index") else TensorProto.FLOAT for name in outputs]
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(outputs, types, strict=True)]
    graph = helper.make_graph(nodes.nodes, "sizes", vector, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    given = {SIZE: np.array([height, width]), FIRST: np.array([first]), COUNT: np.array([count])}
    wanted = {value.name for value in session.get_inputs()}
    return session.run(outputs, {name: value for name, value in given.items() if name in wanted})


@settings(max_examples=60)
@given(SIDES, SIDES, st.integers(1, 500), st.sampled_from([1, 14, 16]))
def test_the_resized_size_is_that_of_the_policy(height: int, width: int, short: int, multiple: int) -> None:
    policy = InputPolicy(short_side=short)
    try:
        expected = policy.prepared_size(height, width, multiple)
    except ArgumentError:  # too long, see `Bundle.check_size`
        assume(False)
    image_rows, image_columns, rows, columns = run(view_of(policy, multiple), height, width)
    assert (len(image_rows), len(image_columns)) == (height, width)
    assert (len(rows), len(columns)) == expected


@settings(max_examples=60)
@given(st.data(), st.integers(1, 60), st.integers(1, 500), st.integers(1, 500))
def test_the_windows_are_those_of_the_policy_in_their_order(
    data: st.DataObject, window: int, more_height: int, more_width: int
) -> None:
    policy = InputPolicy(window=window, stride=data.draw(st.integers(1, window)))
    height, width = window + more_height - 1, window + more_width - 1
    grid = policy.grid(height, width, "main")
    assert grid is not None
    assume(len(grid) < 5000)
    first = data.draw(st.integers(0, len(grid) - 1))
    count = data.draw(st.integers(1, len(grid)))
    rows, columns = run(view_of(policy), height, width, first, count)[-2:]
    expected = grid.corners[first : first + count]
    assert [(int(r[0]), int(c[0])) for r, c in zip(rows, columns, strict=True)] == list(expected)
    assert all((r == r[0] + np.arange(window)).all() for r in (*rows, *columns))


def test_a_count_above_all_windows_gives_all() -> None:
    rows, _ = run(view_of(InputPolicy(window=10, stride=5)), 20, 20)[-2:]
    assert rows.shape == (9, 10)
