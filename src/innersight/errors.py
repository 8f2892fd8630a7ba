"""What can go wrong, as the reader of the message sees it: the argument, what is allowed, what came, the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InnersightError(Exception):
    """Base of every error the package raises on purpose; its text is one paragraph meant for the user."""


class ArgumentError(InnersightError, ValueError):
    """An argument that can't be used: a wrong name, range, shape, dtype, device or combination."""


class ImageError(InnersightError, ValueError):
    """A file that can't be read as one image, or two images that can't be compared."""


class WeightsError(InnersightError, RuntimeError):
    """Weights that are absent, unreadable, or made for another network."""


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, or its type where it says nothing.

    Example:
        >>> first_line(EOFError())
        'EOFError'
    """
    return next(iter(str(error).splitlines()), type(error).__name__)


def unknown_name(argument: str, got: object, allowed: Iterable[str], more: str = "") -> ArgumentError:
    """Make the error for a name that is in no list, with its nearest matches.

    Args:
        argument: The argument's name as the user typed it.
        got: The value that came.
        allowed: Every legal value.
        more: A closing sentence, e.g. where the full list is printed.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> print(unknown_name("distance", "skdl", ["l2", "cos", "skld"]))
        Argument `distance` must be one of (l2, cos, skld), but got 'skdl'. Did you mean skld?
    """
    names = list(allowed)
    near = difflib.get_close_matches(str(got), names, n=3, cutoff=0.5)
    listed = ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:3])}, ... {len(names)} names"
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ArgumentError(
        f"Argument `{argument}` must be one of ({listed}), but got {got!r}.{hint}{' ' + more if more else ''}"
    )
