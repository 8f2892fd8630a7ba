"""Results on disk: a journal that survives a kill at any moment, and the finished file that is made of it."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError
from innersight.scoring.engine import RowScore
from innersight.scoring.lists import LIST_SUFFIXES, PairList


class Journal:
    """The finished rows of a run, one JSON line each, behind a line that says which run.

    A row counts once its line is whole, so that whatever moment the process is killed at, nothing is lost but the row
    it was at. It lies beside the output as `OUT.journal` and goes when the output is whole.

    Args:
        out: The output file.
        run: What decides the scores, JSON types; a journal of another run is refused.
        resume: Go on from the journal that is there.
        overwrite: Drop what is there.

    Attributes:
        done: Rows that are finished.

    Raises:
        ArgumentError: If there is an output or a journal and neither option is given, if both are, or if the journal to
            resume is of another run; it says what changed.
    """

    def __init__(self, out: Path, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        if resume and overwrite:
            raise ArgumentError("Options --resume and --overwrite exclude each other.")
        self.path = out.with_name(out.name + ".journal")
        self.done = 0
        if not resume and not overwrite:
            for path in (out, self.path):
                if path.exists():
                    raise ArgumentError(f"'{path}' is there already: --resume goes on from it, --overwrite drops it.")
        if resume and self.path.exists():
            self._check_and_trim(run)
            self._file = self.path.open("a", encoding="utf-8")
        else:
            self._file = self.path.open("w", encoding="utf-8")
            self._write(run)

    def _write(self, value: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(value, allow_nan=False) + "\n")
        self._file.flush()

    def _check_and_trim(self, run: Mapping[str, Any]) -> None:
        """Compare the first line with this run and cut off a last line that is not whole."""
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if whole == 0:
                    _refuse_another_run(json.loads(line), json.loads(json.dumps(run)), self.path)
                else:
                    self.done += 1
                whole += len(line)
        if whole == 0:
            raise ArgumentError(f"'{self.path}' holds no run to resume: use --overwrite.")
        os.truncate(self.path, whole)

    def add(self, result: RowScore) -> None:
        """Keep one more row."""
        self._write({"scores": dict(result.scores), "per_layer": dict(result.per_layer), "error": result.error})
        self.done += 1

    def rows(self) -> Iterator[RowScore]:
        """Walk through the finished rows."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield RowScore(**json.loads(line))

    def close(self) -> None:
        """Leave the journal for a later resume."""
        self._file.close()

    def remove(self) -> None:
        """Drop the journal: the output is whole."""
        self._file.close()
        self.path.unlink()


def _refuse_another_run(there: Mapping[str, Any], here: Mapping[str, Any], path: Path) -> None:
    changed = list(_differences(there, here, ""))
    if changed:
        raise ArgumentError(f"'{path}' is of another run; changed: {'; '.join(changed)}. Use --overwrite.")


def _differences(there: Any, here: Any, where: str) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{where}.{key}" if where else key)
    elif there != here:
        yield f"{where} was {there!r}, is {here!r}"


def check_output(out: Path, pairs: PairList, columns: Sequence[str]) -> None:
    """Check that results can be written to this file, before the work.

    Raises:
        ArgumentError: If its suffix or folder won't do, it is the list itself, or the list has a column of that name.
    """
    if out.suffix.lower() not in LIST_SUFFIXES:
        raise ArgumentError(f"Results are written as one of ({', '.join(LIST_SUFFIXES)}), but got '{out}'.")
    if not out.parent.is_dir():
        raise ArgumentError(f"There is no folder '{out.parent}' to write results to: create it first.")
    if pairs.source is not None and out.exists() and out.samefile(pairs.source):
        raise ArgumentError(f"The results would replace the list '{out}': give them a name of their own.")
    doubled = [column for column in columns if column in next(iter(pairs.rows()))]
    if doubled:
        raise ArgumentError(f"The list has a column {doubled[0]!r} already, as the results would: rename it first.")


def result_columns(metrics: Sequence[str], with_layers: bool) -> list[str]:
    """Return the names of the columns that results add to a list's.

    Example:
        >>> result_columns(["lite"], False), result_columns(["lite", "paper"], False)
        (['score', 'error'], ['score_lite', 'score_paper', 'error'])
    """
    endings = [""] if len(metrics) == 1 else [f"_{name}" for name in metrics]
    layers = [f"per_layer{ending}" for ending in endings] if with_layers else []
    return [*(f"score{ending}" for ending in endings), *layers, "error"]


def write_results(out: Path, pairs: PairList, journal: Journal, metrics: Sequence[str], with_layers: bool) -> None:
    """Write the list's rows with their results, in order, all columns kept; the file appears whole or not at all."""
    added = result_columns(metrics, with_layers)
    partial = out.with_name(out.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer: Any = None
        # An interrupted run has fewer results than the list has rows.
        for row, result in zip(pairs.rows(), journal.rows(), strict=False):
            scores = [result.scores.get(name) for name in metrics]
            layers = [result.per_layer.get(name) for name in metrics] if with_layers else []
            whole = {**row, **dict(zip(added, [*scores, *layers, result.error], strict=True))}
            if out.suffix.lower() == ".jsonl":
                file.write(json.dumps(whole, allow_nan=False) + "\n")
                continue
            if writer is None:
                writer = csv.DictWriter(file, fieldnames=list(whole), lineterminator="\n")
                writer.writeheader()
            lists = {key: json.dumps(value) for key, value in whole.items() if isinstance(value, (list, dict))}
            writer.writerow({**whole, **lists})
    partial.replace(out)
