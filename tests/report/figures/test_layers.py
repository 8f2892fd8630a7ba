"""The curve has the SRCC of each layer, and intervals over references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from innersight.errors import ArgumentError
from innersight.evaluation.layer_agreement import layer_srcc
from innersight.report.figures.layers import draw_layers

RANDOM = np.random.default_rng(1)
OPINIONS = RANDOM.uniform(0, 9, 40)
PARTS = np.stack([-OPINIONS + RANDOM.normal(0, noise, 40) for noise in (1, 5, 2, 9)], axis=1)
REFERENCES = [f"r{row % 8}" for row in range(40)]
NAMES = ("layer 0", "layer 2", "thumbnail", "layer 5")


def test_layers_are_joined_and_terms_are_points() -> None:
    figure = draw_layers(
        PARTS.tolist(),
        OPINIONS,
        opinion_direction="higher-is-better",
        names=NAMES,
        scores=PARTS.sum(1),
        references=REFERENCES,
        resamples=50,
    )
    axes = figure.axes[0]
    found = layer_srcc(
        PARTS.tolist(), OPINIONS, opinion_direction="higher-is-better", references=REFERENCES, resamples=50
    )
    whole, layers, terms = axes.lines
    assert whole.get_ydata()[0] == pytest.approx(-stats.spearmanr(PARTS.sum(1), OPINIONS).statistic)
    assert np.asarray(layers.get_xdata()).tolist() == [0, 1, 3]
    assert np.asarray(layers.get_ydata()).tolist() == [found[place].value for place in (0, 1, 3)]
    assert (layers.get_linestyle(), terms.get_linestyle()) == ("-", "None")
    assert np.asarray(terms.get_data()).flatten().tolist() == [2, found[2].value]
    segments = [segment for collection in axes.collections for segment in collection.get_segments()]
    ends = {int(segment[0, 0]): (segment[0, 1], segment[1, 1]) for segment in segments}
    assert ends == {place: (each.low, each.high) for place, each in enumerate(found)}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2", "thumbnail", "5"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["score", "layers", "terms without layers"]


def test_two_networks_are_two_curves() -> None:
    names = ["layer 0", "layer 1", "deep layer 0", "deep layer 1"]
    figure = draw_layers(PARTS.tolist(), OPINIONS, opinion_direction="higher-is-better", names=names, resamples=0)
    assert [np.asarray(line.get_xdata()).tolist() for line in figure.axes[0].lines] == [[0, 1], [2, 3]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["layers", "layers of deep"]


def test_without_names_the_parts_are_numbered_and_there_is_no_legend() -> None:
    figure = draw_layers(PARTS.tolist(), OPINIONS, opinion_direction="higher-is-better", resamples=0)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0", "1", "2", "3"]
    assert figure.axes[0].get_xlabel() == "layer"
    assert figure.legends == []


@pytest.mark.parametrize("width", [2.0, 3.5])
def test_labels_do_not_overlap(width: float) -> None:
    names = [f"a term with a long name {index}" for index in range(4)]
    figure = draw_layers(
        PARTS.tolist(), OPINIONS, opinion_direction="higher-is-better", names=names, resamples=0, width=width
    )
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in ticks} == {45}
    assert min(label.get_window_extent().x0 for label in ticks) >= 0
    assert figure.axes[0].get_window_extent().height > 0.4 * figure.dpi


def test_errors() -> None:
    def draw(parts: list, opinions: list, **more: object) -> None:
        draw_layers(parts, opinions, opinion_direction="higher-is-better", **more)

    with pytest.raises(
        ArgumentError, match="at least 3 rows with parts of layers and an opinion, but there are 2 of 3"
    ):
        draw([[1.0], [2.0], None], [1, 2, 3])
    with pytest.raises(ArgumentError, match=r"same number of parts in each row, at least one, but has \[1, 2\]"):
        draw([[1.0], [2.0, 3.0], [4.0]], [1, 2, 3])
    with pytest.raises(ArgumentError, match=r"at least one, but has \[0\]"):
        draw([[], [], []], [1, 2, 3])
    with pytest.raises(ArgumentError, match="`opinions` must have as many rows as `parts`, 3, but has 2"):
        draw([[1.0], [2.0], [4.0]], [1, 2])
    with pytest.raises(ArgumentError, match="`scores` must have as many rows as `parts`, 3, but has 1"):
        draw([[1.0], [2.0], [4.0]], [1, 2, 3], scores=[1])
    with pytest.raises(ArgumentError, match="`names` must have one name for each of the 1 parts, but has 2"):
        draw([[1.0], [2.0], [4.0]], [1, 2, 3], names=["a", "b"])
