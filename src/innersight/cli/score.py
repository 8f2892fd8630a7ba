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
    reference: Annotated[
        Path, typer.Argument(metavar="REF", readable=False, help="Reference image file; - for standard input.")
    ],
    distorted: Annotated[
        Path, typer.Argument(metavar="DIS", readable=False, help="Distorted image file; - for standard input.")
    ],
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER|FILE[:PATH=VALUE]...",
            help="Metric: a name from `innersight metrics`, the folder of a bundle, or a .toml or .json file. "
            ":PATH=VALUE changes a value of its configuration.",
        ),
    ] = "lite",
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
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
    from innersight.inference.scorer import Scorer
    from innersight.io.images import read_image, read_size

    # Wrong arguments are reported before the seconds that torch and a network can take.
    if map is not None:
        from innersight.report.heatmap import check_destination

        check_destination(map, (reference, distorted))
    sources = options.image_sources(reference, distorted)
    for source in sources:
        if read_size(source) is None:
            read_image(source)  # it raises the reason
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
    options.disable_tf32()
    result = scorer.score(*sources, per_layer=per_layer, map=map is not None)
    if map is not None and result.map is not None:
        from innersight.report.heatmap import draw_heatmap

        try:
            draw_heatmap(result.map, read_image(sources[1])).save(map)
        except OSError as error:
            raise ArgumentError(f"The map cannot be written to '{map}': {first_line(error)}") from error

    if as_json:
        record: dict[str, Any] = {
            "reference": str(reference),
            "distorted": str(distorted),
            "score": result.score,
            "higher_is_better": scorer.higher_is_better,
            "metric": scorer.describe(),
        }
        if result.per_layer is not None:
            record["per_layer"] = result.per_layer
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    meaning = "higher is more similar" if scorer.higher_is_better else "0 = identical, lower is more similar"
    print(f"{result.score:.6f}   ({meaning})")
    if result.per_layer is not None:
        width = max(len(name) for name in scorer.layer_names)
        for name, value in zip(scorer.layer_names, result.per_layer, strict=True):
            print(f"  {name:<{width}}  {value:.6f}")
    print(scorer.citation)
    if map is not None:
        print(f"map: {map}")
