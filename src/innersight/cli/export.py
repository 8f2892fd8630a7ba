"""`innersight export`: a metric as ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from innersight.cli import options
from innersight.extras import needed_for


@options.with_changes
def export(
    *,
    metric: Annotated[
        str,
        typer.Argument(
            metavar="METRIC",
            help="Metric: a preset from `innersight metrics`, or a .toml or .json file. :PATH=VALUE changes a value of "
            "its configuration.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write. It must not exist.")],
    changes: dict[str, object],
    weights: options.Weights = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace the folder if it holds a bundle.")
    ] = False,
) -> None:
    """Export a metric as a bundle: ONNX graphs that score without torch.

    The bundle is compared with torch on images of up to 31 sizes, which takes one to three minutes. The command fails
    if scores, parts of layers or maps differ by more than 1e-5. Use the folder as a metric: --metric FOLDER.
    """
    with needed_for("`innersight export`"):
        import onnxscript  # noqa: F401 - the error comes before the minutes that the export takes

        from innersight.export.exporter import export_metric
        from innersight.metrics.factory import create_metric

    made = create_metric(metric, weights=weights, changes=changes)
    bundle = export_metric(made, out, overwrite=overwrite)
    check = bundle.check
    largest = check["largest_difference"].values()
    print(f"{out}: {metric}, compared with torch on {check['sizes']} sizes of images")
    print(f"largest difference: {max(item['value'] for item in largest):.1e}")
    print(f"score with: innersight score REF DIS --metric {out}")
