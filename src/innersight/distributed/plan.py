"""The plan of a run in shards: which rows each shard has, and what decides their scores."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from innersight.distributed.storage import Folder
from innersight.errors import ArgumentError, first_line
from innersight.inference.pair_lists import PairList
from innersight.io.tables import require_parquet

# Readers of a folder of Parquet files pass over names that start with `_`.
PLAN, MANIFEST, LIST = "_plan.json", "_manifest.json", "_list-"
ROW_COLUMN = "row"
"""The column with the number of each row in the list, from 0."""

ERROR_COLUMN = "error"
"""The column with the reason why a row of the list cannot be scored, or None."""

_ROWS_OF_A_SHARD = 1000


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        run: Everything that decides the scores, in JSON types.
        images: The place that relative paths of the list start from.
        columns: The columns of the reference and of the distorted image.
        shards: The number of rows of each shard.
    """

    run: Mapping[str, Any]
    images: str
    columns: tuple[str, str]
    shards: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Number of rows of all shards."""
        return sum(self.shards)

    def list_of(self, number: int) -> str:
        """Return the name of the list of a shard."""
        return f"{LIST}{number:05}-of-{len(self.shards):05}.parquet"

    def output_of(self, number: int) -> str:
        """Return the name of the output of a shard."""
        return f"part-{number:05}-of-{len(self.shards):05}.parquet"

    def to_json(self) -> dict[str, Any]:
        """Return the plan in JSON types."""
        return {"run": self.run, "images": self.images, "columns": list(self.columns), "shards": list(self.shards)}


def default_shards(rows: int, workers: int) -> int:
    """Return the number of shards: about 1,000 rows each, and at least four for each worker.

    Example:
        >>> default_shards(50_000, 2), default_shards(100, 2), default_shards(3, 2)
        (50, 8, 3)
    """
    return min(rows, max(-(-rows // _ROWS_OF_A_SHARD), 4 * workers))


def make_plan(pairs: PairList, images: str, run: Mapping[str, Any], shards: int, out: Folder) -> Plan:
    """Cut a list into shards, and write the list of each shard and the plan to the output folder.

    Rows of the same reference are neighbours, so that a worker reuses its features. All shards have the types of the
    whole list.

    Args:
        pairs: The list. All its rows are held in memory here.
        images: The place that relative paths start from.
        run: Everything that decides the scores, in JSON types.
        shards: The number of shards, from 1 to the number of rows.
        out: The output folder.

    Returns:
        The plan.

    Raises:
        ArgumentError: If the list has a column `row`, or values whose types Parquet cannot hold, or the folder cannot
            be written.
    """
    require_parquet()
    import pyarrow
    from pyarrow import parquet

    if ROW_COLUMN in pairs.columns:
        raise ArgumentError(f"The list has a column {ROW_COLUMN!r} already, as the results would: rename it first.")
    rows = [{ROW_COLUMN: number, **row.values, ERROR_COLUMN: row.error} for number, row in enumerate(pairs.rows())]
    first = {value: place for place, value in enumerate(dict.fromkeys(_reference(row, pairs) for row in rows))}
    rows.sort(key=lambda row: first[_reference(row, pairs)])  # stable: the order of the list among equals
    columns = [ROW_COLUMN, *pairs.columns, ERROR_COLUMN]
    own = {ROW_COLUMN: pyarrow.int64(), ERROR_COLUMN: pyarrow.string()}
    try:
        if pairs.source is not None and pairs.source.suffix.lower() == ".parquet":
            listed = parquet.read_schema(pairs.source)
        else:
            listed = pyarrow.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows]).schema
        fields = {field.name: field for field in listed} | {name: pyarrow.field(name, own[name]) for name in own}
        schema = pyarrow.schema([fields[name] for name in columns])
        sizes = [len(part) for part in _cut(rows, shards)]
        plan = Plan(run, images, (pairs.reference_column, pairs.distorted_column), tuple(sizes))
        with tempfile.TemporaryDirectory(prefix="innersight-") as folder:
            for number, part in enumerate(_cut(rows, shards)):
                file = Path(folder) / plan.list_of(number)
                parquet.write_table(pyarrow.Table.from_pylist(part, schema=schema), file)
                out.write(file.name, file)
                file.unlink()
    except MemoryError:  # that of pyarrow is an ArrowException too
        raise
    except (pyarrow.ArrowException, OverflowError) as error:
        raise ArgumentError(f"The list's columns don't fit the types of Parquet: {error}.") from error
    out.write(PLAN, (json.dumps(plan.to_json(), indent=2) + "\n").encode())  # last: without it, a run starts anew
    return plan


def read_plan(out: Folder) -> Plan | None:
    """Read the plan of an earlier run, or return None if there is none.

    Raises:
        ArgumentError: If it cannot be read.
    """
    if PLAN not in out.names():
        return None
    try:
        content = json.loads(out.read(PLAN))
        run, images, shards = content["run"], content["images"], content["shards"]
        reference, distorted = content["columns"]
        if not isinstance(run, dict) or not all(isinstance(text, str) for text in (images, reference, distorted)):
            raise TypeError("it has values of other types")
        if not shards or not all(type(size) is int and size > 0 for size in shards):
            raise ValueError("its shards are not numbers of rows")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise ArgumentError(f"'{out.join(PLAN)}' is damaged ({said}). Use --overwrite to start anew.") from error
    return Plan(run, images, (reference, distorted), tuple(shards))


def _reference(row: Mapping[str, Any], pairs: PairList) -> str:
    return str(row.get(pairs.reference_column))


def _cut(rows: list[dict[str, Any]], shards: int) -> Iterator[list[dict[str, Any]]]:
    """Cut rows into parts whose sizes differ by 1 at most."""
    edges = [len(rows) * number // shards for number in range(shards + 1)]
    return (rows[start:end] for start, end in zip(edges, chain(edges[1:]), strict=False))
