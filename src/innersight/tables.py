"""Rows of a CSV, JSON Lines or Parquet file, read as a stream."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, first_line

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")
_PARQUET_ROWS = 1024  # that are in memory at once


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Walk through the rows of a file.

    Args:
        path: A .csv file with a header line, a .jsonl file of one object a line, or a .parquet file.

    Yields:
        (line number, row by column); cells of .csv files are text.

    Raises:
        ArgumentError: If the file is missing, of another kind, or can't be read; with the line's number.

    Example:
        >>> path = getfixture("tmp_path") / "rows.jsonl"
        >>> _ = path.write_text('{"reference": "a.png"}')
        >>> list(read_rows(path))
        [(1, {'reference': 'a.png'})]
    """
    check_table(path)
    if path.suffix.lower() == ".parquet":
        yield from _read_parquet(path)
        return
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            if path.suffix.lower() == ".csv":
                reader = csv.DictReader(file, strict=True)
                for row in reader:
                    if None in row or None in row.values():
                        raise ArgumentError(
                            f"'{path}', line {reader.line_num}: more or fewer cells than the header has."
                        )
                    yield reader.line_num, dict(row)
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    value = json.loads(line)
                    if not isinstance(value, dict):
                        raise ArgumentError(f"'{path}', line {number}: not a JSON object.")
                    yield number, value
    except (csv.Error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArgumentError(f"'{path}' can't be read as {path.suffix.lower()[1:]}: {error}") from error


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    require_parquet()
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=_PARQUET_ROWS)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)
    except (pyarrow.ArrowException, OSError) as error:
        raise ArgumentError(f"'{path}' can't be read as parquet: {first_line(error)}") from error


def require_parquet() -> None:
    """Check that Parquet files can be read and written here.

    Raises:
        ArgumentError: If not; it says what to install.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ArgumentError("Parquet files need pyarrow: pip install 'innersight[parquet]', or use .csv or .jsonl.")


def check_table(path: Path) -> None:
    """Check that a file is there and of a kind that `read_rows` reads.

    Raises:
        ArgumentError: If not.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ArgumentError(f"A list is one of ({', '.join(TABLE_SUFFIXES)}), but got '{path}'.")
    if not path.is_file():
        raise ArgumentError(f"No such list: '{path}'.")
