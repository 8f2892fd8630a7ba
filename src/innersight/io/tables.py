"""Rows of a CSV, JSON Lines or Parquet file, read as a stream."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
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
                _refuse_repeated(reader.fieldnames or (), path)
                for row in reader:
                    if None in row or None in row.values():
                        raise ArgumentError(
                            f"'{path}', line {reader.line_num}: more or fewer cells than the header has."
                        )
                    yield reader.line_num, dict(row)
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _read_object(line, f"'{path}', line {number}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise ArgumentError(f"'{path}' can't be read as {path.suffix.lower()[1:]}: {error}") from error


def _refuse_repeated(columns: Iterable[str], path: Path) -> None:
    repeated = [column for column, times in Counter(columns).items() if times > 1]
    if repeated:
        raise ArgumentError(
            f"'{path}': each column needs a name of its own, but {repeated[0]!r} is there more than once: rename one."
        )


def _read_object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(
            line, object_pairs_hook=_distinct_keys, parse_constant=_finite_number, parse_float=_finite_number
        )
        if "\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair fails here
    except RecursionError:
        raise ArgumentError(
            f"{where}: brackets are nested too deep to be read. Remove or shorten that value."
        ) from None
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{where}: text has to be valid Unicode, but it holds half of a surrogate pair. Correct that value."
        ) from None
    except ValueError as error:
        raise ArgumentError(f"{where} can't be read as jsonl: {first_line(error)}") from error
    if not isinstance(value, dict):
        raise ArgumentError(f"{where}: not a JSON object.")
    return value


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        repeated = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"each key needs a name of its own, but {repeated!r} is there more than once: rename one.")
    return value


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"numbers have to be finite, but got {text}: use null or a finite number.")
    return value


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    require_parquet()
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _refuse_repeated(file.schema_arrow.names, path)
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
