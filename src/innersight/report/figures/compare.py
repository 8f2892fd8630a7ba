"""The agreement of several metrics with opinions, with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.evaluation.agreement import STATISTICS, Estimate, Estimates
from innersight.report.figures.style import COLOURS, COLUMN, GREY, check_width, figure_style, new_figure

LABELS = {
    "plcc": "PLCC",
    "srcc": "SRCC",
    "krcc": "KRCC",
    "plcc_logistic4": "PLCC after the logistic fit",
    "rmse_logistic4": "RMSE after the logistic fit",
    "plcc_logistic5": "PLCC after the 5-parameter fit",
    "rmse_logistic5": "RMSE after the 5-parameter fit",
}
"""The labels of the statistics of `innersight.evaluation.agreement.STATISTICS`."""

_ROW = 0.17  # inches, the height of a metric
_SMALLEST_PANEL = 0.9  # inches
_CHARACTER = 0.065  # inches, the mean width


@dataclass(frozen=True)
class ComparedSet:
    """The agreement of several metrics on one data set.

    Attributes:
        name: Name of the data set.
        estimates: The statistics of each metric over all rows, by name of the metric and of the statistic.
    """

    name: str
    estimates: dict[str, Estimates]


def read_results(path: Path) -> ComparedSet:
    """Read the file `results.json` that `innersight bench` writes. Results of perturbed images are not used.

    Args:
        path: The file.

    Returns:
        The statistics of all metrics over all rows.

    Raises:
        ArgumentError: If the file cannot be read, or is not such a file, or the data set holds two-alternative choices.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ArgumentError(
            f"The results '{path}' cannot be read: {reason}. Pass a results.json of `innersight bench`."
        ) from error
    try:
        name = str(content["dataset"]["name"])
        plain = next(outcome for outcome in content["outcomes"] if outcome["perturbation"] == "none")
        chosen = any("overall" not in found for found in plain["metrics"].values())
        estimates = {} if chosen else {name: _estimates(found) for name, found in plain["metrics"].items()}
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ArgumentError(
            f"The file '{path}' is not a results.json of `innersight bench`. Pass the one in the folder of its --out."
        ) from error
    if chosen:
        raise ArgumentError(
            f"The results '{path}' are of two-alternative choices, which have no correlations. Pass those of opinions."
        )
    return ComparedSet(name, estimates)


def _estimates(found: Any) -> Estimates:
    return {name: Estimate(values["value"], values["low"], values["high"]) for name, values in found["overall"].items()}


def draw_compare(
    sets: Sequence[ComparedSet],
    *,
    statistic: str = "srcc",
    metrics: Sequence[str] | None = None,
    width: float = COLUMN,
) -> Figure:
    """Draw a statistic of several metrics with its 95 % intervals, in one panel for each data set.

    A metric without a value on a data set has no point there.

    Args:
        sets: The data sets, as `read_results` reads them, at least one.
        statistic: `srcc`, `plcc`, `krcc`, `plcc_logistic4`, `rmse_logistic4`, `plcc_logistic5` or `rmse_logistic5`.
            Default: `srcc`.
        metrics: The metrics to draw, from top to bottom. Default: None, all in the order of the data sets.
        width: Width of the figure, inches. Default: 3.5, one column of a paper.

    Returns:
        The figure.

    Raises:
        ArgumentError: If there is no data set, the statistic is unknown, a metric is in none of the data sets, or the
            width is not 2 to 20 inches.

    Example:
        >>> estimates = {"lite": Estimate(0.9, 0.8, 0.95), "psnr": Estimate(0.7, 0.6, 0.8)}
        >>> figure = draw_compare([ComparedSet("made", {name: {"srcc": each} for name, each in estimates.items()})])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['lite', 'psnr']
    """
    if statistic not in STATISTICS:
        raise unknown_name("statistic", statistic, STATISTICS)
    if not sets:
        raise ArgumentError("Argument `sets` must hold at least one data set, but is empty. Add the results of one.")
    check_width(width)
    known = list(dict.fromkeys(name for each in sets for name in each.estimates))
    for name in metrics or ():
        if name not in known:
            raise unknown_name("metrics", name, known)
    names = list(dict.fromkeys(metrics or known))
    across = max(1, min(len(sets), int((width - _CHARACTER * max(map(len, names)) - 0.15) / _SMALLEST_PANEL)))
    down = math.ceil(len(sets) / across)
    ticks = max(2, int(2.2 * width / across))
    is_correlation = not statistic.startswith("rmse")
    with figure_style():
        figure = new_figure(width, down * (_ROW * (len(names) + 1) + 0.25) + 0.3)
        grid = figure.subplots(down, across, squeeze=False, sharey=True, sharex=is_correlation)
        for index, axes in enumerate(grid.flat):
            if index >= len(sets):
                axes.set_axis_off()
                continue
            shown = sets[index]
            axes.set_title(shown.name)
            axes.grid(axis="x")
            for row, name in enumerate(names):
                estimate = shown.estimates.get(name, {}).get(statistic, Estimate(None, None, None))
                if estimate.value is None:
                    continue
                if estimate.low is not None and estimate.high is not None:
                    axes.plot([estimate.low, estimate.high], [row, row], color=COLOURS[0], solid_capstyle="butt")
                axes.plot(estimate.value, row, marker="o", markersize=4, color=COLOURS[0], linestyle="none")
            axes.set_yticks(range(len(names)), names)
            axes.tick_params(axis="y", length=0)
            axes.tick_params(axis="x", labelbottom=index + across >= len(sets) or not is_correlation)
            axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
            if is_correlation and axes.dataLim.x0 < 0:
                axes.axvline(0, color=GREY, linewidth=0.6)
        grid[0, 0].set_ylim(len(names) - 0.5, -0.5)  # the first metric is at the top
        if len(sets) == 1:
            grid[0, 0].set_xlabel(f"{LABELS[statistic]}, 95 % interval")
        else:
            figure.supxlabel(f"{LABELS[statistic]}, 95 % interval", fontsize=8)
    return figure
