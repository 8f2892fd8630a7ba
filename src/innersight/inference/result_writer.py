"""The output file of a run: it is checked before the first pair is scored, and appears complete or not at all."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias

from innersight.errors import ArgumentError, first_line
from innersight.inference.journal import FileStates, Journal, RunRecord, journal_of, record_of
from innersight.inference.pair_lists import PairList
from innersight.io.csv_cells import escape_cell
from innersight.io.tables import TABLE_SUFFIXES, require_parquet

_Rows: TypeAlias = Callable[[], Iterator[dict[str, Any]]]
"""Starts to read the rows of an output from the first one."""

_SHOWN = 180  # characters of a path that an error shows
_PARQUET_ROWS = 16_384  # rows of a row group; so many are in memory at once


def check_output(out: Path, pairs: PairList, columns: Sequence[str]) -> None:
    """Check that the results can be written, before the first pair is scored.

    The check includes a trial: the whole list is written to the null device with empty results. So a value that the
    format cannot hold is found here, and not after hours of work.

    Args:
        out: The output file.
        pairs: The list.
        columns: The columns that the results add, from `result_columns`.

    Raises:
        ArgumentError: If the suffix is none of .csv, .jsonl and .parquet; if a file of the output cannot be created, or
            is the list itself; if the list cannot be parsed, has a column of the same name as the results, or has a
            value that the format of the output cannot hold.
    """
    if out.suffix.lower() not in TABLE_SUFFIXES:
        raise ArgumentError(f"The output file must be one of ({', '.join(TABLE_SUFFIXES)}), but got '{out}'.")
    if "\0" in str(out):
        raise ArgumentError(f"The name of the output must not hold a NUL byte, but got {str(out)!r}.")
    try:
        if not out.parent.is_dir():
            raise ArgumentError(f"There is no folder '{out.parent}' to write results to: create it first.")
        _check_place(out)
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ArgumentError(
            f"Results cannot be written to '{_shortened_name(out)}': {reason}. Name a file in a folder that can be "
            "written to, with a shorter name if it is long."
        ) from error
    if pairs.source is not None and out.exists() and out.samefile(pairs.source):
        raise ArgumentError(f"The results would replace the list '{out}'. Name another output.")
    if out.suffix.lower() == ".parquet":
        require_parquet()
    repeated = [column for column in columns if column in pairs.columns]
    if repeated:
        raise ArgumentError(f"The list has a column {repeated[0]!r} already, as the results would: rename it first.")

    def rows() -> Iterator[dict[str, Any]]:
        for row in pairs.rows():
            yield {**row.values, **dict.fromkeys(columns)}

    _write(Path(os.devnull), out.suffix.lower(), pairs, columns, rows)


def _check_place(out: Path) -> None:
    """Check that each file of an output can be created: no folder has its name, and the name is not too long."""
    for path in (out, journal_of(out), _partial_of(out), record_of(out)):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            kind = "folder" if stat.S_ISDIR(mode) else "special file"
            raise ArgumentError(
                f"Results need the names '{out}', and that with .journal, .partial and .run.json, but '{path}' is a "
                f"{kind}: move it, or name another output."
            )
        if path != out and not os.access(path, os.R_OK | os.W_OK):
            raise ArgumentError(
                f"'{path}' must be readable and writable, but is not. Change its permissions, or name another output."
            )
    with tempfile.TemporaryFile(dir=out.parent):
        pass


def _partial_of(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


def _shortened_name(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


def result_columns(metrics: Sequence[str], with_layers: bool) -> list[str]:
    """Return the names of the columns that the results add to those of the list.

    Example:
        >>> result_columns(["lite"], False), result_columns(["lite", "paper"], False)
        (['score', 'error'], ['score_lite', 'score_paper', 'error'])
    """
    endings = [""] if len(metrics) == 1 else [f"_{name}" for name in metrics]
    layers = [f"per_layer{ending}" for ending in endings] if with_layers else []
    return [*(f"score{ending}" for ending in endings), *layers, "error"]


def write_results(out: Path, pairs: PairList, journal: Journal, metrics: Sequence[str], with_layers: bool) -> RunRecord:
    """Write the rows of the list with their results, in order. The file appears complete or not at all.

    All columns of the list are kept. In .jsonl and .parquet files, text is exactly that of the list. In .csv files,
    text that a spreadsheet program can run as a formula gets an apostrophe before it (`innersight.io.csv_cells`).
    Commands that read a .csv file remove it again. Text that is not valid Unicode is written as its escape sequence.

    In .jsonl files, dates and decimals of Parquet are text, because JSON has no such types. In .csv files, lists and
    objects are JSON text.

    Args:
        out: The output file; `check_output` has accepted it.
        pairs: The list.
        journal: The journal, with the results of all rows.
        metrics: The names of the metrics.
        with_layers: Whether to write the part of each layer in the score.

    Returns:
        The numbers of rows and errors, and the digest of the states of all image files.

    Raises:
        ArgumentError: If the list has changed since `open_list`.
    """
    pairs.refuse_changed()
    columns = result_columns(metrics, with_layers)
    partial = _partial_of(out)
    written = failed = 0
    states = StatesDigest()

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal written, failed, states
        written, failed, states = 0, 0, StatesDigest()
        for row, (result, files) in zip(pairs.rows(), journal.results(), strict=False):
            written += 1
            failed += result.error is not None
            states.add(files)
            scores = [result.scores.get(name) for name in metrics]
            layers = [result.per_layer.get(name) for name in metrics] if with_layers else []
            error = None if result.error is None else _encodable(result.error)
            yield {**row.values, **dict(zip(columns, [*scores, *layers, error], strict=True))}

    try:
        _write(partial, out.suffix.lower(), pairs, columns, rows)
        partial.replace(out)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    return RunRecord(written, failed, states.hexdigest())


class StatesDigest:
    """SHA-256 of the states of the image files of all rows, in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, states: FileStates) -> None:
        """Add the states of the files of the next row."""
        self._digest.update(f"{json.dumps(states)}\n".encode())

    def hexdigest(self) -> str:
        """Return the digest of all rows so far: `sha256:...`."""
        return f"sha256:{self._digest.hexdigest()}"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # an error names paths, which can be any bytes


