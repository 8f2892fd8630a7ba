"""`innersight plot`: figures for papers."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from innersight.cli import options, score_table
from innersight.errors import ArgumentError, unknown_name

if TYPE_CHECKING:
    from innersight.datasets.dataset import Direction

app = typer.Typer(help="Draw figures for papers: PDF, SVG or PNG files.", no_args_is_help=True)

_INCHES = {"in": 1.0, "mm": 1 / 25.4}
_Rows = Sequence[tuple[int, Mapping[str, Any]]]

Out = Annotated[
    Path, typer.Option(metavar="FILE", readable=False, help="File of the figure: .pdf, .svg or .png. It is replaced.")
]
Width = Annotated[
    str,
    typer.Option(
        metavar="LENGTH",
        help="Width of the figure, 2in to 20in, such as 3.5in or 89mm. 3.5in is one column of a paper, 7.16in are two.",
    ),
]
OpinionDirection = Annotated[
    str | None,
    typer.Option(
        metavar="DIRECTION",
        help="Direction of the opinions: higher-is-better (MOS) or lower-is-better (DMOS). Default: the column "
        "opinion_direction of the table. Needed if there is none.",
    ),
]


@app.command()
def scatter(
    scores: score_table.Table,
    out: Out,
    opinion_direction: OpinionDirection = None,
    score: score_table.Score = "score",
    opinion: score_table.Opinion = "opinion",
    score_direction: score_table.ScoreDirection = "lower-is-better",
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the distortion types. Each has a colour and a marker. Default: kind, if the table has it "
            "and it has at most 28 different values.",
        ),
    ] = None,
    score_label: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Label of the horizontal axis. Default: the column of the scores."),
    ] = None,
    opinion_label: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Label of the vertical axis. Default: the column of the opinions."),
    ] = None,
    width: Width = "3.5in",
) -> None:
    """Draw opinions against scores, with a logistic fit, SRCC, and PLCC after the fit."""
    from innersight.datasets.dataset import DIRECTIONS
    from innersight.report.figures.output import check_figure, save_figure
    from innersight.report.figures.scatter import MAX_KINDS, draw_scatter

    check_figure(out, [scores])
    inches = parse_length(width)
    if score_direction not in DIRECTIONS:
        raise unknown_name("--score-direction", score_direction, DIRECTIONS)
    rows = _read(scores, [column for column in (score, opinion, kind) if column is not None])
    direction = _direction(scores, rows, opinion_direction)
    values, opinions = _numbers(scores, score, rows), _numbers(scores, opinion, rows)
    kinds = None
    if kind is not None or _has(rows, "kind"):
        kinds = [str(row[kind or "kind"]) for _, row in rows]
        count = len(set(kinds))
        if kind is None and count > MAX_KINDS:
            print(f"innersight: note: the column kind has {count} values; all rows have one colour.", file=sys.stderr)
            kinds = None
    figure = draw_scatter(
        values,
        opinions,
        opinion_direction=direction,
        score_direction=score_direction,
        kinds=kinds,
        score_label=score.removeprefix("score_") if score_label is None else score_label,
        opinion_label=opinion if opinion_label is None else opinion_label,
        width=inches,
    )
    save_figure(figure, out)
    _report(out, len(rows), _drawn([values, opinions]))


@app.command()
def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            readable=False,
            help="Files results.json of `innersight bench`, one for each data set.",
        ),
    ],
    out: Out,
    statistic: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Statistic: srcc, plcc, krcc, plcc_logistic4, rmse_logistic4, plcc_logistic5 or rmse_logistic5.",
        ),
    ] = "srcc",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Metric of the results, from top to bottom. Repeatable. Default: all, in the order of the results.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Title of each data set. Repeatable, once for each file. Default: the name of the data set, or the "
            "name of the folder if two names are equal.",
        ),
    ] = None,
    width: Width = "3.5in",
) -> None:
    """Draw a statistic of several metrics with its 95 % intervals, in one panel for each data set."""
    from innersight.report.figures.compare import ComparedSet, draw_compare, read_results
    from innersight.report.figures.output import check_figure, save_figure

    check_figure(out, results)
    inches = parse_length(width)
    if label is not None and len(label) != len(results):
        raise ArgumentError(
            f"Option --label must be given once for each of the {len(results)} files, but is given {len(label)} times."
        )
    sets = [read_results(path) for path in results]
    names = [each.name for each in sets]
    if len(set(names)) < len(names):
        names = [path.resolve().parent.name for path in results]
    titled = [
        ComparedSet(name, each.estimates) for name, each in zip(names if label is None else label, sets, strict=True)
    ]
    save_figure(draw_compare(titled, statistic=statistic, metrics=metric, width=inches), out)
    print(f"figure: {out}")


@app.command()
def layers(
    scores: score_table.Table,
    out: Out,
    opinion_direction: OpinionDirection = None,
    parts: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the parts of the layers, which --per-layer writes.")
    ] = "per_layer",
    opinion: score_table.Opinion = "opinion",
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the reference images, for intervals over references. Default: reference, if the table has "
            "it, else intervals are over rows.",
        ),
    ] = None,
    resamples: score_table.Resamples = 1000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the resamples.")] = 0,
    width: Width = "3.5in",
) -> None:
    """Draw the SRCC of the part of each layer alone against the layer.

    The table is `scores.csv` of `innersight bench --per-layer`, or an output of `innersight batch --per-layer` whose
    list has a column of opinions.
    """
    from innersight.report.figures.layers import draw_layers
    from innersight.report.figures.output import check_figure, save_figure

    check_figure(out, [scores])
    inches = parse_length(width)
    rows = _read(scores, [column for column in (parts, opinion, reference) if column is not None])
    direction = _direction(scores, rows, opinion_direction)
    values = [score_table.read_parts(scores, line, parts, row) for line, row in rows]
    opinions = _numbers(scores, opinion, rows)
    whole = parts.replace("per_layer", "score", 1)
    named = reference or ("reference" if _has(rows, "reference") else None)
    figure = draw_layers(
        values,
        opinions,
        opinion_direction=direction,
        names=_names(scores, parts),
        scores=_numbers(scores, whole, rows) if whole != parts and _has(rows, whole) else None,
        references=None if named is None else [str(row[named]) for _, row in rows],
        resamples=resamples,
        seed=seed,
        width=inches,
    )
    save_figure(figure, out)
    _report(out, len(rows), _drawn([[None if row is None else 0.0 for row in values], opinions]))


@app.command("map")
@options.with_changes
def map_(
    *,
    reference: Annotated[
        Path, typer.Argument(metavar="REF", readable=False, help="Reference image file; - for standard input.")
    ],
    distorted: Annotated[
        Path, typer.Argument(metavar="DIS", readable=False, help="Distorted image file; - for standard input.")
    ],
    out: Out,
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
    top: Annotated[
        float | None,
        typer.Option(
            metavar="VALUE",
            help="Value of the map that is drawn brightest; the same value makes figures comparable. Default: the "
            "maximum of the map.",
        ),
    ] = None,
    width: Width = "7.16in",
) -> None:
    """Draw a reference, a distorted image and the map of their differences side by side, with a colour bar."""
    from innersight.inference.scorer import Scorer
    from innersight.io.images import read_image
    from innersight.io.pictures import WHITE
    from innersight.report.figures.maps import SMALLEST, draw_map
    from innersight.report.figures.output import check_figure, save_figure
    from innersight.report.figures.style import check_width

    check_figure(out, [reference, distorted])
    inches = parse_length(width)
    check_width(inches, SMALLEST)
    if top is not None and not 0 < top < math.inf:
        raise ArgumentError(f"Option --top takes a number above 0, but got {top}. Leave it out for the maximum.")
    region = options.region(mask, ignore, crop_border)
    shown_on = options.parse_background(background)
    sources = options.image_sources(reference, distorted, frame)
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
    options.disable_tf32()
    result = scorer.score(
        *sources,
        map=True,
        mask=region.mask,
        ignore=region.ignore,
        crop_border=region.crop_border,
        background=shown_on,
    )
    first, second = (read_image(source, background=result.background or WHITE) for source in sources)
    if result.map is not None:
        label = f"{scorer.name} score before pooling"
        save_figure(draw_map(first, second, result.map, score=result.score, label=label, top=top, width=inches), out)
    print(f"figure: {out}")


def parse_length(text: str) -> float:
    """Return a length such as 3.5in or 89mm in inches.

    Raises:
        ArgumentError: If the text is no length with a unit, or the length is not 2 to 20 inches.

    Example:
        >>> parse_length("88.9mm")
        3.5
    """
    match = re.fullmatch(r"\s*([0-9]{1,4}(?:\.[0-9]{1,4})?)\s*(in|mm)\s*", text, re.ASCII)
    inches = float(match[1]) * _INCHES[match[2]] if match else 0.0
    if not 2 <= inches <= 20:
        raise ArgumentError(
            f"Option --width takes a length of 2in to 20in (51mm to 508mm), such as 3.5in or 89mm, but got {text!r}."
        )
    return inches


def _read(path: Path, columns: Sequence[str]) -> _Rows:
    return list(score_table.read_columns(path, columns))


def _has(rows: _Rows, column: str) -> bool:
    return bool(rows) and all(column in row for _, row in rows)


def _numbers(path: Path, column: str, rows: _Rows) -> list[float | None]:
    return [score_table.read_number(path, line, column, row) for line, row in rows]


def _direction(path: Path, rows: _Rows, given: str | None) -> Direction:
    from innersight.datasets.dataset import DIRECTIONS
    from innersight.datasets.listed import find_direction

    if given is not None and given not in DIRECTIONS:
        raise unknown_name("--opinion-direction", given, DIRECTIONS)
    return find_direction(path, rows, given)


def _names(path: Path, column: str) -> list[str] | None:
    """Return the names of the parts from the record beside an output of `innersight batch`, or None without one."""
    from innersight.inference.journal import record_of

    try:
        metrics = json.loads(record_of(path).read_text(encoding="utf-8"))["run"]["metrics"]
        metric = column.removeprefix("per_layer_") if len(metrics) > 1 else next(iter(metrics))
        return list(metrics[metric]["per_layer"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None  # a table that innersight batch did not write


def _drawn(sides: Sequence[Sequence[float | None]]) -> int:
    return sum(all(value is not None and math.isfinite(value) for value in row) for row in zip(*sides, strict=True))


def _report(out: Path, rows: int, drawn: int) -> None:
    print(f"figure: {out}")
    if drawn < rows:
        said = f"{rows - drawn} of {rows} rows are not drawn: no finite score or no opinion"
        print(f"innersight: note: {said}.", file=sys.stderr)
