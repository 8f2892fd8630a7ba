"""Rows of CSV, JSON Lines and Parquet files, read as a stream."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, first_line
from innersight.io.csv_cells import unescape_cell

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")
_PARQUET_ROWS = 1024  # rows of a Parquet file that are in memory at once
_MAX_LEVELS = 64  # of nested brackets in a JSON value; the encoder of the json module fails at about 1000
_MAX_DIGITS = 1000  # of an integer; Python converts at most 4300 digits
_SHOWN = 40  # characters of a number that an error shows


@dataclass(frozen=True)
class TableRow:
    r"""One row of a table.

    Attributes:
        number: The number of the line in the file, from 1. For Parquet files, the number of the row, from 1.
        values: The value of each column, by name. Cells of CSV files are text. Text is always valid Unicode: an
            undecodable byte or half of a surrogate pair is replaced by its escape sequence, such as `\udcff`. A value
            that cannot be read is None. The mapping is empty if no value can be read.
        error: The reason why the row cannot be used, with the file and the line number. None if the row is valid.
    """

    number: int
    values: Mapping[str, Any]
    error: str | None


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a file, and stop at the first invalid row.

    Args:
        path: A .csv file with a header line, a .jsonl file with one JSON object per line, or a .parquet file.

    Yields:
        The line number and the values by column name, as in `TableRow`.

    Raises:
        ArgumentError: If the file is missing, has another suffix, or cannot be parsed, or if a row is invalid.

    Example:
        >>> path = getfixture("tmp_path") / "rows.jsonl"
        >>> _ = path.write_text('{"reference": "a.png"}')
        >>> list(read_rows(path))
        [(1, {'reference': 'a.png'})]
    """
    for row in read_table(path):
        if row.error is not None:
            raise ArgumentError(row.error)
        yield row.number, dict(row.values)


def read_table(path: Path) -> Iterator[TableRow]:
    r"""Read the rows of a file. An invalid row carries its error, and reading continues after it.

    Args:
        path: A .csv file with a header line, a .jsonl file with one JSON object per line, or a .parquet file. Text is
            encoded in UTF-8. An apostrophe that `innersight.io.csv_cells.escape_cell` writes before a text of a .csv
            file, which a spreadsheet program could run as a formula, is removed.

    Yields:
        The rows in the order of the file. Empty lines are skipped.

    Raises:
        ArgumentError: If the file is missing, has another suffix, cannot be parsed as a whole, has a header that is not
            UTF-8, or has two columns of the same name.

    Example:
        >>> path = getfixture("tmp_path") / "rows.jsonl"
        >>> _ = path.write_text('{"mos": NaN}\n{"mos": 2}\n')
        >>> [(dict(row.values), row.error is None) for row in read_table(path)]
        [({'mos': None}, False), ({'mos': 2}, True)]
    """
    check_table(path)
    match path.suffix.lower():
        case ".csv":
            yield from _read_csv(path)
        case ".jsonl":
            yield from _read_json_lines(path)
        case _:
            yield from _read_parquet(path)


def checked_row(number: int, values: Mapping[str, Any], where: str, error: str | None = None) -> TableRow:
    r"""Make a row whose text is valid Unicode.

    Args:
        number: The number of the line, from 1.
        values: The value of each column, by name.
        where: The name of the row in an error, such as `'list.csv', line 2`.
        error: An error that is already known; it is kept.

    Returns:
        The row. If text is not valid Unicode, the row has an error, and the text is escaped as `TableRow` describes.

    Example:
        >>> checked_row(2, {"name": "a\udcff.png"}, "line 2").error
        "line 2: text must be valid UTF-8, but column 'name' holds 'a\\udcff.png'. Correct that value."
    """
    for column, value in values.items():
        if type(value) is str and value.isascii() and column.isascii():
            continue  # most cells end here, in lists of millions of rows
        escaped = _escaped(value)
        if escaped != value or _escaped(column) != column:
            error = error or (
                f"{where}: text must be valid UTF-8, but column {_escaped(column)!r} holds "
                f"'{_shortened(str(escaped))}'. Correct that value."
            )
            return TableRow(number, {_escaped(key): _escaped(value) for key, value in values.items()}, error)
    return TableRow(number, values, error)


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
        case list():
            return [_escaped(item) for item in value]
        case dict():
            return {_escaped(key): _escaped(item) for key, item in value.items()}
        case _:
            return value


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _refuse_repeated(columns: Iterable[str], path: Path) -> None:
    repeated = [column for column, times in Counter(columns).items() if times > 1]
    if repeated:
        raise ArgumentError(
            f"'{path}': each column must have its own name, but {repeated[0]!r} occurs more than once. Rename one."
        )


