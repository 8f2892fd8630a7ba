"""Progress of a run on disk: a journal of finished rows that survives a kill at any moment, and the record of a run."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any, Literal

from innersight.errors import ArgumentError
from innersight.inference.extractor import RowScore

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_MOST_ROWS = 1 << 28  # of a list; a journal that names a later row is damaged
_SHOWN = 60  # characters of a value that an error shows


class Journal:
    """The finished rows of a run, in the order they were done, one JSON line each behind a line that says which run.

    A row counts once its line is whole, so that whatever moment the process is killed at, nothing is lost but the rows
    it was at. It lies beside the output as `OUT.journal` until the output is whole.

    Args:
        out: The output file.
        run: What decides the scores, JSON types; a journal of another run is refused.
        resume: Go on from the journal that is there.
        overwrite: Drop what is there.

    Raises:
        ArgumentError: If another process writes the journal, if there is an output or a journal and neither option is
            given, if both are, or if the journal to resume is damaged or of another run; it says where or what.
    """

    def __init__(self, out: Path, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        if resume and overwrite:
            raise ArgumentError("Options --resume and --overwrite exclude each other.")
        self.path = journal_of(out)
        self._run = run
        self._lines = _Lines()
        if not resume and not overwrite:
            for path in (out, self.path):
                if path.exists():
                    raise ArgumentError(f"'{path}' is there already: --resume goes on from it, --overwrite drops it.")
        going_on = resume and self.path.exists()
        self._file, self._lock = _open_alone(self.path, "r+b" if going_on else "ab")
        try:
            whole = self._check() if going_on else 0
            if self._file.seek(0, os.SEEK_END) != whole:
                self._file.truncate(whole)
                self._file.seek(whole)
            if not going_on:
                self._write(run)
        except BaseException:
            self.close()
            raise

    @property
    def done(self) -> int:
        """Rows that are finished."""
        return self._lines.count

    def __contains__(self, row: int) -> bool:
        """Tell whether a row is finished."""
        return self._lines.find(row) is not None

    def _write(self, value: Mapping[str, Any]) -> int:
        start = self._file.tell()
        self._file.write((json.dumps(value, allow_nan=False) + "\n").encode())
        self._file.flush()
        return start

    def _check(self) -> int:
        """Compare the first line with this run; return where the last whole line ends."""
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if whole == 0:
                    _refuse_another_run(self._read_line(line, 1), self._run, self.path)
                else:
                    self._lines.add(self._read_row(line, self.done + 2)[0], whole)
                whole += len(line)
        if whole == 0:
            raise ArgumentError(f"'{self.path}' holds no run to resume: use --overwrite.")
        return whole

    def _read_line(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._damaged(number)
        return value

    def _read_row(self, line: bytes, number: int) -> tuple[int, RowScore]:
        value = self._read_line(line, number)
        row, error = value.get("row"), value.get("error")
        scores, layers = value.get("scores"), value.get("per_layer")
        if (
            type(row) is not int
            or not 0 <= row < _MOST_ROWS
            or row in self
            or not isinstance(scores, dict)
            or not isinstance(layers, dict)
            or not (error is None or isinstance(error, str))
        ):
            raise self._damaged(number)
        return row, RowScore(scores, layers, error)

    def _damaged(self, number: int) -> ArgumentError:
        return ArgumentError(
            f"'{self.path}', line {number}: each line has to be one that a run wrote, but this one is damaged or of "
            "something else. Remove that line and use --resume, or start anew with --overwrite."
            if number > 1
            else f"'{self.path}', line 1: has to say which run the journal is of, but it is damaged or of something "
            "else. Start anew with --overwrite."
        )

    def add(self, row: int, result: RowScore) -> None:
        """Keep the result of one more row, by its number from 0."""
        values = {"scores": dict(result.scores), "per_layer": dict(result.per_layer), "error": result.error}
        self._lines.add(row, self._write({"row": row, **values}))

    def results(self) -> Iterator[RowScore]:
        """Walk through the finished rows in the list's order, up to the first that is missing."""
        with self.path.open("rb") as file:
            for row in count():
                start = self._lines.find(row)
                if start is None:
                    return
                file.seek(start)
                values = json.loads(file.readline())
                yield RowScore(values["scores"], values["per_layer"], values["error"])

    def close(self) -> None:
        """Leave the journal for a later resume; a line that a full disk cut off counts as not done."""
        with suppress(OSError):
            self._file.close()
        if self._lock is not None:
            self._lock.unlink(missing_ok=True)
            self._lock = None

    def remove(self) -> None:
        """Drop the journal: the output is whole."""
        if fcntl is None:
            with suppress(OSError):
                self._file.close()  # Windows keeps a file that is open
        self.path.unlink(missing_ok=True)  # before the lock is given up: it is this run's journal
        self.close()


