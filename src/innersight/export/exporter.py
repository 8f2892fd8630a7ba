"""Export of a metric as a bundle, with a check of the result."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from innersight._version import __version__
from innersight.bundles.bundle import Bundle, digest_of
from innersight.bundles.description import DESCRIPTION, FORMAT, GRAPHS
from innersight.errors import ArgumentError
from innersight.export.check import SIZES, check_bundle
from innersight.export.graphs import Graphs
from innersight.export.modules import view_graphs
from innersight.export.sizes import OPSET
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.description import cite_configuration, describe
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.serialization import config_to_dict
from innersight.provenance import version_of

_EXPORTERS = ("torch", "timm", "onnx", "onnxscript")


def export_metric(metric: FullReferenceMetric, out: str | Path, *, overwrite: bool = False) -> Bundle:
    """Export a metric as a bundle: ONNX graphs that need no torch.

    The bundle is compared with torch on images of many sizes, see `innersight.export.check`. The folder appears only
    if all agree.

    Args:
        metric: A metric that `innersight.create_metric` made, in float32 on the CPU.
        out: The folder to write.
        overwrite: Replace the folder if it holds a bundle. Default: False.

    Returns:
        The bundle.

    Raises:
        ArgumentError: If the metric cannot be exported, the folder exists, or the bundle and torch differ by more than
            1e-5. The message names the worst case.
    """
    out = Path(out)
    metric = _check_metric(metric)
    _check_folder(out, overwrite=overwrite)
    graphs = Graphs(view_graphs(metric))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        models = {GRAPHS[0]: graphs.extract, GRAPHS[1]: graphs.compare}
        if graphs.has_map:
            models[GRAPHS[2]] = graphs.map
        if graphs.accepts_mask:
            models[GRAPHS[3]] = graphs.compare_masked
        for name, make in models.items():
            (folder / name).write_bytes(make().SerializeToString(deterministic=True))
        description = _describe(metric, graphs, folder)
        _write(folder, description)
        description["check"] = check_bundle(Bundle.load(folder), metric, SIZES)
        _write(folder, description)
        _move(folder, out)
    return Bundle.load(out)


def _check_metric(metric: FullReferenceMetric) -> FeatureMetric:
    if not isinstance(metric, FeatureMetric):
        raise ArgumentError(
            f"Argument `metric` must be a metric of features, but {metric.name} is a metric of another library, which "
            "has no configuration: use it with torch."
        )
    if metric.device.type != "cpu" or metric.precision != "float32":
        raise ArgumentError(
            f"Argument `metric` must compute in float32 on the CPU, but got {metric.precision} on {metric.device}: "
            "make it with precision='fp32', device='cpu'."
        )
    windows = [comparison.extractor.window for comparison in metric.comparisons]
    if len(windows) > 1 and any(windows):
        raise ArgumentError(
            f"Argument `metric`: {metric.name} has several views and sliding windows, which a bundle cannot hold: use "
            "one view, or views without windows."
        )
    return metric


def _check_folder(out: Path, *, overwrite: bool) -> None:
    if out.is_dir() and not any(out.iterdir()):
        return
    if not out.exists():
        return
    if not overwrite or not (out / DESCRIPTION).is_file():
        raise ArgumentError(f"Argument `out`: '{out}' exists. Use another folder, or --overwrite to replace a bundle.")


def _move(folder: Path, out: Path) -> None:
    """Put the files of a bundle in their place. Other files of the folder, such as a notice, stay."""
    out.mkdir(exist_ok=True)
    for name in (*GRAPHS, DESCRIPTION):
        (out / name).unlink(missing_ok=True)
    for file in folder.iterdir():
        file.rename(out / file.name)


def _describe(metric: FeatureMetric, graphs: Graphs, folder: Path) -> dict[str, Any]:
    record = describe(metric.config, metric.comparisons)
    del record["versions"]
    return {
        "format": FORMAT,
        "name": metric.name,
        "citation": cite_configuration(metric.config, metric.comparisons),
        "configuration": config_to_dict(metric.config),
        "description": record,
        "views": [
            {
                "name": view.name,
                "input": str(view.comparison.extractor.view.input),
                "multiple": view.comparison.extractor.backbone.multiple,
            }
            for view in graphs.views
        ],
        "features": [{"name": name, "axes": graphs.shapes[name]} for name in graphs.names],
        "layer_names": list(metric.layer_names),
        "opset": OPSET,
        "files": {name: digest_of(folder / name) for name in GRAPHS if (folder / name).is_file()},
        "versions": {"innersight": __version__, **{name: version_of(name) for name in _EXPORTERS}},
    }


def _write(folder: Path, description: dict[str, Any]) -> None:
    text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
