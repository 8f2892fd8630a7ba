"""The console that prints tables."""

from __future__ import annotations

from rich.console import Console

_PIPE_WIDTH = 160  # characters; wide enough for the columns of all tables


def console() -> Console:
    """Return a console with the width of the terminal, or of 160 characters where the output is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=_PIPE_WIDTH)