def _write(path: Path, suffix: str, pairs: PairList, added: Sequence[str], rows: _Rows) -> None:
    try:
        match suffix:
            case ".csv":
                _write_csv(path, [*pairs.columns, *added], rows())
            case ".jsonl":
                _write_json_lines(path, rows())
            case _:
                _write_parquet(path, pairs, added, rows)
    except (csv.Error, RecursionError) as error:
        raise ArgumentError(
            f"The list has a value that {suffix} files cannot hold: {first_line(error)}. Remove or shorten that value."
        ) from error


class _LineFeeds:
    r"""Ends each record of a csv writer with a line feed.

    The writer quotes the characters of its own line end only. With `\r\n` as its line end it quotes both, so that a
    cell with a carriage return comes back as one cell.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, record: str) -> None:
        self._file.write(record.removesuffix("\r\n") + "\n")


def _write_csv(path: Path, columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(_LineFeeds(file), fieldnames=columns, lineterminator="\r\n")
        writer.writerow({column: escape_cell(column) for column in columns})
        for row in rows:
            writer.writerow({key: _csv_cell(value) for key, value in row.items()})


def _csv_cell(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, (list, dict)) else escape_cell(value)


def _write_json_lines(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, start=1):
            try:
                line = json.dumps(row, allow_nan=False, default=str)  # JSON has no dates and decimals: text
            except ValueError:
                raise ArgumentError(
                    f"Row {number}: JSON has no NaN and no infinity, but column {_not_json(row)!r} holds one. Write "
                    ".csv or .parquet, or replace that value."
                ) from None
            file.write(line + "\n")


def _not_json(row: Mapping[str, Any]) -> str:
    for column, value in row.items():
        try:
            json.dumps(value, allow_nan=False, default=str)
        except ValueError:
            return column
    raise KeyError


def _write_parquet(path: Path, pairs: PairList, added: Sequence[str], rows: _Rows) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = [*pairs.columns, *added]

    def parts() -> Iterator[list[dict[str, Any]]]:
        walk = rows()
        while some := list(islice(walk, _PARQUET_ROWS)):
            yield [{column: row.get(column) for column in columns} for row in some]

    own = {"score": pyarrow.float64(), "per_layer": pyarrow.list_(pyarrow.float64()), "error": pyarrow.string()}
    try:
        if pairs.source is not None and pairs.source.suffix.lower() == ".parquet":
            listed = parquet.read_schema(pairs.source)
        else:
            # The type of a column can show in any row: the first reading finds the types, the second one writes.
            listed = pyarrow.schema([])
            for part in parts():
                schema = pyarrow.Table.from_pylist(part).schema
                listed = pyarrow.unify_schemas([listed, schema], promote_options="permissive")
        fields = {field.name: field for field in listed}
        for column in added:
            kind = next(kind for kind in own if column == kind or column.startswith(f"{kind}_"))
            fields[column] = pyarrow.field(column, own[kind])
        schema = pyarrow.schema([fields[column] for column in columns])
        with parquet.ParquetWriter(path, schema) as writer:
            for part in parts():
                writer.write_table(pyarrow.Table.from_pylist(part, schema=schema))
    except (pyarrow.ArrowException, OverflowError, ValueError, TypeError) as error:
        if isinstance(error, (ArgumentError, MemoryError)):  # the MemoryError of pyarrow is an ArrowException too
            raise
        raise ArgumentError(
            f"The list's columns don't fit the types of Parquet: {first_line(error)} Write .csv or .jsonl."
        ) from error