def _open_alone(path: Path, mode: Literal["r+b", "ab"]) -> tuple[IO[bytes], Path | None]:
    """Open a journal that no other process has open; the lock ends with the file, or is the file that is returned."""
    used = ArgumentError(
        f"'{path}' is in use: one run at a time can write an output. Wait until the other run ends, or name another "
        "output."
    )
    try:
        file = path.open(mode)
    except FileNotFoundError:
        if mode == "r+b":
            raise used from None  # the other run ended and removed it a moment ago
        raise
    try:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise used from None
            except OSError:
                pass  # a file system without such locks: a lock file does it
            else:
                if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    raise used
                return file, None
        lock = path.with_suffix(".lock")
        try:
            lock.open("x").close()
        except FileExistsError:
            raise ArgumentError(f"{used} If no other run is at work, remove '{lock}'.") from None
        return file, lock
    except BaseException:
        file.close()
        raise


class _Lines:
    """Where the line of each row begins: 8 bytes a row, as lists have millions."""

    def __init__(self) -> None:
        self._starts = array("q")
        self.count = 0

    def add(self, row: int, start: int) -> None:
        if row >= len(self._starts):
            self._starts.extend([-1] * (row + 1 - len(self._starts)))
        self.count += self._starts[row] < 0
        self._starts[row] = start

    def find(self, row: int) -> int | None:
        found = self._starts[row] if row < len(self._starts) else -1
        return None if found < 0 else found


def journal_of(out: Path) -> Path:
    """Return where the journal of an output lies."""
    return out.with_name(out.name + ".journal")


def write_record(out: Path, run: Mapping[str, Any], rows: int, failed: int) -> None:
    """Leave `OUT.run.json` beside the output: what decided its scores, and how many rows and errors it has."""
    record = {"rows": rows, "failed": failed, "run": run}
    record_of(out).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_record(out: Path, run: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the rows and errors of a finished output of this very run, or None if there is no output.

    Raises:
        ArgumentError: If the output is of another run, or without a record.
    """
    if not out.exists():
        return None
    try:
        record = json.loads(record_of(out).read_text(encoding="utf-8"))
        there, rows, failed = record["run"], int(record["rows"]), int(record["failed"])
    except (RecursionError, OSError, ValueError, KeyError, TypeError):
        raise ArgumentError(f"'{out}' is there without a record of its run: use --overwrite.") from None
    _refuse_another_run(there, run, out)
    return rows, failed


def record_of(out: Path) -> Path:
    """Return the file that holds what decided an output's scores."""
    return out.with_name(out.name + ".run.json")


def _refuse_another_run(there: Mapping[str, Any], here: Mapping[str, Any], path: Path) -> None:
    changed = list(_differences(there, json.loads(json.dumps(here)), ""))
    if changed:
        raise ArgumentError(f"'{path}' is of another run; changed: {'; '.join(changed)}. Use --overwrite.")


def _differences(there: Any, here: Any, where: str) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{where}.{key}" if where else key)
    elif there != here:
        yield f"{where or 'the run'} was {_shortened(there)}, is {_shortened(here)}"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."
