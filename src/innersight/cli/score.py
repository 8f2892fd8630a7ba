"""`innersight score`: one pair."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from innersight.cli import decoding, options
from innersight.errors import ArgumentError, first_line
from innersight.io.limits import DecodingLimits

if TYPE_CHECKING:
    from innersight.io.pictures import Colour


@decoding.with_limits
@options.with_changes
def score(
    *,
    reference: Annotated[
        Path, typer.Argument(metavar="REF", readable=False, help="Reference image file; - for standard input.")
    ],
    distorted: Annotated[
        Path, typer.Argument(metavar="DIS", readable=False, help="Distorted image file; - for standard input.")
    ],
    metric: options.Metric = "lite",
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    mask: options.Mask = None,
    ignore: options.Ignore = None,
    crop_border: options.CropBorder = 0,
    background: options.Background = None,
    frame: options.Frame = None,
    limits: DecodingLimits | None,
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
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            metavar="",
            help="Also print the JPEG quality and the Gaussian blur of the same reference that have this score. It "
            "takes the time of about fifteen scores.",
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

    With `lite` and a shorter side of 128 to 512 pixels, the second line gives the JPEG qualities that have this score
    on photographs of this size. --explain finds the quality for this image.
    """
    from innersight.inference.scorer import Scorer
    from innersight.io.decoder import Decoder
    from innersight.io.images import read_image, read_size
    from innersight.io.pictures import WHITE

    # Wrong arguments are reported before the seconds that torch and a network can take.
    if map is not None:
        from innersight.report.destinations import check_destination

        check_destination(map, (reference, distorted), "map", (".png",))
    region = options.region(mask, ignore, crop_border)
    shown_on = options.parse_background(background)
    decoder = None if limits is None else Decoder(limits)
    if decoder is not None and region.mask is not None:
        region = replace(region, mask=decoder.limit(region.mask))
    sources = options.image_sources(reference, distorted, frame, decoder)
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
    options.disable_tf32()
    result = scorer.score(
        *sources,
        per_layer=per_layer,
        map=map is not None,
        mask=region.mask,
        ignore=region.ignore,
        crop_border=region.crop_border,
        background=shown_on,
    )
    if result.transparent:
        which = " and the ".join(result.transparent)
        print(f"innersight: {_note(which, result.background, given=background is not None)}", file=sys.stderr)
    if map is not None and result.map is not None:
        from innersight.report.heatmap import draw_heatmap

        try:
            draw_heatmap(result.map, read_image(sources[1], background=result.background or WHITE)).save(map)
        except OSError as error:
            raise ArgumentError(f"The map cannot be written to '{map}': {first_line(error)}") from error

    explanation = None
    if explain:
        explanation = scorer.explain(
            sources[0],
            result.score,
            mask=region.mask,
            ignore=region.ignore,
            crop_border=region.crop_border,
            background=result.background or WHITE,
        )
    if as_json:
        record: dict[str, Any] = {
            "reference": str(reference),
            "distorted": str(distorted),
            "score": result.score,
            "higher_is_better": scorer.higher_is_better,
            "frame": frame,
            "region": region.describe(),
            "transparent": list(result.transparent),
            "background": None if result.background is None else list(result.background),
            "metric": scorer.describe(),
        }
        if result.per_layer is not None:
            record["per_layer"] = result.per_layer
        if explanation is not None:
            record["jpeg_equivalent"] = explanation.jpeg_equivalent
            record["blur_equivalent"] = explanation.blur_equivalent
            record["explanation"] = explanation.sentence
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    meaning = "higher is more similar" if scorer.higher_is_better else "0 = identical, lower is more similar"
    print(f"{result.score:.6f}   ({meaning})")
    if explanation is not None:
        print(explanation.sentence)
    elif result.score > 0 and region.is_everything and (size := read_size(sources[0])) is not None:
        from innersight.inference.anchors import find_anchors

        if (anchors := find_anchors(scorer.describe(), size)) is not None:
            print(anchors.sentence(result.score))
    if result.per_layer is not None:
        width = max(len(name) for name in scorer.layer_names)
        for name, value in zip(scorer.layer_names, result.per_layer, strict=True):
            print(f"  {name:<{width}}  {value:.6f}")
    print(scorer.citation)
    if map is not None:
        print(f"map: {map}")


def _note(which: str, background: Colour | None, *, given: bool) -> str:
    """Tell how transparent pixels were scored."""
    red, green, blue = (round(255 * value) for value in background or ())
    colour = {(255, 255, 255): "white", (0, 0, 0): "black"}.get((red, green, blue), f"#{red:02x}{green:02x}{blue:02x}")
    plural = "images have" if " and " in which else "image has"
    if given:
        return f"note: the {which} {plural} transparent pixels. They are scored on {colour}."
    return (
        f"note: the {which} {plural} transparent pixels. The score is the larger difference on white and on black, "
        f"here on {colour}; --background chooses one."
    )
