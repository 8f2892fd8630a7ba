"""Lines and numbers of opinion files, with the line in every error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from innersight.errors import ArgumentError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Walk through a text file's lines that aren't blank.

    Args:
        path: The file; line ends of any system.

    Yields:
        (line number, line without the white space around it).

    Raises:
        ArgumentError: If the file isn't text.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.strip()
    except UnicodeDecodeError as error:
        raise ArgumentError(f"'{path}' can't be read as text: {error}") from error


def parse_number(value: object, what: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Take a cell as a finite number.

    Args:
        value: Text or a number.
        what: The cell's name.
        where: The file and the line, as an error begins.
        low: The smallest value allowed.
        high: The largest.

    Returns:
        The number.

    Raises:
        ArgumentError: If it is none, or out of range.

    Example:
        >>> parse_number(" 5.5 ", "opinion", "'list.csv', line 2")
        5.5
    """
    try:
        # bool is an int to Python, and `true` no opinion
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and low <= number <= high):
        limits = "" if math.isinf(low) else f" of at least {low:g}" if math.isinf(high) else f" in [{low:g}, {high:g}]"
        raise ArgumentError(f"{where}: `{what}` must be a finite number{limits}, but is {value!r}.")
    return number
