"""`innersight score`: one pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from innersight.errors import ArgumentError, first_line


def score(
    reference: Annotated[Path, typer.Argument(metavar="REF", readable=False, help="The original image.")],
    distorted: Annotated[
        Path, typer.Argument(metavar="DIS", readable=False, help="What became of it, of the same size.")
    ],
    metric: Annotated[str, typer.Option(help="Preset: lite or paper; `innersight metrics` describes them.")] = "lite",
    backbone: Annotated[str | None, typer.Option(help="Alias of `innersight backbones`, or any timm name.")] = None,
    features: Annotated[str | None, typer.Option(help="intermediate or embedding.")] = None,
    layers: Annotated[str | None, typer.Option(metavar="SPEC", help="all, last-4, or 0,3,-1.")] = None,
    distance: Annotated[str | None, typer.Option(metavar="NAME", help="A distance of `innersight metrics`.")] = None,
    input: Annotated[
        str | None,
        typer.Option("--input", metavar="POLICY", help="native, short=256, window=224,stride=200, or both."),
    ] = None,
    normalisation: Annotated[str | None, typer.Option(help="none or backbone (its mean and deviation).")] = None,
    position_pooling: Annotated[str | None, typer.Option(help="mean or rms, over positions.")] = None,
    layer_pooling: Annotated[str | None, typer.Option(help="sum or mean, over layers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of swd's random directions.")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", readable=False, help="Weights: safetensors, or .pth.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32 or fp64.")] = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Print each layer's distance too.")] = False,
    map: Annotated[
        Path | None, typer.Option("--map", metavar="FILE.png", help="Write a picture of where the images differ.")
    ] = None,
) -> None:
    """Score one pair of images: 0 for identical, lower is more alike."""
    import torch

    from innersight.metric.create import create_metric
    from innersight.report.heatmap import check_destination, draw_heatmap
    from innersight.scoring.pair import read_pair, score_images

    # By default convolutions on CUDA round their input to TF32's 10 bits; a process of our own may say no to that.
    torch.backends.cudnn.allow_tf32 = False
    # What can be wrong is found before the seconds that a network takes.
    if map is not None:
        check_destination(map, (reference, distorted))
    images = read_pair(reference, distorted)
    given: dict[str, Any] = {
        "backbone": backbone,
        "features": features,
        "layers": layers,
        "distance": distance,
        "input": input,
        "normalisation": normalisation,
        "position_pooling": position_pooling,
        "layer_pooling": layer_pooling,
        "seed": seed,
    }
    overrides = {field: value for field, value in given.items() if value is not None}
    ready = create_metric(metric, weights=weights, device=device, precision=precision, **overrides)
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
        for index, value in zip(ready.layers, result.per_layer, strict=True):
            print(f"  layer {index:>2}  {value:.6f}")
    print(ready.citation)
    if map is not None:
        print(f"map: {map}")
