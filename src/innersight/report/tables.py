"""The rows of a report from a table of scores."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from innersight.datasets.parsing import to_float
from innersight.errors import ArgumentError
from innersight.inference.pair_lists import MASK_COLUMN, open_list
from innersight.inference.regions import Region
from innersight.io.confinement import Root, find_special
from innersight.report.content import ReportMetric, ReportRow


def read_scores(
    path: str | Path,
    metrics: Sequence[ReportMetric],
    *,
    root: Path | None = None,
    reference_column: str = "reference",
    distorted_column: str = "distorted",
    region: Region | None = None,
    inside: Root | None = None,
) -> list[ReportRow]:
    r"""Read a table that `innersight batch` or `innersight bench` wrote.

    Args:
        path: A .csv, .jsonl or .parquet file with the columns of the paths, and `score` for one metric or `score_NAME`
            for each of several. `per_layer`, `error` and `mask` are used if they are there.
        metrics: The metrics of the columns.
        root: The folder that relative paths start from. Default: the folder of the table.
        reference_column: The column with the path of the reference. Default: `reference`.
        distorted_column: The column with the path of the distorted image. Default: `distorted`.
        region: What of each pair was scored. The mask of a row takes the place of its mask. Default: everything.
        inside: The folder that all images must be in. Default: None, any file.

    Returns:
        The rows. A row that cannot be read has the reason.

    Raises:
        ArgumentError: If the file cannot be read, or has no column with the scores of a metric.

    Example:
        >>> path = getfixture("tmp_path") / "scores.csv"
        >>> _ = path.write_text("reference,distorted,score,mos\na.png,b.png,1.5,80\n")
        >>> read_scores(path, [ReportMetric("lite")])[0].scores
        {'lite': 1.5}
    """
    path = Path(path)
    pairs = open_list(path, reference_column, distorted_column)
    pairs = replace(pairs, folder=pairs.folder if root is None else root, root=inside)
    scores = {metric.name: _column_of("score", metric.name, pairs.columns) for metric in metrics}
    missing = [name for name, column in scores.items() if column is None]
    if missing:
        raise ArgumentError(
            f"'{path}' has no column with the scores of {missing[0]!r}: neither 'score' nor 'score_{missing[0]}'. Its "
            f"columns are ({', '.join(pairs.columns)}). Name the metric of the scores with --metric."
        )
    if len(set(scores.values())) < len(scores):
        raise ArgumentError(
            f"'{path}' has the scores of one metric in the column 'score', but {len(scores)} metrics were named. Pass "
            "one --metric."
        )
    parts = {metric.name: _column_of("per_layer", metric.name, pairs.columns) for metric in metrics}
    used = {reference_column, distorted_column, MASK_COLUMN, "error", *scores.values(), *parts.values()}
    others = [column for column in pairs.columns if column not in used]
    rows = []
    for listed in pairs.rows():
        values = listed.values
        problem = listed.error or find_special(pairs.files(listed))
        found = {name: _number(values.get(column)) for name, column in scores.items() if column is not None}
        rows.append(
            ReportRow(
                reference=_text(values.get(reference_column)),
                distorted=_text(values.get(distorted_column)),
                scores={name: score for name, score in found.items() if score is not None},
                parts={
                    metric.name: part
                    for metric in metrics
                    if (part := _parts(values.get(parts[metric.name] or ""), len(metric.layers))) is not None
                },
                others={column: values.get(column) for column in others},
                error=problem or _text(values.get("error")) or None,
                files=None if problem is not None else pairs.paths(listed),
                region=Region() if problem is not None else pairs.region(listed, region or Region()) or Region(),
            )
        )
    return _with_numbers(rows, others)


def _column_of(prefix: str, metric: str, columns: Iterable[str]) -> str | None:
    return next((name for name in (f"{prefix}_{metric}", prefix) if name in columns), None)


def _with_numbers(rows: list[ReportRow], columns: Sequence[str]) -> list[ReportRow]:
    """Convert the columns whose cells are all numbers or empty; all other cells become text."""
    numeric = {column for column in columns if all(_is_number(row.others[column]) for row in rows)}

    def convert(column: str, value: Any) -> str | float | None:
        return _number(value) if column in numeric else _text(value)

    return [replace(row, others={name: convert(name, value) for name, value in row.others.items()}) for row in rows]


def _is_number(value: Any) -> bool:
    """Return whether a cell is a number or empty. A code such as 08 is not: its zero would be lost."""
    is_code = isinstance(value, str) and re.fullmatch(r"0[0-9]+", value) is not None
    return value in (None, "") or (not is_code and _number(value) is not None)


def _number(value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        number = to_float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _parts(value: Any, count: int) -> list[float] | None:
    """Read the parts of a score. In a .csv file they are JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or len(value) != count or not count:
        return None
    numbers = [_number(part) for part in value]
    return None if None in numbers else [number for number in numbers if number is not None]
