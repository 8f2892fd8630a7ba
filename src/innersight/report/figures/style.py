"""The style of all figures: fonts, lines, colours and markers. It replaces the settings of the user while it draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import matplotlib as mpl
import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innersight.errors import ArgumentError

COLUMN, PAGE = 3.5, 7.16
"""The widths of one and of two columns of an IEEE paper, inches."""

WIDTHS = (2.0, 20.0)
"""The smallest and the largest width of a figure, inches."""

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
"""Colours that colour-blind readers can tell apart.

Source: M. Okabe, K. Ito, Color Universal Design, 2008. Its black is the colour of fits, and its yellow is too light for
small markers on white.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One more than the colours, so that 42 pairs of a colour and a marker differ."""

GREY = "#666666"
"""The colour of reference lines."""

_MOST_COLUMNS = 12  # of a legend
_SETTINGS = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.wspace": 0.05,
    # TrueType fonts are embedded: publishers refuse the Type 3 fonts of matplotlib's default.
    "pdf.fonttype": 42,
    # Outlines look the same on all machines. Text would need the font on the machine of the reader.
    "svg.fonttype": "path",
    "svg.hashsalt": "innersight",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Use the style of the figures in the block. The global settings of matplotlib are restored after it.

    Example:
        >>> with figure_style():
        ...     mpl.rcParams["pdf.fonttype"]
        42
    """
    with mpl.style.context(["default", _SETTINGS]):
        yield


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """Make an empty figure, without pyplot.

    Args:
        width: The width, inches, in `WIDTHS`.
        height: The height, inches.
        layout: The layout engine of matplotlib. Default: `constrained`.

    Raises:
        ArgumentError: If the width is not in `WIDTHS`.
    """
    check_width(width)
    return Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]


def check_width(width: float, lowest: float = WIDTHS[0]) -> None:
    """Check the width of a figure.

    Args:
        width: The width, inches.
        lowest: The smallest width that is allowed. Default: 2.

    Raises:
        ArgumentError: If the width is not `lowest` to 20 inches.

    Example:
        >>> check_width(89)
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `width` must be 2 to 20 inches, but got 89. One column of a paper has
        about 3.5 inches (89 mm), two have 7.16 inches (182 mm).
    """
    if not (math.isfinite(width) and lowest <= width <= WIDTHS[1]):
        raise ArgumentError(
            f"Argument `width` must be {lowest:g} to {WIDTHS[1]:g} inches, but got {width:g}. One column of a paper "
            f"has about {COLUMN} inches (89 mm), two have {PAGE} inches (182 mm)."
        )


def add_legend(figure: Figure, handles: Mapping[str, Artist]) -> None:
    """Add a legend below the axes, with as many columns as fit, and make the figure higher by the legend.

    Args:
        figure: The figure.
        handles: What the legend shows, by label. The entries are in rows, from left to right.
    """
    count = len(handles)
    for rows in range(-(-count // _MOST_COLUMNS), count + 1):
        columns = -(-count // rows)
        order = [index for column in range(columns) for index in range(column, count, columns)]  # it fills columns
        labels = [list(handles)[index] for index in order]
        legend = figure.legend(
            [handles[label] for label in labels],
            labels,
            loc="outside lower center",
            ncols=columns,
            handletextpad=0.4,
            columnspacing=0.9,
            handlelength=1.4,
            borderpad=0.2,
        )
        figure.draw_without_rendering()
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + legend.get_window_extent().height / figure.dpi)


def turn_crowded_ticks(figure: Figure, axes: Axes) -> None:
    """Turn the labels of the horizontal axis if two of them overlap."""
    figure.draw_without_rendering()  # the layout decides where the labels are
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    if any(left.x1 > right.x0 for left, right in itertools.pairwise(boxes)):
        for label in axes.get_xticklabels():
            label.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")
