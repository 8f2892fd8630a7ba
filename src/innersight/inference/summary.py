"""A summary of the scores of a run, in numbers that other tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from innersight.errors import ArgumentError
from innersight.io.tables import read_table
from innersight.io.whole_files import write_file

_WORST = 10


@dataclass(frozen=True)
class ScoredPair:
    """A pair of a run.

    Attributes:
        reference: The file of the reference.
        distorted: The file of the distorted image.
        scores: By metric; empty if the pair could not be scored.
        name: The name of a case, or None.
    """

    reference: str
    distorted: str
    scores: Mapping[str, float]
    name: str | None = None


def summarise(pairs: Iterable[ScoredPair], higher_is_better: Mapping[str, bool]) -> dict[str, Any]:
    """Summarise the scores of pairs.

    Percentiles are interpolated linearly between the two nearest scores.

    Args:
        pairs: The pairs.
        higher_is_better: The metrics, and whether a higher score of each means more similar images.

    Returns:
        `n`, the number of pairs; `errors`, the number of those that could not be scored; `mean`, `median`, `p5`, `p95`,
        `min` and `max` of the scores; `worst`, up to 10 pairs with the largest differences, the largest first. For
        several metrics all but the first two have the metric as a prefix, as in `psnr.mean`. Without a score there are
        no statistics.

    Example:
        >>> pairs = [ScoredPair("r.png", f"{index}.png", {"lite": float(index)}) for index in range(5)]
        >>> found = summarise(pairs, {"lite": False})
        >>> found["n"], found["mean"], found["p95"], found["worst"][0]
        (5, 2.0, 3.8, {'reference': 'r.png', 'distorted': '4.png', 'score': 4.0})
    """
    listed = list(pairs)
    found: dict[str, Any] = {"n": len(listed), "errors": sum(not pair.scores for pair in listed)}
    for metric, higher in higher_is_better.items():
        prefix = f"{metric}." if len(higher_is_better) > 1 else ""
        scored = [pair for pair in listed if metric in pair.scores]
        if not scored:
            continue
        values = np.array([pair.scores[metric] for pair in scored])
        low, median, high = (float(value) for value in np.percentile(values, (5, 50, 95)))
        statistics = {"mean": float(values.mean()), "median": median, "p5": low, "p95": high}
        statistics |= {"min": float(values.min()), "max": float(values.max())}
        found |= {f"{prefix}{name}": value for name, value in statistics.items()}
        worst = sorted(scored, key=lambda pair: pair.scores[metric], reverse=not higher)[:_WORST]
        found[f"{prefix}worst"] = [_as_dict(pair, metric) for pair in worst]
    return found


def pairs_of_output(out: Path, metrics: Sequence[str], columns: tuple[str, str]) -> Iterable[ScoredPair]:
    """Read the pairs of the output of `innersight.inference.batch.score_list`.

    Args:
        out: The output.
        metrics: The names of its metrics.
        columns: The columns of the reference and of the distorted image.

    Yields:
        The pairs in order. A row without a path of its own has the text of its cell.
    """
    names = {"score": metrics[0]} if len(metrics) == 1 else {f"score_{metric}": metric for metric in metrics}
    for row in read_table(out):
        cells = {metric: row.values.get(column) for column, metric in names.items()}
        scores = {metric: float(value) for metric, value in cells.items() if value not in (None, "")}
        reference, distorted = (str(row.values.get(column, "")) for column in columns)
        yield ScoredPair(reference, distorted, scores)


def check_summary(path: Path) -> None:
    """Check that a summary can be written, before the work.

    Raises:
        ArgumentError: If the path is a folder, or there is no folder to write it to.
    """
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"lies in '{path.parent}', which is no folder"
        raise ArgumentError(f"The file '{path}' cannot be written: it {problem}. Name a file in an existing folder.")


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write a summary as JSON.

    Raises:
        ArgumentError: If it cannot be written.
    """
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(path, text.encode())


def _as_dict(pair: ScoredPair, metric: str) -> dict[str, Any]:
    named = {} if pair.name is None else {"name": pair.name}
    return {**named, "reference": pair.reference, "distorted": pair.distorted, "score": pair.scores[metric]}