def _read_csv(path: Path) -> Iterator[TableRow]:
    # "surrogateescape" keeps the position of a byte that is not UTF-8, so that only its row is invalid.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            header = reader.fieldnames = [unescape_cell(column) for column in reader.fieldnames or ()]
            if _escaped(list(header)) != list(header):
                raise ArgumentError(f"'{path}': the header must be UTF-8 text, but it is not. Save the file as UTF-8.")
            _refuse_repeated(header, path)
            for row in reader:
                where = f"'{path}', line {reader.line_num}"
                error = None
                if None in row or None in row.values():
                    row.pop(None, None)
                    error = f"{where}: more or fewer cells than the {len(header)} of the header. Correct that row."
                values = {column: cell and unescape_cell(cell) for column, cell in row.items()}
                yield checked_row(reader.line_num, values, where, error)
        except csv.Error as error:
            raise ArgumentError(f"'{path}', line {reader.reader.line_num}: cannot be read as csv: {error}.") from error


def _read_json_lines(path: Path) -> Iterator[TableRow]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")
            if text.strip():
                where = f"'{path}', line {number}"
                values, problem = _parse_object(text)
                yield checked_row(number, values, where, None if problem is None else f"{where}: {problem}")


def _parse_object(line: str) -> tuple[dict[str, Any], str | None]:
    """Parse one line of a JSON Lines file; return the values that can be read, and the first problem or None."""
    problems: list[str] = []

    def finite(text: str) -> float | None:
        value = float(text)
        if math.isfinite(value):
            return value
        problems.append(f"numbers must be finite, but got {_shortened(text)}. Use null or a finite number.")
        return None

    def whole(text: str) -> int | None:
        if len(text) <= _MAX_DIGITS:
            return int(text)
        problems.append(f"integers must have at most {_MAX_DIGITS} digits, but got {_shortened(text)}. Shorten it.")
        return None

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        if repeated:
            problems.append(
                f"each column must have its own name, but {repeated[0]!r} occurs more than once. Rename one."
            )
        return dict(pairs)

    try:
        value = json.loads(line, object_pairs_hook=distinct, parse_constant=finite, parse_float=finite, parse_int=whole)
    except RecursionError:
        value = None
        problems.insert(0, _TOO_DEEP)
    except ValueError as error:
        return {}, f"the line cannot be read as jsonl: {first_line(error)}."
    if value is not None and _is_too_deep(value):
        return {}, _TOO_DEEP
    if not isinstance(value, dict):
        return {}, next(iter(problems), "the line must be a JSON object, but is another JSON value.")
    return value, next(iter(problems), None)


_TOO_DEEP = f"brackets must not be nested deeper than {_MAX_LEVELS} levels, but they are. Remove or flatten that value."


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_LEVELS + 1):
        level = [
            inner
            for item in level
            if isinstance(item, (list, dict))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _read_parquet(path: Path) -> Iterator[TableRow]:
    require_parquet()
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _refuse_repeated(file.schema_arrow.names, path)
            number = 0
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for values, problem in _python_rows(batch):
                    number += 1
                    where = f"'{path}', row {number}"
                    yield checked_row(number, values, where, None if problem is None else f"{where}: {problem}")
    except MemoryError:  # that of pyarrow is an ArrowException too
        raise
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:  # a name of a column can be no UTF-8
        raise ArgumentError(f"'{path}' cannot be read as parquet: {first_line(error)}") from error


def _python_rows(batch: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Convert a batch of Arrow rows; values that Python cannot hold become None, and the row gets a problem."""
    try:
        yield from ((row, None) for row in batch.to_pylist())
        return
    except (ValueError, OverflowError):  # text that is not UTF-8, dates outside Python's range
        pass
    for index in range(batch.num_rows):
        values: dict[str, Any] = {}
        problem = None
        for column, array in zip(batch.schema.names, batch.columns, strict=True):
            try:
                values[column] = array[index].as_py()
            except (ValueError, OverflowError) as error:
                values[column] = None
                problem = problem or f"the value of column {column!r} cannot be read: {first_line(error)}."
        yield values, problem


def require_parquet() -> None:
    """Check that pyarrow is installed, which reads and writes Parquet files.

    Raises:
        ArgumentError: If pyarrow is not installed; the error says how to install it.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ArgumentError("Parquet files need pyarrow: pip install 'innersight[parquet]', or use .csv or .jsonl.")


def check_table(path: Path) -> None:
    """Check that a file exists and has a suffix that `read_rows` can read.

    Raises:
        ArgumentError: If the suffix is another one, or the file does not exist.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ArgumentError(f"A list must be one of ({', '.join(TABLE_SUFFIXES)}), but got '{path}'.")
    if not path.is_file():
        raise ArgumentError(f"No such list: '{path}'.")
