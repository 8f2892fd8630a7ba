"""Progress of a run on disk: a journal of finished rows that survives a kill at any moment, and the record of a run."""

from __future__ import annotations

import json
import math
import os
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from innersight.errors import ArgumentError
from innersight.inference.extractor import RowScore

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

FileStates: TypeAlias = tuple[int | None, ...]
"""Size in bytes and modification time in nanoseconds of each file of a row; None for a file that cannot be found."""

_MAX_ROWS = 1 << 28  # of a list; a journal that names a later row is damaged
_BLOCK = 1024  # rows whose positions are kept together
_SHOWN = 60  # characters of a value that an error shows


@dataclass(frozen=True)
class RunRecord:
    """The facts about a finished output that `OUT.run.json` keeps.

    Attributes:
        rows: The number of rows in the output.
        failed: The number of rows with an error.
        files: SHA-256 of the sizes and modification times of all images, in the order of the list: `sha256:...`.
    """

    rows: int
    failed: int
    files: str


def file_states(paths: Sequence[Path]) -> FileStates:
    """Return the size and the modification time of files.

    The two show that an image was replaced or edited, and cost microseconds. A content digest would cost a second
    reading of every image. A change that keeps both the size and the time in nanoseconds is not detected.

    Args:
        paths: The files; links are followed.

    Returns:
        Two numbers for each file.

    Example:
        >>> path = getfixture("tmp_path") / "a.png"
        >>> _ = path.write_bytes(b"12345")
        >>> file_states([path])[0], file_states([path / "none"])
        (5, (None, None))
    """
    states: list[int | None] = []
    for path in paths:
        try:
            facts = path.stat()
        except (OSError, ValueError):
            states += [None, None]
        else:
            states += [facts.st_size, facts.st_mtime_ns]
    return tuple(states)


