"""`innersight score`: one pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from innersight.cli import options
from innersight.errors import ArgumentError, first_line


@options.with_changes
def score(
    *,
    reference: Annotated[Path, typer.Argument(metavar="REF", readable=False, help="Reference image file.")],
    distorted: Annotated[Path, typer.Argument(metavar="DIS", readable=False, help="Distorted image file.")],
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE[:PATH=VALUE]...",
            help="Metric: a name from `innersight metrics`, or a .toml or .json file. :PATH=VALUE changes a value of "
            "its configuration.",
        ),
    ] = "lite",
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    as_json: Annotated[
        bool,
        typer.Option("--json", metavar="", help="Print the score and the full configuration as one JSON object."),
    ] = False,
    per_layer: Annotated[
        bool,
        typer.Option(
            "--per-layer",
            metavar="",
            help="Also print the contribution to the score of each layer, and of each term without layers.",
        ),
    ] = False,
    map: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE.png", help="Also write a heat map of the differences to this file. Default: none."
        ),
    ] = None,
) -> None:
    """Score one pair of images.

    The score of a preset is 0 for identical images. Larger differences give higher scores.
    """
    from innersight.inference.scorer import read_pair, score_images
    from innersight.metrics.factory import create_metric
    from innersight.report.heatmap import check_destination, draw_heatmap

    options.disable_tf32()
    # Wrong arguments are reported before the seconds that a network takes.
    if map is not None:
        check_destination(map, (reference, distorted))
    images = read_pair(reference, distorted)
    made = create_metric(metric, weights=weights, device=device, precision=precision, changes=changes)
    result = score_images(made, *images, with_layers=per_layer, with_map=map is not None)
    if map is not None and result.map is not None:
        try:
            draw_heatmap(result.map, images[1]).save(map)
        except OSError as error:
            raise ArgumentError(f"The map cannot be written to '{map}': {first_line(error)}") from error

    if as_json:
        record: dict[str, Any] = {
            "reference": str(reference),
            "distorted": str(distorted),
            "score": result.score,
            "higher_is_better": made.higher_is_better,
            "metric": made.describe(),
        }
        if result.per_layer is not None:
            record["per_layer"] = result.per_layer
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    meaning = "higher is more similar" if made.higher_is_better else "0 = identical, lower is more similar"
    print(f"{result.score:.6f}   ({meaning})")
    if result.per_layer is not None:
        width = max(len(name) for name in made.layer_names)
        for name, value in zip(made.layer_names, result.per_layer, strict=True):
            print(f"  {name:<{width}}  {value:.6f}")
    print(made.citation)
    if map is not None:
        print(f"map: {map}")
