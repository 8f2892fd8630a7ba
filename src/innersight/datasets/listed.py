"""Opinions in the user's own list: rated pairs, or choices between two images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from innersight.datasets.dataset import DIRECTIONS, Choice, ChoiceSet, DataSet, Direction, RatedPair
from innersight.datasets.parsing import parse_number
from innersight.errors import ArgumentError, unknown_name
from innersight.io.tables import read_rows

_Rows = Sequence[tuple[int, Mapping[str, Any]]]


def load_list(path: Path, opinion_direction: Direction | None = None) -> DataSet | ChoiceSet:
    r"""Read a list of opinions.

    Rated pairs have the columns `reference`, `distorted`, `opinion` and if wanted `opinion_std`, `votes`, `kind`,
    `opinion_direction`; choices have `reference`, `a`, `b`, `share_preferring_b` and if wanted `votes`, `kind`. A list
    with columns `a` and `b` is one of choices. Images are relative to the list's folder and aren't looked for.

    Args:
        path: A .csv, .jsonl or .parquet file.
        opinion_direction: Which way opinions go, if no column says it.

    Returns:
        The rows, all of them.

    Raises:
        ArgumentError: If the file or a line can't be read, or the direction isn't said, or said in two ways.

    Example:
        >>> path = getfixture("tmp_path") / "mine.csv"
        >>> _ = path.write_text("reference,distorted,opinion\na.png,b.png,3.5\n")
        >>> load_list(path, "higher-is-better").summary
        'mine: 1 pair (1 reference); opinion, higher is better'
    """
    if opinion_direction is not None and opinion_direction not in DIRECTIONS:
        raise unknown_name("opinion_direction", opinion_direction, DIRECTIONS)
    rows = list(read_rows(path))
    if not rows:
        raise ArgumentError(f"The list '{path}' has no rows.")
    if {"a", "b"} <= set(rows[0][1]):
        if opinion_direction is not None:
            raise ArgumentError(
                f"'{path}' is a list of choices (it has columns `a` and `b`), which have no direction; "
                "leave out --opinion-direction."
            )
        choices = tuple(_choice(row, f"'{path}', line {number}") for number, row in rows)
        return ChoiceSet(path.stem, path.parent, choices, len(choices))
    pairs = tuple(_pair(row, f"'{path}', line {number}") for number, row in rows)
    direction = _direction(path, rows, opinion_direction)
    return DataSet(path.stem, None, path.parent, "opinion", direction, pairs, len(pairs), {}, "")


def _pair(row: Mapping[str, Any], where: str) -> RatedPair:
    std = _cell(row, "opinion_std")
    return RatedPair(
        _file(row, "reference", where),
        _file(row, "distorted", where),
        parse_number(_required(row, "opinion", where), "opinion", where),
        None if std is None else parse_number(std, "opinion_std", where, low=0),
        _votes(row, where),
        _kind(row),
    )


def _choice(row: Mapping[str, Any], where: str) -> Choice:
    share = _required(row, "share_preferring_b", where)
    return Choice(
        _file(row, "reference", where),
        _file(row, "a", where),
        _file(row, "b", where),
        parse_number(share, "share_preferring_b", where, low=0, high=1),
        _votes(row, where),
        _kind(row),
    )


def _direction(path: Path, rows: _Rows, argument: Direction | None) -> Direction:
    column: Direction | None = None
    for number, row in rows:
        said = _cell(row, "opinion_direction")
        known = next((direction for direction in DIRECTIONS if direction == said), None)
        if said is not None and known is None:
            raise ArgumentError(
                f"'{path}', line {number}: `opinion_direction` must be one of ({', '.join(DIRECTIONS)}), "
                f"but is {said!r}."
            )
        if number != rows[0][0] and known != column:
            raise ArgumentError(
                f"'{path}', line {number}: `opinion_direction` must be the same in all lines, but is {said!r} after "
                f"{column!r}. Split the list."
            )
        column = known
    direction = column or argument
    if direction is None:
        raise ArgumentError(
            f"'{path}' doesn't say which way its opinions go: add a column `opinion_direction`, or pass "
            f"--opinion-direction {'|'.join(DIRECTIONS)}."
        )
    if column is not None and argument is not None and column != argument:
        raise ArgumentError(
            f"'{path}' says {column} in its column `opinion_direction`, but --opinion-direction says {argument}. "
            "Leave out the one that is wrong."
        )
    return direction


def _cell(row: Mapping[str, Any], column: str) -> Any:
    value = row.get(column)
    return None if value == "" else value  # .csv has no other way to leave a cell out


def _required(row: Mapping[str, Any], column: str, where: str) -> Any:
    value = _cell(row, column)
    if value is None:
        raise ArgumentError(f"{where}: no {column!r}; there is ({', '.join(map(str, row))}).")
    return value


def _file(row: Mapping[str, Any], column: str, where: str) -> str:
    value = _required(row, column, where)
    if not isinstance(value, str):
        raise ArgumentError(f"{where}: `{column}` must be a file's name, but is {value!r}.")
    return value


def _votes(row: Mapping[str, Any], where: str) -> int | None:
    value = _cell(row, "votes")
    if value is None:
        return None
    number = parse_number(value, "votes", where, low=0)
    if not number.is_integer():
        raise ArgumentError(f"{where}: `votes` must be a whole number, but is {value!r}.")
    return int(number)


def _kind(row: Mapping[str, Any]) -> str | None:
    value = _cell(row, "kind")
    return None if value is None else str(value)
