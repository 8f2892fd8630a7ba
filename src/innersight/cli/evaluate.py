"""`innersight evaluate`: agreement of the scores in a table with opinions."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from innersight.cli import score_table
from innersight.errors import ArgumentError, unknown_name
from innersight.extras import needed_for

if TYPE_CHECKING:
    from innersight.datasets.dataset import Direction
    from innersight.evaluation.agreement import Estimate, Estimates, Evaluation
    from innersight.evaluation.opinion_std import StdEvaluation


def evaluate(
    scores: score_table.Table,
    opinion_direction: Annotated[
        str,
        typer.Option(
            metavar="DIRECTION", help="Direction of the opinions: higher-is-better (MOS) or lower-is-better (DMOS)."
        ),
    ],
    score: score_table.Score = "score",
    opinion: score_table.Opinion = "opinion",
    score_direction: score_table.ScoreDirection = "lower-is-better",
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the reference images. Adds means over references; intervals are then over references. "
            "Default: none.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of the distortion types. Adds the statistics of each type. Default: none."
        ),
    ] = None,
    opinion_std: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the standard deviations of the opinions. Adds outlier ratio and pair analysis. Default: "
            "none.",
        ),
    ] = None,
    votes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of votes per opinion. The standard error of an opinion is its standard deviation / sqrt(N). "
            "Default: unknown; the standard deviation is used as the standard error.",
        ),
    ] = None,
    versus: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the scores of a second metric with the same direction, to test the difference. Needs "
            "--opinion-std. Default: none.",
        ),
    ] = None,
    resamples: score_table.Resamples = 1000,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Seed of the resamples, and of the random subset of rows of the pair analysis."
        ),
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print all statistics as one JSON object.")
    ] = False,
) -> None:
    """Measure the agreement of the scores in a table with human opinions.

    The statistics are PLCC, SRCC, KRCC, and PLCC and RMSE after a logistic fit.
    """
    from innersight.datasets.dataset import DIRECTIONS

    with needed_for("`innersight evaluate`"):
        from innersight.evaluation.agreement import evaluate as measure
        from innersight.evaluation.opinion_std import evaluate_with_std

    for option, direction in (("--opinion-direction", opinion_direction), ("--score-direction", score_direction)):
        if direction not in DIRECTIONS:
            raise unknown_name(option, direction, DIRECTIONS)
    if opinion_std is None and (votes is not None or versus is not None):
        raise ArgumentError("Options `--votes` and `--versus` need `--opinion-std`: pass it too, or leave them out.")
    if versus == score:
        raise ArgumentError(f"Option `--versus` must name another column than `--score`, but got {versus!r} for both.")
    columns = [column for column in (score, opinion, reference, kind, opinion_std, versus) if column is not None]
    rows = list(score_table.read_columns(scores, columns))

    def numbers(column: str) -> list[float | None]:
        return [score_table.read_number(scores, line, column, row) for line, row in rows]

    found = measure(
        numbers(score),
        numbers(opinion),
        opinion_direction=cast("Direction", opinion_direction),
        score_direction=cast("Direction", score_direction),
        references=None if reference is None else [str(row[reference]) for _, row in rows],
        kinds=None if kind is None else [str(row[kind]) for _, row in rows],
        resamples=resamples,
        seed=seed,
    )
    with_std = None
    if opinion_std is not None:
        measured = [column for column in (score, versus) if column is not None]
        with_std = evaluate_with_std(
            {column: numbers(column) for column in measured},
            numbers(opinion),
            numbers(opinion_std),
            opinion_direction=cast("Direction", opinion_direction),
            score_directions=dict.fromkeys(measured, cast("Direction", score_direction)),
            votes=votes,
            seed=seed,
        )
    if as_json:
        printed = {"scores": str(scores), "score": score, **found.to_json()}
        if with_std is not None:
            printed["with_std"] = with_std.to_json()
        print(json.dumps(printed, indent=2, allow_nan=False))
    else:
        _print_tables(found)
        if with_std is not None:
            _print_with_std(with_std)
    for note in (*found.notes, *(() if with_std is None else with_std.notes)):
        print(f"innersight: {note}", file=sys.stderr)


def _print_tables(found: Evaluation) -> None:
    from rich.table import Table

    from innersight.cli.console import console
    from innersight.evaluation.agreement import STATISTICS

    about = f"{found.rows} rows" + (f", {found.references} references" if found.references is not None else "")
    console().print(f"{about}; positive = agreement, 95 % intervals", soft_wrap=True)  # a title wraps in the table
    table = Table("statistic", "overall")
    if found.by_reference is not None:
        table.add_column("mean over references")
    for name in STATISTICS:
        cells = [_cell(found.overall[name])]
        if found.by_reference is not None:
            cells.append(_cell(found.by_reference[name]))
        table.add_row(name, *cells)
    console().print(table)
    if found.by_kind:
        shown = [name for name in STATISTICS if "logistic" not in name]
        kinds = Table("type", *shown)
        for kind, estimates in found.by_kind.items():
            kinds.add_row(kind, *_cells(estimates, shown))
        console().print(kinds)


def _print_with_std(with_std: StdEvaluation) -> None:
    from rich.table import Table

    from innersight.cli.console import console

    pairs = with_std.pairs
    console().print(f"{pairs.different} different and {pairs.similar} similar pairs", soft_wrap=True)
    table = Table("with standard deviation", *with_std.metrics)
    columns = [with_std.statistics(name) for name in with_std.metrics]
    for p_values in with_std.p_values().values():  # none, or those of the two metrics
        table.add_column("p of the difference")
        columns.append(p_values)
    for name in columns[0]:
        values = (column.get(name) for column in columns)
        formats = (".4f", ".4f", ".2g")  # p-values may be small
        table.add_row(name, *("-" if v is None else format(v, f) for v, f in zip(values, formats, strict=False)))
    console().print(table)


def _cells(estimates: Estimates, names: list[str]) -> list[str]:
    return [_cell(estimates[name]) for name in names]


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    interval = f"  [{estimate.low:.4f}, {estimate.high:.4f}]" if estimate.low is not None else ""
    return f"{estimate.value:.4f}{interval}"