class Journal:
    """The finished rows of a run, one JSON line each, in a file `OUT.journal` beside the output.

    The first line describes the run. Each later line holds the number of a row, its scores or its error, and the state
    of its image files. A row counts once its line is complete, so a kill at any moment loses only the rows in progress.
    If a row has several lines, the last one counts.

    The journal is locked while it is open. Existing files are checked under the lock, so that two processes cannot
    start to write the same output.

    Args:
        out: The output file.
        run: Everything that decides the scores, as JSON types. The value of "metrics" is a mapping by metric name.
        resume: Continue from the journal or the output that exists. Without one, start a new run.
        overwrite: Delete an earlier journal, and later replace an earlier output.

    Attributes:
        path: The journal file.
        finished: The record of the output if `resume` finds it complete, else None.

    Raises:
        ArgumentError: If another process writes the journal; if an output or a journal exists and neither option is
            given; if both options are given; if the journal is damaged, or belongs to a run with other settings.
    """

    def __init__(self, out: Path, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        if resume and overwrite:
            raise ArgumentError("Options --resume and --overwrite exclude each other.")
        self.path = journal_of(out)
        self.finished: RunRecord | None = None
        self._run = run
        self._lines = _Lines()
        self._file, self._lock = _open_locked(self.path)
        try:
            size = self._file.seek(0, os.SEEK_END)
            self._start(out, size, resume, overwrite)
        except BaseException:
            if os.fstat(self._file.fileno()).st_size == 0:
                self.remove()  # an empty journal holds no progress
            self.close()
            raise

    def _start(self, out: Path, size: int, resume: bool, overwrite: bool) -> None:
        if not resume and not overwrite:
            for path, exists in ((out, out.exists()), (self.path, size > 0)):
                if exists:
                    raise ArgumentError(f"'{path}' is there already: --resume goes on from it, --overwrite drops it.")
        whole = 0
        if resume and size > 0:
            whole = self._check()
        elif resume:
            self.finished = read_record(out, self._run)
        if whole < size:
            self._file.truncate(whole)
        self._file.seek(whole)
        if whole == 0 and self.finished is None:
            self._file.write(_line_of(self._run))
            self._file.flush()

    @property
    def done(self) -> int:
        """The number of finished rows."""
        return self._lines.count

    def __contains__(self, row: int) -> bool:
        """Tell whether a row is finished."""
        return self._lines.find(row) is not None

    def _check(self) -> int:
        """Compare the first line with this run; return the position after the last complete line."""
        whole = 0
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                if number == 1 and not _line_of(self._run).startswith(line):
                    raise ArgumentError(
                        f"'{self.path}', line 1: the line is cut off, and is not the start of the line that this run "
                        "writes. Start again with --overwrite."
                    )
                break  # a kill or a full disk cut this line off
            if number == 1:
                _refuse_other_run(self._read_line(line, 1), self._run, self.path)
            else:
                self._lines.add(self._read_row(line, number)[0], whole)
            whole += len(line)
        return whole

    def _read_line(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._damaged(number)
        return value

    def _read_row(self, line: bytes, number: int) -> tuple[int, RowScore, FileStates]:
        value = self._read_line(line, number)
        row, error, files = value.get("row"), value.get("error"), value.get("files")
        scores, layers = value.get("scores"), value.get("per_layer")
        names = set(self._run.get("metrics", ())) if error is None else set()
        if (
            "error" not in value
            or type(row) is not int
            or not 0 <= row < _MAX_ROWS
            or not isinstance(scores, dict)
            or set(scores) != names
            or not all(map(_is_finite, scores.values()))
            or not isinstance(layers, dict)
            or set(layers) != (names if self._run.get("per_layer") else set())
            or not all(isinstance(values, list) and all(map(_is_finite, values)) for values in layers.values())
            or not (error is None or (isinstance(error, str) and error))
            or not isinstance(files, list)
            or not all(state is None or type(state) is int for state in files)
        ):
            raise self._damaged(number)
        return row, RowScore(scores, layers, error), tuple(files)

    def _damaged(self, number: int) -> ArgumentError:
        return ArgumentError(
            f"'{self.path}', line {number}: the line must be one that a run of these metrics wrote, but it is damaged "
            "or has other content. Remove that line and use --resume, or start again with --overwrite."
            if number > 1
            else f"'{self.path}', line 1: the line must describe a run, but it is damaged or has other content. Start "
            "again with --overwrite."
        )

    def add(self, row: int, result: RowScore, files: FileStates = ()) -> None:
        """Write the result of a row. It replaces an earlier result of that row.

        Args:
            row: The number of the row, from 0.
            result: Its scores or its error.
            files: The state of its image files before they were read, from `file_states`; empty if none was read.
        """
        values = {"scores": dict(result.scores), "per_layer": dict(result.per_layer), "error": result.error}
        line = _line_of({"row": row, **values, "files": files})
        start = self._file.tell()
        self._file.write(line)
        self._file.flush()
        self._lines.add(row, start)

    def drop(self, row: int) -> None:
        """Count a finished row as not finished, so that it is scored again."""
        self._lines.drop(row)

    def results(self) -> Iterator[tuple[RowScore, FileStates]]:
        """Read the finished rows in the order of the list, up to the first row that is not finished.

        Yields:
            The result of a row, and the state of its image files.
        """
        row = 0
        with self.path.open("rb") as file:
            while (start := self._lines.find(row)) is not None:
                yield self._read_at(file, start)
                row += 1

    def files_of(self, row: int) -> FileStates:
        """Return the state that the image files of a finished row had when they were read.

        Raises:
            KeyError: If the row is not finished.
        """
        start = self._lines.find(row)
        if start is None:
            raise KeyError(row)
        end = self._file.tell()
        try:
            return self._read_at(self._file, start)[1]
        finally:
            self._file.seek(end)

    def _read_at(self, file: IO[bytes], start: int) -> tuple[RowScore, FileStates]:
        file.seek(start)
        values = json.loads(file.readline())
        return RowScore(values["scores"], values["per_layer"], values["error"]), tuple(values["files"])

    def close(self) -> None:
        """Close the file and keep it for a later resume. A line that a full disk cut off does not count as finished."""
        with suppress(OSError):
            self._file.close()
        if self._lock is not None:
            self._lock.unlink(missing_ok=True)
            self._lock = None

    def remove(self) -> None:
        """Delete the journal. Call it when the output is complete."""
        if fcntl is None:
            with suppress(OSError):
                self._file.close()  # Windows cannot delete an open file
        self.path.unlink(missing_ok=True)  # while the lock is held: later the path may belong to another run
        self.close()


def _is_finite(value: object) -> bool:
    # A larger integer is no float, as the results hold.
    return (type(value) is int and abs(value) <= sys.float_info.max) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _line_of(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, allow_nan=False) + "\n").encode()


def _open_locked(path: Path) -> tuple[IO[bytes], Path | None]:
    """Open a journal for reading and writing, and lock it; create it if it is missing.

    Returns:
        The file, and the lock file where the file system has no locks. Without a lock file, closing the file unlocks.
    """
    used = f"'{path}' is in use: one run at a time can write an output."
    wait = "Wait until the other run ends, or name another output."
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")
    try:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArgumentError(f"{used} {wait}") from None
            except OSError:
                pass  # this file system has no such locks: use a lock file
            else:
                if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    raise ArgumentError(f"{used} {wait}")  # another run ended and deleted it a moment ago
                return file, None
        lock = path.with_suffix(".lock")
        try:
            lock.open("x").close()
        except FileExistsError:
            raise ArgumentError(f"{used} {wait} If no other run is active, remove '{lock}'.") from None
        return file, lock
    except BaseException:
        file.close()
        raise


class _Lines:
    """The position of the line of each row. It takes 8 bytes per row, because lists have millions of rows.

    The rows are in blocks: a damaged line that names a very late row takes the memory of one block, not of all rows
    before it.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, array[int]] = {}
        self.count = 0

    def add(self, row: int, start: int) -> None:
        number, place = divmod(row, _BLOCK)
        if (block := self._blocks.get(number)) is None:
            block = self._blocks[number] = array("q", [-1]) * _BLOCK
        self.count += block[place] < 0
        block[place] = start

    def drop(self, row: int) -> None:
        self._blocks[row // _BLOCK][row % _BLOCK] = -1
        self.count -= 1

    def find(self, row: int) -> int | None:
        block = self._blocks.get(row // _BLOCK)
        found = -1 if block is None else block[row % _BLOCK]
        return None if found < 0 else found


def journal_of(out: Path) -> Path:
    """Return the path of the journal of an output: `OUT.journal`."""
    return out.with_name(out.name + ".journal")


def record_of(out: Path) -> Path:
    """Return the path of the record of an output: `OUT.run.json`."""
    return out.with_name(out.name + ".run.json")


def write_record(out: Path, run: Mapping[str, Any], record: RunRecord) -> None:
    """Write `OUT.run.json`: everything that decided the scores of the output, and the facts of the record."""
    facts = {"rows": record.rows, "failed": record.failed, "files": record.files, "run": run}
    record_of(out).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_record(out: Path, run: Mapping[str, Any]) -> RunRecord | None:
    """Read the record of a finished output of the same run.

    Returns:
        The record, or None if the output does not exist.

    Raises:
        ArgumentError: If the output belongs to a run with other settings, or has no readable record.
    """
    if not out.exists():
        return None
    try:
        facts = json.loads(record_of(out).read_text(encoding="utf-8"))
        before, record = facts["run"], RunRecord(int(facts["rows"]), int(facts["failed"]), str(facts["files"]))
    except (RecursionError, OSError, ValueError, KeyError, TypeError, OverflowError):  # infinity is no int
        raise ArgumentError(f"'{out}' exists without a record of its run. Use --overwrite to replace it.") from None
    _refuse_other_run(before, run, out)
    return record


def _refuse_other_run(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    changed = dict(_differences(before, json.loads(json.dumps(now)), ""))
    if changed:
        # A citation repeats other fields. It is shown only if nothing else changed.
        fields = [field for field in changed if not field.endswith(".citation")] or list(changed)
        listed = "; ".join(f"{field} {changed[field]}" for field in fields)
        raise ArgumentError(f"'{path}' belongs to another run; changed: {listed}. Use --overwrite to start again.")


def _differences(before: Any, now: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each field that differs, and its two values as text."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif before != now:
        yield where or "the run", f"was {_shortened(before)}, is {_shortened(now)}"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."
