"""`innersight evaluate`: anybody's scores against opinions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from innersight.errors import ArgumentError, unknown_name

if TYPE_CHECKING:
    from innersight.datasets.dataset import Direction
    from innersight.evaluation.agreement import Estimate, Estimates, Evaluation

_MISSING = ("", "nan", "none", "null", "na")


def evaluate(
    scores: Annotated[Path, typer.Argument(metavar="SCORES", readable=False, help="Table: .csv, .jsonl or .parquet.")],
    opinion_direction: Annotated[
        str, typer.Option(metavar="DIRECTION", help="higher-is-better (MOS) or lower-is-better (DMOS).")
    ],
    score: Annotated[str, typer.Option(metavar="COLUMN", help="The column of scores.")] = "score",
    opinion: Annotated[str, typer.Option(metavar="COLUMN", help="The column of opinion scores.")] = "opinion",
    score_direction: Annotated[
        str, typer.Option(metavar="DIRECTION", help="lower-is-better (a distance) or higher-is-better.")
    ] = "lower-is-better",
    reference: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of references: their means, intervals over them.")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of kinds of distortion.")] = None,
    resamples: Annotated[int, typer.Option(min=0, help="For the 95 % intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how well scores agree with people: PLCC, SRCC, KRCC, and PLCC and RMSE after a logistic fit."""
    from innersight.datasets.dataset import DIRECTIONS
    from innersight.evaluation.agreement import evaluate as measure

    for option, direction in (("--opinion-direction", opinion_direction), ("--score-direction", score_direction)):
        if direction not in DIRECTIONS:
            raise unknown_name(option, direction, DIRECTIONS)
    columns = [column for column in (score, opinion, reference, kind) if column is not None]
    rows = list(_rows(scores, columns))
    found = measure(
        [_number(scores, line, score, row) for line, row in rows],
        [_number(scores, line, opinion, row) for line, row in rows],
        opinion_direction=cast("Direction", opinion_direction),
        score_direction=cast("Direction", score_direction),
        references=None if reference is None else [str(row[reference]) for _, row in rows],
        kinds=None if kind is None else [str(row[kind]) for _, row in rows],
        resamples=resamples,
        seed=seed,
    )
    if as_json:
        print(json.dumps({"scores": str(scores), "score": score, **found.to_json()}, indent=2, allow_nan=False))
    else:
        _print_tables(found)
    for note in found.notes:
        print(f"innersight: {note}", file=sys.stderr)


def _rows(path: Path, columns: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from innersight.tables import read_rows

    for line, row in read_rows(path):
        for column in columns:
            if column not in row:
                raise ArgumentError(f"'{path}', line {line}: no column {column!r}; there is ({', '.join(row)}).")
        yield line, row


def _number(path: Path, line: int, column: str, row: Mapping[str, Any]) -> float | None:
    value = row[column]
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"'{path}', line {line}: {column!r} must be a number, but got {value!r}.") from None


def _print_tables(found: Evaluation) -> None:
    from rich.table import Table

    from innersight.cli.console import console
    from innersight.evaluation.agreement import STATISTICS

    about = f"{found.rows} rows" + (f", {found.references} references" if found.references is not None else "")
    table = Table("statistic", "overall", title=f"{about}; positive = agreement, 95 % intervals", title_justify="left")
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
        kinds = Table("kind", *shown)
        for kind, estimates in found.by_kind.items():
            kinds.add_row(kind, *_cells(estimates, shown))
        console().print(kinds)


def _cells(estimates: Estimates, names: list[str]) -> list[str]:
    return [_cell(estimates[name]) for name in names]


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    interval = f"  [{estimate.low:.4f}, {estimate.high:.4f}]" if estimate.low is not None else ""
    return f"{estimate.value:.4f}{interval}"
