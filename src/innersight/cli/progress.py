"""How far a run is."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar with rate and remaining time on a terminal, a plain line now and then elsewhere; nothing for no rows."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._start: tuple[float, int] | None = None
        self._last = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> None:
        if self._total and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._bar.add_task("", total=self._total, speed="")
            self._bar.start()

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int) -> None:
        """Take note of the number of rows that are done."""
        now = time.monotonic()
        if self._start is None:  # the first row of this run: rows of an earlier one say nothing of its speed
            self._start = (now, done)
        rate = (done - self._start[1]) / max(now - self._start[0], 1e-9)
        speed = f"{rate:.1f} rows/s, {(self._total - done) / rate / 60:.1f} min left" if rate else ""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, speed=speed)
        elif self._total and now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            print(f"{done}/{self._total} rows, {speed}", file=sys.stderr, flush=True)
