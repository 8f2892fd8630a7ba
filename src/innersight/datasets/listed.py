"""Lists of the user: image pairs with opinions, or two-alternative forced choices (2AFC)."""

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
    r"""Load a list of image pairs with opinions, or of two-alternative choices.

    A list of pairs has the columns `reference`, `distorted` and `opinion`. The columns `opinion_std`, `votes`, `kind`
    and `opinion_direction` are optional. A list of choices has the columns `reference`, `a`, `b` and
    `share_preferring_b`. The columns `votes` and `kind` are optional. A list with the columns `a` and `b` is a list of
    choices. Paths of images are relative to the folder of the list. This function does not check that they exist.

    Args:
        path: A .csv, .jsonl or .parquet file.
        opinion_direction: Whether higher or lower opinions are better. Needed only if there is no column
            `opinion_direction`. Default: None.

    Returns:
        The data set, with all rows of the list.

    Raises:
        ArgumentError: If the file or a line cannot be read, or if the opinion direction is missing or contradictory.

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
        raise ArgumentError(f"The list '{path}' must have at least one row, but has none. Add rows to it.")
    if {"a", "b"} <= set(rows[0][1]):
        if opinion_direction is not None:
            raise ArgumentError(
                f"Argument `opinion_direction` must not be given for '{path}', because a list with the columns `a` and "
                "`b` holds choices, which have no direction. Leave it out."
            )
        choices = tuple(_choice(row, f"'{path}', line {number}") for number, row in rows)
        return ChoiceSet(path.stem, path.parent, choices, len(choices))
    pairs = tuple(_pair(row, f"'{path}', line {number}") for number, row in rows)
    direction = find_direction(path, rows, opinion_direction)
    return DataSet(path.stem, None, path.parent, "opinion", direction, pairs, len(pairs), {}, "")


def _pair(row: Mapping[str, Any], where: str) -> RatedPair:
    std = _cell(row, "opinion_std")
    return RatedPair(
        _image(row, "reference", where),
        _image(row, "distorted", where),
        parse_number(_required(row, "opinion", where), "opinion", where),
        None if std is None else parse_number(std, "opinion_std", where, low=0),
        _votes(row, where),
        _kind(row),
    )


def _choice(row: Mapping[str, Any], where: str) -> Choice:
    share = _required(row, "share_preferring_b", where)
    return Choice(
        _image(row, "reference", where),
        _image(row, "a", where),
        _image(row, "b", where),
        parse_number(share, "share_preferring_b", where, low=0, high=1),
        _votes(row, where),
        _kind(row),
    )


def find_direction(path: Path, rows: _Rows, argument: Direction | None) -> Direction:
    """Find the direction of the opinions of a table: that of its column `opinion_direction`, or else the argument.

    Args:
        path: The table, for errors.
        rows: Its rows, with the number of each line.
        argument: The direction that the user gives, or None.

    Returns:
        The direction.

    Raises:
        ArgumentError: If both are missing or differ, or the column holds different directions.

    Example:
        >>> find_direction(Path("a.csv"), [(2, {"opinion_direction": "lower-is-better"})], None)
        'lower-is-better'
    """
    column: Direction | None = None
    for number, row in rows:
        value = _cell(row, "opinion_direction")
        known = next((direction for direction in DIRECTIONS if direction == value), None)
        if value is not None and known is None:
            raise ArgumentError(
                f"'{path}', line {number}: `opinion_direction` must be one of ({', '.join(DIRECTIONS)}), "
                f"but is {value!r}. Correct that line."
            )
        if number != rows[0][0] and known != column:
            raise ArgumentError(
                f"'{path}', line {number}: `opinion_direction` must be the same in all lines, but is {value!r} after "
                f"{column!r}. Split the list, or correct that line."
            )
        column = known
    direction = column or argument
    if direction is None:
        raise ArgumentError(
            f"The opinion direction of '{path}' is not known: add a column `opinion_direction`, or pass "
            f"--opinion-direction {'|'.join(DIRECTIONS)}."
        )
    if column is not None and argument is not None and column != argument:
        raise ArgumentError(
            f"The column `opinion_direction` of '{path}' has {column!r}, but the argument `opinion_direction` is "
            f"{argument!r}. Remove the one that is wrong."
        )
    return direction


def _cell(row: Mapping[str, Any], column: str) -> Any:
    value = row.get(column)
    return None if value == "" else value  # an empty cell of a .csv file


def _required(row: Mapping[str, Any], column: str, where: str) -> Any:
    value = _cell(row, column)
    if value is None:
        raise ArgumentError(
            f"{where}: `{column}` must have a value, but is empty or not a column. The columns are "
            f"({', '.join(map(str, row))}). Add the value."
        )
    return value


def _image(row: Mapping[str, Any], column: str, where: str) -> str:
    value = _required(row, column, where)
    if not isinstance(value, str):
        raise ArgumentError(f"{where}: `{column}` must be the path of an image, but is {value!r}. Correct that line.")
    return value


def _votes(row: Mapping[str, Any], where: str) -> int | None:
    value = _cell(row, "votes")
    if value is None:
        return None
    number = parse_number(value, "votes", where, low=1)
    if not number.is_integer():
        raise ArgumentError(f"{where}: `votes` must be a whole number, but is {value!r}. Correct that line.")
    return int(number)


def _kind(row: Mapping[str, Any]) -> str | None:
    value = _cell(row, "kind")
    return None if value is None else str(value)
