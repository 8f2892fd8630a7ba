"""The graphs have the documented inputs and outputs, operators of ONNX alone, and refuse what torch cannot export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.export.graphs import Graphs
from innersight.export.modules import view_graphs
from innersight.export.sizes import OPSET


@pytest.fixture(scope="module")
def graphs(vit_weights: Path) -> Graphs:
    metric = innersight.create_metric(
        "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="window=64,stride=48", layers=(1,)
    )
    assert isinstance(metric, innersight.FeatureMetric)
    return Graphs(view_graphs(metric))


def axes_of(value: object) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]  # type: ignore[attr-defined]


@pytest.mark.thorough
def test_inputs_and_outputs_are_those_of_the_page_on_bundles(graphs: Graphs) -> None:
    assert graphs.names == ("main.layer_1",)
    assert graphs.shapes == {"main.layer_1": ["windows", 17, 192]}
    extract = graphs.extract().graph
    assert {value.name: axes_of(value) for value in extract.input} == {
        "image": [1, 3, "height", "width"],
        "first_window": [1],
        "window_count": [1],
    }
    assert [value.name for value in extract.output] == ["main.layer_1"]
    compare = graphs.compare().graph
    assert [value.name for value in compare.input] == ["reference.main.layer_1", "distorted.main.layer_1"]
    assert [value.name for value in compare.output] == ["score", "per_layer"]
    assert graphs.has_map
    shown = graphs.map().graph
    assert [value.name for value in shown.input] == ["reference.main.layer_1", "distorted.main.layer_1", "size"]
    assert [value.name for value in shown.output] == ["map"]


@pytest.mark.thorough
def test_the_graphs_use_operators_of_one_set_and_hold_no_notes_of_the_exporter(graphs: Graphs) -> None:
    model = graphs.extract()
    assert {item.domain: item.version for item in model.opset_import} == {"": OPSET}
    assert {node.domain for node in model.graph.node} == {""}
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert len(model.functions) == 0


def test_an_operation_that_torch_cannot_export_is_named_in_one_line(
    graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(graphs.views[0].comparison), "score", lambda self, r, d: torch.linalg.eigvals(torch.eye(3)).real.sum()[None] + r.tensors["layer 1"].sum()
    )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"the graph Compare failed: .+ Use the metric with torch\.") as error:
        graphs.compare()
    assert "\n" not in str(error.value)
