"""The progress of a run, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Prints the progress of a run: a bar on a terminal, else one line every 10 seconds.

    Both show the completed rows, the rate and the remaining time.

    Args:
        total: Number of rows of the run; 0 prints nothing.
    """

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

    def show(self, done: int, failed: int = 0) -> None:
        """Show the number of completed rows.

        Args:
            done: Completed rows, those of an earlier run included.
            failed: Those among them that have an error. Default: 0, not shown.
        """
        now = time.monotonic()
        if self._start is None:  # the rate is that of this run, without the rows of an earlier one
            self._start = (now, done)
        rate = (done - self._start[1]) / max(now - self._start[0], 1e-9)
        speed = f"{rate:.1f} rows/s, {(self._total - done) / rate / 60:.1f} min left" if rate else ""
        if failed:
            speed = f"{failed} with an error, {speed}".removesuffix(", ")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, speed=speed)
        elif self._total and now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            print(f"{done}/{self._total} rows" + (f", {speed}" if speed else ""), file=sys.stderr, flush=True)
