"""Scores against opinions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import Estimate, evaluate
from innersight.evaluation.correlation import Floats
from innersight.evaluation.fitting import fit_logistic
from innersight.report.figures.style import COLOURS, COLUMN, MARKERS, add_legend, figure_style, new_figure

MAX_KINDS = 28
"""The largest number of distortion types that a figure tells apart."""

_CURVE_POINTS = 200
_HIGHEST = 4.0  # inches, of the axes
_CORNERS = (
    ((0.97, 0.97), "right", "top"),
    ((0.03, 0.97), "left", "top"),
    ((0.03, 0.03), "left", "bottom"),
    ((0.97, 0.03), "right", "bottom"),
)
_PAD = 4  # pixels around a text, the size of a marker


def draw_scatter(
    scores: Sequence[float | None],
    opinions: Sequence[float | None],
    *,
    opinion_direction: Direction,
    score_direction: Direction = "lower-is-better",
    kinds: Sequence[str] | None = None,
    score_label: str = "score",
    opinion_label: str = "opinion",
    width: float = COLUMN,
) -> Figure:
    r"""Draw opinions against scores, one point for each row, with a logistic fit.

    The curve is the fit :math:`(b_1 - b_2) / (1 + e^{-(x - b_3) / b_4}) + b_2` of the opinions, see `fit_logistic`. The
    emptiest corner has SRCC, and PLCC after the fit, as `innersight.evaluation.agreement.evaluate` computes them.
    Positive values mean agreement.

    Source: H. R. Sheikh, M. F. Sabir, A. C. Bovik, IEEE Transactions on Image Processing 15(11), 2006.

    Args:
        scores: One score per row. Rows with None or nan are left out. An infinite score counts in SRCC, but is not
            drawn, and then there is no fit.
        opinions: One opinion per row. Rows without a finite opinion are left out.
        opinion_direction: `higher-is-better` (MOS) or `lower-is-better` (DMOS).
        score_direction: The same of the scores. Default: `lower-is-better`, as for a distance.
        kinds: Distortion type of each row, at most 28 different ones. Each has a colour and a marker. Default: None,
            one colour.
        score_label: Label of the horizontal axis. Default: `score`.
        opinion_label: Label of the vertical axis. Default: `opinion`.
        width: Width of the figure, inches. Default: 3.5, one column of a paper.

    Returns:
        The figure.

    Raises:
        ArgumentError: As `evaluate`, if there are too many distortion types, or if the width is not 2 to 20 inches.

    Example:
        >>> figure = draw_scatter([1, 2, 3, 5, 6], [5, 4, 3, 2, 1], opinion_direction="higher-is-better")
        >>> print(figure.axes[0].texts[0].get_text().splitlines()[0])
        SRCC 1.000
    """
    found = evaluate(
        scores,
        opinions,
        opinion_direction=opinion_direction,
        score_direction=score_direction,
        kinds=kinds,
        resamples=0,
    )
    x, y = (np.array([math.nan if value is None else value for value in side], float) for side in (scores, opinions))
    kept = ~np.isnan(x) & np.isfinite(y)
    drawn = kept & np.isfinite(x)
    with figure_style():
        groups = _groups(kinds, drawn)
        figure = new_figure(width, min(0.75 * width, _HIGHEST))
        axes = figure.add_subplot()
        handles: dict[str, Line2D] = {}
        for index, (kind, rows) in enumerate(groups.items()):
            (handles[kind],) = axes.plot(
                x[rows],
                y[rows],
                linestyle="none",
                marker=MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                markersize=3.2,
                markeredgewidth=0,
                alpha=0.75,
            )
        # With the signs of `evaluate`, so that the curve is the one whose PLCC is shown.
        signs = [1 if direction == "higher-is-better" else -1 for direction in (score_direction, opinion_direction)]
        fit = fit_logistic(signs[0] * x[kept], signs[1] * y[kept], 4)
        points = np.stack([x[drawn], y[drawn]], axis=1)
        if fit is not None:
            line = np.linspace(x[drawn].min(), x[drawn].max(), _CURVE_POINTS)
            curve = signs[1] * fit(signs[0] * line)
            axes.plot(line, curve, color="black")
            points = np.concatenate([points, np.stack([line, curve], axis=1)])
        axes.set_xlabel(score_label)
        axes.set_ylabel(opinion_label)
        if kinds is not None:
            add_legend(figure, handles)
        srcc, plcc = found.overall["srcc"], found.overall["plcc_logistic4"]
        shown = f"SRCC {_number(srcc)}\nPLCC {_number(plcc)}" + ("" if plcc.value is None else " (fit)")
        _place_in_corner(figure, axes, shown, points)
    return figure


def _number(estimate: Estimate) -> str:
    return "not defined" if estimate.value is None else f"{estimate.value:.3f}"


def _groups(kinds: Sequence[str] | None, drawn: np.typing.NDArray[np.bool_]) -> dict[str, np.typing.NDArray[np.bool_]]:
    """Return the rows of each distortion type, in the order of the names."""
    if kinds is None:
        return {"": drawn}
    named = np.array([str(kind) for kind in kinds])
    names = sorted(set(named[drawn]))
    if len(names) > MAX_KINDS:
        raise ArgumentError(
            f"Argument `kinds` must have at most {MAX_KINDS} different values, but has {len(names)}: more cannot be "
            "told apart. Leave it out, or group them."
        )
    return {name: drawn & (named == name) for name in names}


def _place_in_corner(figure: Figure, axes: Axes, shown: str, points: Floats) -> None:
    """Write a text into the corner of the axes where it hides the fewest points, (n, 2)."""
    texts = [
        axes.text(
            *place,
            shown,
            transform=axes.transAxes,
            ha=horizontal,
            va=vertical,
            fontsize=7,
            linespacing=1.3,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
        for place, horizontal, vertical in _CORNERS
    ]
    figure.draw_without_rendering()  # the layout decides where the points are
    places = axes.transData.transform(points)
    hidden = [text.get_window_extent().padded(_PAD).count_contains(places) for text in texts]
    best = int(np.argmin(hidden))
    for index, text in enumerate(texts):
        if index != best:
            text.remove()
