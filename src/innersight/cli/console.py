"""Where tables go."""

from __future__ import annotations

from rich.console import Console

_PIPE_WIDTH = 160


def console() -> Console:
    """Return a console as wide as the terminal, or wide enough for every column where there is none."""
    found = Console()
    return found if found.is_terminal else Console(width=_PIPE_WIDTH)
