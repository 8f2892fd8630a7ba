"""The graphs of a bundle: torch's export of the modules, with the nodes that compute sizes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from innersight.errors import ArgumentError, first_line
from innersight.export.modules import Compare, CompareMasked, Extract, Map, ViewGraph
from innersight.export.sizes import COUNT, FIRST, IMAGE, IMAGE_SIZE_NAMES, OPSET, SIZE, SizeNodes, size_names
from innersight.export.translations import translations

SCORE, PER_LAYER, MAP = "score", "per_layer", "map"
"""Names of the outputs of the graphs `compare` and `map`."""

_EXAMPLE = (431, 582)
"""(height, width) of the image of the export. No side of its features is equal to another, or 1."""


class Graphs:
    """Makes the graphs of a metric.

    Args:
        views: The views of the metric, ready for export.

    Attributes:
        names: The names of the features, in the order of the outputs of the graph `extract`.
        shapes: For each feature its axes: a number, or a name where the length depends on the image.
    """

    def __init__(self, views: Sequence[ViewGraph]) -> None:
        self.views = views
        self.names = tuple(name for view in views for name in view.names)
        self._windowed = any(view.window is not None for view in views)
        self._draw = torch.Generator().manual_seed(0)
        self._sizes = [vector for view in views for vector in self._example_sizes(view)]
        self._size_names = [name for view in views for name in size_names(view)]
        self._extract = Extract(views).eval()
        with torch.no_grad():
            self._features = self._extract(torch.rand(1, 3, *_EXAMPLE, generator=self._draw), *self._sizes)
        self.shapes = {name: self._axes(name, found) for name, found in zip(self.names, self._features, strict=True)}

    @property
    def has_map(self) -> bool:
        """Whether a term has a map."""
        return any(view.comparison.map_terms for view in self.views)

    def extract(self) -> Any:
        """Export the graph from the image, and the choice of windows, to the features."""
        image = torch.rand(1, 3, *_EXAMPLE, generator=self._draw)
        axes = [{2: _dim("height"), 3: _dim("width")}, *self._size_axes()]
        model = _export(self._extract, (image, *self._sizes), axes, [IMAGE, *self._size_names], self.names)
        nodes = SizeNodes(choose_windows=self._windowed)
        nodes.of_views(nodes.of_image(), self.views, image_size=False)
        return _joined(model, nodes, self._size_names, {FIRST: 1, COUNT: 1} if self._windowed else {})

    def compare(self) -> Any:
        """Export the graph from the features of both images to the score and the parts of the layers."""
        module = Compare(self.views, self._prefixes())
        axes = [self._feature_axes(name) for name in self.names] * 2
        return _export(module, self._both_sides(), axes, self._side_names(), [SCORE, PER_LAYER])

    @property
    def accepts_mask(self) -> bool:
        """Whether all terms can be limited to a mask."""
        return not any(view.comparison.terms_without_mask for view in self.views)

    def compare_masked(self) -> Any:
        """Export the graph from the features of both images and the weights of a mask to what `compare` returns."""
        module = CompareMasked(self.views, self._prefixes())
        weights = [self._weights_like(found) for found in self._features]
        windows = torch.rand(self._features[0].shape[0], generator=self._draw)
        axes = [self._feature_axes(name) for name in self.names] * 2
        for name in self.names:
            own = self._feature_axes(name)
            # The axis of channels is left out: the last of tokens, the second of maps.
            axes.append(own if len(self.shapes[name]) == 3 else {max(0, index - 1): dim for index, dim in own.items()})
        axes.append({0: _dim("windows")} if self._windowed else {})
        names = [*self._side_names(), *(f"weights.{name}" for name in self.names), "windows"]
        return _export(module, (*self._both_sides(), *weights, windows), axes, names, [SCORE, PER_LAYER])

    def _weights_like(self, features: torch.Tensor) -> torch.Tensor:
        shape = features.shape[:2] if features.ndim == 3 else (features.shape[0], *features.shape[2:])
        return torch.rand(shape, generator=self._draw)

    def map(self) -> Any:
        """Export the graph from the features of both images and the size of the images to the map."""
        module = Map(self.views, self._prefixes())
        vectors = [torch.zeros(length) for length in _EXAMPLE]
        axes = [self._feature_axes(name) for name in self.names] * 2
        axes += [{0: _dim("height")}, {0: _dim("width")}, *self._size_axes()]
        inputs = [*self._both_sides(), *vectors, *self._sizes]
        names = [*self._side_names(), *IMAGE_SIZE_NAMES, *self._size_names]
        model = _export(module, tuple(inputs), axes, names, [MAP], exact_interpolation=True)
        nodes = SizeNodes(choose_windows=False)
        nodes.of_views(SIZE, self.views, image_size=True)
        return _joined(model, nodes, [*IMAGE_SIZE_NAMES, *self._size_names], {SIZE: 2})

    def _side_names(self) -> list[str]:
        return [f"{side}.{name}" for side in ("reference", "distorted") for name in self.names]

    def _both_sides(self) -> tuple[torch.Tensor, ...]:
        # The exporter takes one tensor that is passed twice for one input.
        return (*self._features, *(feature.clone() for feature in self._features))

    def _prefixes(self) -> list[int | None]:
        """Count the tokens without a position of each view; None for a view without tokens."""
        found: list[int | None] = []
        features = dict(zip(self.names, self._features, strict=True))
        for view in self.views:
            extractor, layers = view.comparison.extractor, view.comparison.layers
            if extractor.source.kind != "tokens" or not layers:
                found.append(None)
                continue
            height, width = self._shown(view)
            multiple = extractor.backbone.multiple
            found.append(features[view.names[0]].shape[1] - (height // multiple) * (width // multiple))
        return found

    def _shown(self, view: ViewGraph) -> tuple[int, int]:
        """Return the (height, width) of the example as the network gets it."""
        if view.window is not None:
            return view.window, view.window
        return view.comparison.extractor.prepared_size(*_EXAMPLE)

    def _example_sizes(self, view: ViewGraph) -> list[torch.Tensor]:
        extractor = view.comparison.extractor
        height, width = extractor.prepared_size(*_EXAMPLE)
        vectors = [torch.zeros(height), torch.zeros(width)]
        grid = extractor.grid(height, width)
        if grid is not None:
            first = torch.tensor(grid.corners)
            within = torch.arange(grid.window)
            vectors += [first[:, :1] + within, first[:, 1:] + within]
        return vectors

    def _size_axes(self) -> list[dict[int, Any]]:
        found: list[dict[int, Any]] = []
        for view in self.views:
            policy = view.comparison.extractor.view.input
            multiple = view.comparison.extractor.backbone.multiple if policy.window is None else 1
            names = ("height", "width") if policy.short_side is None else (f"{view.name}_rows", f"{view.name}_columns")
            found += [{0: _dim(name) if multiple == 1 else multiple * _dim(name)} for name in names]
            if view.window is not None:
                found += [{0: _dim("windows")}] * 2
        return found

    def _axes(self, name: str, features: torch.Tensor) -> list[int | str]:
        view = next(view for view in self.views if name in view.names)
        plain = name.replace(".", "_")
        axes: list[int | str] = list(features.shape)
        if view.window is not None:
            axes[0] = "windows"
        elif features.ndim == 3:
            axes[1] = f"{view.name}_tokens"
        else:
            axes[2:] = [f"{plain}_rows", f"{plain}_columns"]
        return axes

    def _feature_axes(self, name: str) -> dict[int, Any]:
        return {index: _dim(axis) for index, axis in enumerate(self.shapes[name]) if isinstance(axis, str)}


def _dim(name: str) -> Any:
    return torch.export.Dim(name)


def _export(
    module: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    axes: Sequence[dict[int, Any]],
    names: Sequence[str],
    outputs: Sequence[str],
    *,
    exact_interpolation: bool = False,
) -> Any:
    """Export a module with torch.

    Returns:
        The model, with its weights inside.

    Raises:
        ArgumentError: If torch cannot export an operation of the metric.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter about its own parts
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                module.eval(),
                inputs,
                dynamo=True,
                dynamic_shapes=(tuple(axes),),
                input_names=list(names),
                output_names=list(outputs),
                opset_version=OPSET,
                custom_translation_table=translations(exact_interpolation=exact_interpolation),
                verbose=False,
            )
        except (torch.onnx.OnnxExporterError, RuntimeError, NotImplementedError) as error:
            reason = first_line(error.__cause__ or error)
            raise ArgumentError(
                f"Argument `metric` must be a metric that torch can export, but the graph {type(module).__name__} "
                f"failed: {reason} Use the metric with torch."
            ) from error
    if program is None:
        raise ArgumentError("Argument `metric` must be a metric that torch can export. Use the metric with torch.")
    return _without_traces(program.model_proto)


def _without_traces(model: Any) -> Any:
    """Drop what the exporter notes on its own work: stack traces with paths, and the formulas of inner sizes."""
    graph = model.graph
    del graph.value_info[:]
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    return model


def _joined(model: Any, sizes: SizeNodes, computed: Sequence[str], inputs: dict[str, int]) -> Any:
    """Put nodes before those of a model. They compute some of its inputs; their own inputs are int64 vectors."""
    from onnx import TensorProto, helper

    graph = model.graph
    nodes = [*sizes.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    kept = [value for value in graph.input if value.name not in computed]
    kept += [helper.make_tensor_value_info(name, TensorProto.INT64, [length]) for name, length in inputs.items()]
    del graph.input[:]
    graph.input.extend(kept)
    return model
