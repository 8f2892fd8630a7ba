"""The agreement of each layer of a metric with opinions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from matplotlib.figure import Figure

from innersight.datasets.dataset import Direction
from innersight.errors import ArgumentError
from innersight.evaluation.layer_agreement import layer_srcc
from innersight.report.figures.style import (
    COLOURS,
    COLUMN,
    GREY,
    MARKERS,
    add_legend,
    figure_style,
    new_figure,
    turn_crowded_ticks,
)

_LAYER = re.compile(r"(?:(.*) )?layer (\d+)")
_LOWEST, _HIGHEST = 1.8, 3.5  # inches, of the axes
_ALONE = "terms without layers"


def draw_layers(
    parts: Sequence[Sequence[float] | None],
    opinions: Sequence[float | None],
    *,
    opinion_direction: Direction,
    names: Sequence[str] | None = None,
    scores: Sequence[float | None] | None = None,
    references: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    width: float = COLUMN,
) -> Figure:
    """Draw the SRCC of the part of each layer alone against the layer, with 95 % intervals.

    Layers of one network are joined by a line. Terms without layers, such as `thumbnail`, are single points. A dashed
    line is the SRCC of the score.

    Args:
        parts: As for `layer_srcc`.
        opinions: As for `layer_srcc`.
        opinion_direction: As for `layer_srcc`.
        names: The names of the parts, such as `layer 3` or `thumbnail`. Default: None, `layer 0`, `layer 1` and so on.
        scores: The score of each row, lower is better, for the dashed line. Default: None, no line.
        references: As for `layer_srcc`.
        resamples: As for `layer_srcc`.
        seed: As for `layer_srcc`.
        width: Width of the figure, inches. Default: 3.5, one column of a paper.

    Returns:
        The figure.

    Raises:
        ArgumentError: As `layer_srcc`, if the number of names or scores is wrong, or if the width is not 2 to 20
            inches.

    Example:
        >>> parts = [[0.1, 0.5], [0.2, 0.3], [0.3, 0.4], [0.4, 0.9]]
        >>> figure = draw_layers(parts, [4, 3, 2, 1], opinion_direction="higher-is-better", resamples=0)
        >>> figure.axes[0].lines[0].get_ydata().tolist()
        [1.0, 0.4]
    """
    found = layer_srcc(
        parts,
        opinions,
        opinion_direction=opinion_direction,
        references=references,
        resamples=resamples,
        seed=seed,
    )
    labels = [f"layer {index}" for index in range(len(found))] if names is None else list(names)
    if len(labels) != len(found):
        raise ArgumentError(
            f"Argument `names` must have one name for each of the {len(found)} parts, but has {len(labels)}. Pass the "
            "names of the same metric."
        )
    whole = None
    if scores is not None:
        if len(scores) != len(parts):
            raise ArgumentError(
                f"Argument `scores` must have as many rows as `parts`, {len(parts)}, but has {len(scores)}. Pass one "
                "score per row."
            )
        rows = [None if score is None or math.isnan(score) else [score] for score in scores]
        (whole,) = layer_srcc(rows, opinions, opinion_direction=opinion_direction, resamples=0)
    with figure_style():
        figure = new_figure(width, min(max(0.6 * width, _LOWEST), _HIGHEST))
        axes = figure.add_subplot()
        axes.grid(axis="y")
        if whole is not None and whole.value is not None:
            axes.axhline(whole.value, color=GREY, linestyle=(0, (4, 3)), linewidth=0.9, label="score")
        for index, (name, places) in enumerate(_groups(labels).items()):
            joined, colour = name != _ALONE, COLOURS[index % len(COLOURS)]
            values = {place: value for place in places if (value := found[place].value) is not None}
            axes.plot(
                list(values),
                list(values.values()),
                marker=MARKERS[index % len(MARKERS)],
                markersize=4,
                color=colour,
                linestyle="-" if joined else "none",
                label=name,
            )
            ends = [(place, found[place].low, found[place].high) for place in values if found[place].low is not None]
            if ends:
                axes.vlines(*zip(*ends, strict=True), color=colour, linewidth=1.0, alpha=0.6)
        axes.set_xticks(range(len(labels)), [_tick(label) for label in labels])
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_xlabel("layer" if all(map(_LAYER.fullmatch, labels)) else "layer or term")
        axes.set_ylabel("SRCC")
        turn_crowded_ticks(figure, axes)
        handles, shown = axes.get_legend_handles_labels()
        if len(handles) > 1:
            add_legend(figure, dict(zip(shown, handles, strict=True)))
    return figure


def _groups(labels: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of the layers of each network, and of the terms without layers."""
    groups: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        match = _LAYER.fullmatch(label)
        name = _ALONE if match is None else f"layers of {match[1]}" if match[1] else "layers"
        groups.setdefault(name, []).append(place)
    return groups


def _tick(label: str) -> str:
    match = _LAYER.fullmatch(label)
    return label if match is None else match[2]
