"""The file of results: checked before the work, written whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, first_line
from innersight.inference.journal import Journal, journal_of, record_of
from innersight.inference.pair_lists import PairList
from innersight.io.tables import TABLE_SUFFIXES, require_parquet

_SHOWN = 180  # characters of a path that an error shows
_PARQUET_ROWS = 16_384  # of a row group, which is what is in memory at once


def _partial_of(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


def check_output(out: Path, pairs: PairList, columns: Sequence[str]) -> None:
    """Check that results can be written to this file, before the work.

    Raises:
        ArgumentError: If its suffix, name or folder won't do, a file of it can't be made, it is the list itself, or the
            list has a column of that name.
    """
    if out.suffix.lower() not in TABLE_SUFFIXES:
        raise ArgumentError(f"Results are written as one of ({', '.join(TABLE_SUFFIXES)}), but got '{out}'.")
    try:
        if not out.parent.is_dir():
            raise ArgumentError(f"There is no folder '{out.parent}' to write results to: create it first.")
        _check_place(out)
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ArgumentError(
            f"Results can't be written to '{_shortened_name(out)}': {reason}. Name a file in a folder that can be "
            "written to, with a shorter name if it is long."
        ) from error
    if pairs.source is not None and out.exists() and out.samefile(pairs.source):
        raise ArgumentError(f"The results would replace the list '{out}': give them a name of their own.")
    if out.suffix.lower() == ".parquet":
        require_parquet()
    doubled = [column for column in columns if column in pairs.columns()]
    if doubled:
        raise ArgumentError(f"The list has a column {doubled[0]!r} already, as the results would: rename it first.")


def _check_place(out: Path) -> None:
    """Check that each file of an output can be made: none of them is a folder, or has too long a name."""
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
        if path != out and not os.access(path, os.W_OK):
            raise ArgumentError(f"'{path}' has to be writable, but is not: change that, or name another output.")
    with tempfile.TemporaryFile(dir=out.parent):
        pass


def _shortened_name(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


def result_columns(metrics: Sequence[str], with_layers: bool) -> list[str]:
    """Return the names of the columns that results add to a list's.

    Example:
        >>> result_columns(["lite"], False), result_columns(["lite", "paper"], False)
        (['score', 'error'], ['score_lite', 'score_paper', 'error'])
    """
    endings = [""] if len(metrics) == 1 else [f"_{name}" for name in metrics]
    layers = [f"per_layer{ending}" for ending in endings] if with_layers else []
    return [*(f"score{ending}" for ending in endings), *layers, "error"]


def write_results(out: Path, pairs: PairList, journal: Journal, metrics: Sequence[str], with_layers: bool) -> int:
    """Write the list's rows with their results, in order, all columns kept; the file appears whole or not at all.

    Returns:
        How many rows have an error.
    """
    added = result_columns(metrics, with_layers)
    partial = _partial_of(out)
    failed = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal failed
        failed = 0
        for row, result in zip(pairs.rows(), journal.results(), strict=True):
            failed += result.error is not None
            scores = [result.scores.get(name) for name in metrics]
            layers = [result.per_layer.get(name) for name in metrics] if with_layers else []
            yield {**row, **dict(zip(added, [*scores, *layers, result.error], strict=True))}

    try:
        match out.suffix.lower():
            case ".csv":
                _write_csv(partial, [*pairs.columns(), *added], rows())
            case ".jsonl":
                _write_json_lines(partial, rows())
            case _:
                _write_parquet(partial, pairs, added, rows)
        partial.replace(out)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    return failed


def _write_csv(path: Path, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            lists = {key: json.dumps(value) for key, value in row.items() if isinstance(value, (list, dict))}
            writer.writerow({**row, **lists})


def _write_json_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            # JSON has no dates or decimals, which Parquet has: they are written as text.
            file.write(json.dumps(row, allow_nan=False, default=str) + "\n")


def _write_parquet(
    path: Path, pairs: PairList, added: Sequence[str], rows: Callable[[], Iterator[dict[str, Any]]]
) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = [*pairs.columns(), *added]

    def parts() -> Iterator[list[dict[str, Any]]]:
        walk = rows()
        while some := list(islice(walk, _PARQUET_ROWS)):
            yield [{column: row.get(column) for column in columns} for row in some]

    own = {"score": pyarrow.float64(), "per_layer": pyarrow.list_(pyarrow.float64()), "error": pyarrow.string()}
    try:
        if pairs.source is not None and pairs.source.suffix.lower() == ".parquet":
            listed = parquet.read_schema(pairs.source)
        else:
            # A column's type shows in no single part of the list: one walk finds the types, another writes.
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
    except pyarrow.ArrowException as error:
        raise ArgumentError(
            f"The list's columns don't fit the types of Parquet: {first_line(error)} Write .csv or .jsonl."
        ) from error
