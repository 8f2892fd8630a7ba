"""`innersight report`: a page of HTML that shows the pairs of a table of scores."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from innersight.cli import decoding, options, score_table
from innersight.cli.progress import Progress
from innersight.errors import ArgumentError, unknown_name
from innersight.extras import needed_for
from innersight.io.limits import DecodingLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from innersight.datasets.dataset import Direction
    from innersight.inference.scorer import Scorer
    from innersight.report.content import Report, ReportMetric, ReportRow
    from innersight.report.opinions import OpinionSection


@decoding.with_limits
@options.with_changes
def report(
    *,
    scores: Annotated[
        Path,
        typer.Argument(
            metavar="SCORES",
            readable=False,
            help="Table of pairs and scores that `innersight batch` or `innersight bench` wrote: .csv, .jsonl or "
            ".parquet.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.html", readable=False, help="File of the report.")],
    metric: options.Metrics = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Folder that the paths in the table start from. Default: the folder of the table.",
        ),
    ] = None,
    inside: options.Root = None,
    pairs: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Number of pairs whose images and maps are in the report: those with the largest differences, and "
            "those far from the fit of the opinions.",
        ),
    ] = 100,
    link_images: Annotated[
        bool,
        typer.Option(
            "--link-images",
            metavar="",
            help="Link to the images in full size, in place of reduced copies in the report. The images must stay "
            "where they are.",
        ),
    ] = False,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Title of the page. Default: the name of the table.")
    ] = None,
    reference_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column with the paths of the reference images.")
    ] = "reference",
    distorted_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column with the paths of the distorted images.")
    ] = "distorted",
    opinion_direction: Annotated[
        str | None,
        typer.Option(
            metavar="DIRECTION",
            help="Direction of the opinions: higher-is-better (MOS) or lower-is-better (DMOS). Adds plots of scores "
            "and opinions. Default: no plots.",
        ),
    ] = None,
    opinion: score_table.Opinion = "opinion",
    kind: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the distortion types. It need not exist.")
    ] = "kind",
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    mask: options.Mask = None,
    ignore: options.Ignore = None,
    crop_border: options.CropBorder = 0,
    background: options.Background = None,
    limits: DecodingLimits | None,
    quiet: Annotated[bool, typer.Option("--quiet", metavar="", help="Print no progress.")] = False,
) -> None:
    """Write a report: one HTML file that shows the pairs of a table of scores, with their images and maps.

    The file works offline and sends no request. The first metric with maps draws the maps. Pass the metrics and the
    options of the run that wrote the table.
    """
    from innersight.datasets.dataset import DIRECTIONS
    from innersight.inference.scorers import create_scorers
    from innersight.io.confinement import Root
    from innersight.report.content import Report, ReportMetric
    from innersight.report.page import check_report
    from innersight.report.tables import read_scores

    check_report(out)
    if opinion_direction is not None and opinion_direction not in DIRECTIONS:
        raise unknown_name("--opinion-direction", opinion_direction, DIRECTIONS)
    confined = None if inside is None else Root(inside)
    region = options.region(mask, ignore, crop_border)
    shown_on = options.parse_background(background)
    scorers = create_scorers(
        metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime, changes=changes
    )
    options.disable_tf32()
    metrics = [ReportMetric.of(scorer) for scorer in scorers.values()]
    rows = read_scores(
        scores,
        metrics,
        root=root,
        reference_column=reference_column,
        distorted_column=distorted_column,
        region=region,
        inside=confined,
    )
    opinions = None
    if opinion_direction is not None:
        opinions = _opinions(rows, metrics, opinion_direction, opinion, kind)
    content = Report(title or scores.name, metrics, rows, opinions)
    write(
        out,
        content,
        drawing_scorer(scorers),
        pairs=pairs,
        link=link_images,
        background=shown_on,
        limits=decoding.limits_within(confined, limits),
        quiet=quiet,
    )


def drawing_scorer(scorers: Mapping[str, Scorer]) -> Scorer:
    """Return the scorer that draws the maps of a report: the first that has maps, or else the first."""
    return next((scorer for scorer in scorers.values() if scorer.has_map), next(iter(scorers.values())))


def write(
    out: Path,
    content: Report,
    scorer: Scorer,
    *,
    pairs: int = 100,
    link: bool = False,
    background: tuple[float, float, float] | None = None,
    limits: DecodingLimits | None = None,
    quiet: bool = False,
) -> None:
    """Write a report, show the progress, and print its notes."""
    from innersight.io.decoder import Decoder
    from innersight.report.page import write_report
    from innersight.report.pictures import PictureOptions

    progress = Progress(0 if quiet else len(content.pairs_to_draw(pairs)))
    drawn = PictureOptions(out.parent if link else None, background, None if limits is None else Decoder(limits))
    with progress:
        notes = write_report(out, content, scorer, pairs=pairs, options=drawn, on_pair=progress.show)
    for note in notes:
        print(f"innersight: note: {note}", file=sys.stderr)
    if not quiet:
        print(f"report: {out}")


def _opinions(
    rows: Sequence[ReportRow], metrics: Sequence[ReportMetric], direction: Direction, opinion: str, kind: str
) -> OpinionSection:
    with needed_for("Option --opinion-direction"):
        from innersight.evaluation.agreement import evaluate
        from innersight.report.opinions import opinions_of

    columns = rows[0].others
    values = [row.others.get(opinion) for row in rows]
    if opinion not in columns or any(isinstance(value, str) for value in values):
        problem = "holds text" if opinion in columns else "does not exist"
        raise ArgumentError(
            f"Option --opinion must name a column of numbers, but {opinion!r} {problem}. The columns are "
            f"({', '.join(columns)})."
        )
    numbers = [value if isinstance(value, float) else None for value in values]
    kinds = [_label(row.others.get(kind)) for row in rows]
    evaluations = {
        metric.name: evaluate(
            [row.scores.get(metric.name) for row in rows],
            numbers,
            opinion_direction=direction,
            score_direction="higher-is-better" if metric.higher_is_better else "lower-is-better",
            references=[row.reference for row in rows],
            kinds=kinds if any(kinds) else None,
        )
        for metric in metrics
    }
    return opinions_of(rows, metrics, evaluations, numbers, direction=direction, name=opinion, kinds=kinds)


def _label(value: str | float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else value
