"""Files of figures: PDF, SVG and PNG, the same bytes each time."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from innersight.errors import ArgumentError, first_line
from innersight.report.destinations import check_destination
from innersight.report.figures.style import figure_style

_DPI = 300
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Creator": None, "Date": None},
    ".png": {"Software": None},
}
"""What matplotlib writes into a file unless it is told not to: dates and versions, which differ between two runs."""


def check_figure(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Check that a figure can be written to a path, before the figure is drawn.

    Args:
        path: Path of the figure.
        inputs: Files that the figure must not replace. Default: none.

    Raises:
        ArgumentError: If the suffix is none of .pdf, .svg and .png, or as `check_destination`.

    Example:
        >>> check_figure(Path("figure.jpg"))
        Traceback (most recent call last):
        innersight.errors.ArgumentError: The name of a figure must end in .pdf, .svg or .png, but got 'figure.jpg'. Use
        another name.
    """
    check_destination(path, inputs, "figure", tuple(_METADATA))


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file. The same figure gives the same bytes with the same version of matplotlib.

    Fonts are embedded: as TrueType in PDF files, and as outlines in SVG files. Images in the figure and PNG files have
    300 dots per inch. The files hold no date.

    Args:
        figure: The figure.
        path: Path of a .pdf, .svg or .png file.

    Raises:
        ArgumentError: As `check_figure`, or if the file cannot be written.

    Example:
        >>> path = getfixture("tmp_path") / "empty.svg"
        >>> save_figure(Figure(), path)
        >>> path.read_text().startswith("<?xml")
        True
    """
    path = Path(path)
    check_figure(path)
    suffix = path.suffix.lower()
    buffer = io.BytesIO()
    with figure_style():
        figure.savefig(buffer, format=suffix[1:], dpi=_DPI, metadata=_METADATA[suffix])
    try:
        path.write_bytes(buffer.getvalue())
    except OSError as error:
        raise ArgumentError(f"The figure cannot be written to '{path}': {first_line(error)}") from error
