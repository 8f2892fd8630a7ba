"""`innersight score`: one pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from innersight.cli import options
from innersight.errors import ArgumentError, first_line


@options.with_fields
def score(
    *,
    reference: Annotated[Path, typer.Argument(metavar="REF", readable=False, help="The original image.")],
    distorted: Annotated[Path, typer.Argument(metavar="DIS", readable=False, help="What became of it.")],
    metric: Annotated[
        str, typer.Option(help="Preset: lite, vit, best or paper; `innersight metrics` describes them.")
    ] = "lite",
    fields: dict[str, Any],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Print each layer's part of the score too.")] = False,
    map: Annotated[
        Path | None, typer.Option("--map", metavar="FILE.png", help="Write a picture of where the images differ.")
    ] = None,
) -> None:
    """Score one pair of images: 0 for identical, lower is more alike."""
    from innersight.inference.scorer import read_pair, score_images
    from innersight.metrics.create import create_metric
    from innersight.report.heatmap import check_destination, draw_heatmap

    options.compute_exactly()
    # What can be wrong is found before the seconds that a network takes.
    if map is not None:
        check_destination(map, (reference, distorted))
    images = read_pair(reference, distorted)
    ready = create_metric(metric, weights=weights, device=device, precision=precision, **fields)
    result = score_images(ready, *images, with_layers=per_layer, with_map=map is not None)
    if map is not None and result.map is not None:
        try:
            draw_heatmap(result.map, images[1]).save(map)
        except OSError as error:
            raise ArgumentError(f"The map can't be written to '{map}': {first_line(error)}") from error

    if as_json:
        record: dict[str, Any] = {
            "reference": str(reference),
            "distorted": str(distorted),
            "score": result.score,
            "higher_is_better": ready.higher_is_better,
            "metric": ready.describe(),
        }
        if result.per_layer is not None:
            record["per_layer"] = result.per_layer
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    print(f"{result.score:.6f}   (0 = identical, lower is more alike)")
    if result.per_layer is not None:
        width = max(len(name) for name in ready.layer_names)
        for name, value in zip(ready.layer_names, result.per_layer, strict=True):
            print(f"  {name:<{width}}  {value:.6f}")
    print(ready.citation)
    if map is not None:
        print(f"map: {map}")
