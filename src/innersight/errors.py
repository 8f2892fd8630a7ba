"""The errors of the package. A message names the argument, what is allowed, what was passed and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InnersightError(Exception):
    r"""Base of all errors that the package raises on purpose. The message is for the user, in one line.

    Args:
        message: The message. Line breaks, terminal codes and other characters that cannot be printed are escaped, since
            names of files can hold them.

    Example:
        >>> print(InnersightError("No such file: 'a" + chr(10) + "b.png'."))
        No such file: 'a\nb.png'.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


def printable(text: str) -> str:
    r"""Escape the characters of a text that cannot be printed.

    Args:
        text: A text, such as the name of a file.

    Example:
        >>> print(printable("a" + chr(27) + "[31m.png"))
        a\x1b[31m.png
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class ArgumentError(InnersightError, ValueError):
    """An argument has a wrong name, range, shape, dtype or device, or does not fit the other arguments."""


class ImageError(InnersightError, ValueError):
    """A file cannot be read as one image, or two images cannot be compared."""


class WeightsError(InnersightError, RuntimeError):
    """Weights are absent, unreadable, or those of another network."""


def first_line(error: BaseException) -> str:
    """Return the first line of the message of an error, or the name of its type if the message is empty.

    Args:
        error: An error of another library.

    Example:
        >>> first_line(EOFError())
        'EOFError'
    """
    return next(iter(str(error).splitlines()), type(error).__name__)


def unknown_name(argument: str, got: object, allowed: Iterable[str], more: str = "") -> ArgumentError:
    """Make the error for an unknown name, with the nearest allowed names.

    Args:
        argument: Name of the argument.
        got: The value of the argument.
        allowed: The allowed names.
        more: A sentence at the end of the message. Default: none.

    Returns:
        The error. The caller raises it.

    Example:
        >>> print(unknown_name("distance", "skdl", ["l2", "cos", "skld"]))
        Argument `distance` must be one of (l2, cos, skld), but got 'skdl'. Did you mean skld?
    """
    names = list(allowed)
    near = difflib.get_close_matches(str(got), names, n=3, cutoff=0.5)
    listed = ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ArgumentError(
        f"Argument `{argument}` must be one of ({listed}), but got {got!r}.{hint}{' ' + more if more else ''}"
    )
