"""The points, the curve and the numbers of a scatter plot are those of the data."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import optimize, stats

from innersight.errors import ArgumentError
from innersight.report.figures.scatter import MAX_KINDS, draw_scatter
from innersight.report.figures.style import COLOURS, MARKERS

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.uniform(0, 10, 80)
OPINIONS = 1 + 8 / (1 + np.exp((SCORES - 5) / 1.2)) + RANDOM.normal(0, 0.5, 80)
KINDS = [("jpeg", "blur", "noise")[row % 3] for row in range(80)]


def shown_numbers(figure: Figure) -> list[str]:
    (text,) = figure.axes[0].texts
    return text.get_text().splitlines()


def test_the_points_are_the_rows() -> None:
    figure = draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better")
    points, _ = figure.axes[0].lines
    assert points.get_linestyle() == "None"
    np.testing.assert_array_equal(points.get_xydata(), np.stack([SCORES, OPINIONS], axis=1))
    assert figure.legends == []


def test_the_curve_and_the_numbers_are_those_of_scipy() -> None:
    figure = draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better")
    _, curve = figure.axes[0].lines

    def logistic(x: np.ndarray, high: float, low: float, middle: float, width: float) -> np.ndarray:
        return (high - low) / (1 + np.exp(-(x - middle) / width)) + low

    parameters, _ = optimize.curve_fit(logistic, SCORES, OPINIONS, p0=(9, 1, 5, -1))
    x, y = curve.get_data()
    assert (x[0], x[-1]) == (SCORES.min(), SCORES.max())
    np.testing.assert_allclose(y, logistic(np.asarray(x), *parameters), atol=0.01)
    srcc = -stats.spearmanr(SCORES, OPINIONS).statistic
    plcc = stats.pearsonr(logistic(SCORES, *parameters), OPINIONS).statistic
    assert shown_numbers(figure) == [f"SRCC {srcc:.3f}", f"PLCC {plcc:.3f} (fit)"]
    assert srcc > 0.9


@pytest.mark.parametrize(("score_sign", "opinion_sign"), [(1, -1), (-1, 1), (-1, -1)])
def test_all_directions_give_the_same_agreement(score_sign: int, opinion_sign: int) -> None:
    expected = shown_numbers(draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better"))
    figure = draw_scatter(
        score_sign * SCORES,
        opinion_sign * OPINIONS,
        opinion_direction="higher-is-better" if opinion_sign > 0 else "lower-is-better",
        score_direction="lower-is-better" if score_sign > 0 else "higher-is-better",
    )
    assert shown_numbers(figure) == expected
    residual = opinion_sign * OPINIONS - np.interp(score_sign * SCORES, *figure.axes[0].lines[1].get_data())
    assert np.abs(residual).max() < 2  # the curve lies among the points


def test_a_wrong_direction_is_shown_as_negative_agreement() -> None:
    figure = draw_scatter(SCORES, OPINIONS, opinion_direction="lower-is-better")
    assert all("-0.9" in line for line in shown_numbers(figure))


def test_each_kind_has_its_colour_its_marker_and_its_label() -> None:
    figure = draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=KINDS)
    lines = figure.axes[0].lines[:-1]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["blur", "jpeg", "noise"]
    assert [line.get_color() for line in lines] == list(COLOURS[:3])
    assert [line.get_marker() for line in lines] == list(MARKERS[:3])
    assert [line.get_color() for line in legend.get_lines()] == list(COLOURS[:3])
    for line, kind in zip(lines, ("blur", "jpeg", "noise"), strict=True):
        rows = np.array(KINDS) == kind
        np.testing.assert_array_equal(line.get_xydata(), np.stack([SCORES, OPINIONS], axis=1)[rows])


def test_rows_without_values_are_left_out() -> None:
    scores = [None, float("nan"), *SCORES]
    figure = draw_scatter(scores, [1.0, 2.0, *OPINIONS[:-1], None], opinion_direction="higher-is-better")
    assert len(figure.axes[0].lines[0].get_xydata()) == 79


def test_an_infinite_score_counts_in_srcc_and_there_is_no_fit() -> None:
    scores = [np.inf, *-SCORES]
    figure = draw_scatter(
        scores, [10.0, *OPINIONS], opinion_direction="higher-is-better", score_direction="higher-is-better"
    )
    srcc = stats.spearmanr(scores, [10.0, *OPINIONS]).statistic
    assert shown_numbers(figure) == [f"SRCC {srcc:.3f}", "PLCC not defined"]
    (points,) = figure.axes[0].lines
    assert len(points.get_xydata()) == 80


@pytest.mark.parametrize("falls", [False, True])
def test_the_numbers_hide_no_point_if_a_corner_is_empty(falls: bool) -> None:
    x = np.linspace(0, 10, 60)
    y = (-x if falls else x) + np.sin(7 * x) / 5
    figure = draw_scatter(x, y, opinion_direction="higher-is-better" if falls else "lower-is-better", width=2.5)
    axes = figure.axes[0]
    box = axes.texts[0].get_window_extent()
    assert not box.count_contains(axes.transData.transform(axes.lines[0].get_xydata()))


def test_no_label_is_cut_or_hidden() -> None:
    kinds = [f"distortion {row % 20}" for row in range(80)]
    figure = draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=kinds, opinion_label="MOS")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    x_label, y_label, legend = (
        item.get_window_extent() for item in (axes.xaxis.label, axes.yaxis.label, figure.legends[0])
    )
    assert y_label.x0 >= 0
    assert legend.y0 >= 0
    assert legend.y1 <= x_label.y0
    assert axes.get_xlabel() == "score"
    assert axes.get_ylabel() == "MOS"


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="at least 3 rows with a score and an opinion, but there are 2 of 2"):
        draw_scatter([1, 2], [1, 2], opinion_direction="higher-is-better")
    with pytest.raises(ArgumentError, match=f"`kinds` must have at most {MAX_KINDS} different values, but has 80"):
        draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=list(map(str, range(80))))
    with pytest.raises(ArgumentError, match="`kinds` must have as many rows as `scores`, 80, but has 1"):
        draw_scatter(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=["jpeg"])
    with pytest.raises(ArgumentError, match="`opinion_direction` must be one of"):
        draw_scatter(SCORES, OPINIONS, opinion_direction="up")
