"""Tables of scores and opinions: the options that name their columns, and the reading of their cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from innersight.errors import ArgumentError

_MISSING = ("", "nan", "none", "null", "na")

Table = Annotated[
    Path,
    typer.Argument(metavar="SCORES", readable=False, help="Table of scores and opinions: .csv, .jsonl or .parquet."),
]
Score = Annotated[str, typer.Option(metavar="COLUMN", help="Column of the scores.")]
Opinion = Annotated[str, typer.Option(metavar="COLUMN", help="Column of the opinion scores.")]
ScoreDirection = Annotated[
    str,
    typer.Option(
        metavar="DIRECTION", help="Direction of the scores: lower-is-better (a distance) or higher-is-better."
    ),
]
Resamples = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="Number of bootstrap resamples for the 95 % intervals. 0: no intervals."),
]


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Read the rows of a table that has certain columns.

    Args:
        path: The table.
        columns: The columns that each row must have.

    Yields:
        The line number and the values by column.

    Raises:
        ArgumentError: If the table cannot be read, or a row lacks a column.
    """
    from innersight.io.tables import read_rows

    for line, row in read_rows(path):
        for column in columns:
            if column not in row:
                raise ArgumentError(
                    f"'{path}', line {line}: no column {column!r}. Name one of the columns ({', '.join(row)})."
                )
        yield line, row


def read_number(path: Path, line: int, column: str, row: Mapping[str, Any]) -> float | None:
    """Return a cell of a table as a number, or None if it is empty.

    Raises:
        ArgumentError: If the cell holds something else.
    """
    from innersight.datasets.parsing import to_float

    value = row[column]
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return None
    try:
        return to_float(value)
    except ValueError:
        raise ArgumentError(
            f"'{path}', line {line}: {column!r} must be a number, but got {value!r}. Correct that line."
        ) from None


def read_parts(path: Path, line: int, column: str, row: Mapping[str, Any]) -> list[float] | None:
    """Return a cell with the parts of the layers in a score, or None if it is empty. In .csv files it is JSON text.

    Raises:
        ArgumentError: If the cell is not a list of finite numbers.
    """
    from innersight.datasets.parsing import parse_number

    value = row[column]
    if value is None or value == "":
        return None
    where = f"'{path}', line {line}"
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ArgumentError(
            f"{where}: {column!r} must be a list of numbers, as `innersight batch --per-layer` writes it, but got "
            f"{value!r}. Name that column."
        )
    return [parse_number(part, column, where) for part in found]
