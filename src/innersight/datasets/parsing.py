"""Parsing of opinion files: lines and numbers, with the line in each error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from innersight.errors import ArgumentError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines of a UTF-8 text file that are not blank.

    Args:
        path: The file. Line ends of all systems are read.

    Yields:
        (line number from 1, line without the white space around it).

    Raises:
        ArgumentError: If the file is not UTF-8 text.

    Example:
        >>> path = getfixture("tmp_path") / "mos.txt"
        >>> _ = path.write_text("5.5 a.bmp")
        >>> list(read_lines(path))
        [(1, '5.5 a.bmp')]
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.strip()
    except UnicodeDecodeError as error:
        raise ArgumentError(f"'{path}' must be UTF-8 text, but cannot be decoded: {error}.") from error


def to_float(value: object) -> float:
    """Convert a cell of a table to a number.

    `float` also accepts the digits of other scripts, and underscores between digits. This function does not.

    Args:
        value: A number, or text in ASCII characters.

    Returns:
        The number. It can be nan or infinite.

    Raises:
        ValueError: If the value is not a number.

    Example:
        >>> to_float(" 5.5 ")
        5.5
        >>> to_float("1_0")
        Traceback (most recent call last):
        ValueError: not a number: '1_0'
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)  # to Python, True is an int
    if is_number or (isinstance(value, str) and value.isascii() and "_" not in value):
        try:
            return float(value)  # type: ignore[arg-type]  # mypy does not follow `is_number`
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"not a number: {value!r}")


def parse_number(value: object, what: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Convert a cell of a table to a finite number and check its range.

    Args:
        value: A number, or text in ASCII characters.
        what: The name of the cell, for the error.
        where: The file and the line, for the error.
        low: The smallest number that is allowed. Default: no limit.
        high: The largest number that is allowed. Default: no limit.

    Returns:
        The number.

    Raises:
        ArgumentError: If the value is not a finite number, or not in the range.

    Example:
        >>> parse_number(" 5.5 ", "opinion", "'list.csv', line 2")
        5.5
    """
    try:
        number = to_float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and low <= number <= high):
        limits = "" if math.isinf(low) else f" of at least {low:g}" if math.isinf(high) else f" in [{low:g}, {high:g}]"
        raise ArgumentError(
            f"{where}: `{what}` must be a finite number{limits}, but is {value!r}. Correct that line of the file."
        )
    return number
