"""The points and the intervals are those of the files of results."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from innersight.benchmark.run import create_available, run_bench
from innersight.benchmark.tables import write_tables
from innersight.datasets.registry import open_dataset
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import STATISTICS, Estimate
from innersight.report.figures.compare import LABELS, ComparedSet, draw_compare, read_results

FIRST = ComparedSet(
    "first",
    {
        "lite": {"srcc": Estimate(0.9, 0.8, 0.95), "krcc": Estimate(0.7, 0.6, 0.8)},
        "psnr": {"srcc": Estimate(0.6, None, None), "krcc": Estimate(None, None, None)},
    },
)
SECOND = ComparedSet("second", {"vsi": {"srcc": Estimate(0.5, -0.1, 0.7)}, "lite": {"srcc": Estimate(0.8, 0.7, 0.9)}})


def points(figure: Figure, panel: int) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """Return the value and the interval of each metric in a panel, by the label of its row."""
    axes = figure.axes[panel]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    found: dict[str, tuple[float, tuple[float, float] | None]] = {}
    intervals = {}
    for line in axes.lines:
        x, y = (np.asarray(side).tolist() for side in line.get_data())
        if line.get_marker() == "o":
            found[names[y[0]]] = (x[0], intervals.get(y[0]))
        elif y[0] == y[1]:
            intervals[y[0]] = tuple(x)
    return found


def test_each_data_set_has_a_panel_with_its_values_and_intervals() -> None:
    figure = draw_compare([FIRST, SECOND])
    assert [axes.get_title() for axes in figure.axes] == ["first", "second"]
    assert points(figure, 0) == {"lite": (0.9, (0.8, 0.95)), "psnr": (0.6, None)}
    assert points(figure, 1) == {"vsi": (0.5, (-0.1, 0.7)), "lite": (0.8, (0.7, 0.9))}
    assert figure.axes[0].get_ylim() == (2.5, -0.5)  # the first metric is at the top
    assert figure.get_supxlabel() == "SRCC, 95 % interval"


def test_metrics_are_chosen_and_ordered() -> None:
    figure = draw_compare([FIRST, SECOND], metrics=["vsi", "lite"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["vsi", "lite"]
    assert points(figure, 0) == {"lite": (0.9, (0.8, 0.95))}
    assert set(points(figure, 1)) == {"vsi", "lite"}


def test_a_statistic_that_is_not_defined_has_no_point() -> None:
    figure = draw_compare([FIRST], statistic="krcc")
    assert points(figure, 0) == {"lite": (0.7, (0.6, 0.8))}
    assert figure.axes[0].get_xlabel() == "KRCC, 95 % interval"


def test_every_statistic_has_a_label() -> None:
    assert tuple(sorted(LABELS)) == tuple(sorted(STATISTICS))


@pytest.mark.parametrize(("count", "width"), [(2, 2.0), (3, 3.5), (5, 3.5), (5, 7.16)])
def test_labels_do_not_overlap(count: int, width: float) -> None:
    sets = [ComparedSet(f"set {index}", {**FIRST.estimates, **SECOND.estimates}) for index in range(count)]
    figure = draw_compare(sets, width=width)
    figure.draw_without_rendering()
    labelled: list[bool] = []
    for axes in figure.axes[:count]:
        lowest, highest = sorted(axes.get_xlim())
        ticks = [
            tick.label1.get_window_extent()
            for tick in axes.xaxis.get_major_ticks()
            if lowest <= tick.get_loc() <= highest and tick.label1.get_visible()
        ]
        labelled.append(bool(ticks))
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(ticks))
        assert axes.get_window_extent().width > 0.5 * figure.dpi
    columns = len({round(axes.get_window_extent().x0) for axes in figure.axes[:count]})
    assert labelled == [index >= count - columns for index in range(count)]  # the lowest panel of each column
    names = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert min(box.x0 for box in names) >= 0
    titles = [axes.title.get_window_extent() for axes in figure.axes[:count]]
    assert not any(a.overlaps(b) for index, a in enumerate(titles) for b in titles[index + 1 :])


def test_the_results_of_bench_are_read(tmp_path: Path) -> None:
    image = (np.indices((64, 64)).sum(0)[..., None] * np.array([1, 2, 1])).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "r.png")
    lines = ["reference,distorted,opinion"]
    for strength in (1, 2, 4, 8):
        noise = np.random.default_rng(0).integers(0, strength + 1, image.shape).astype(np.uint8)
        Image.fromarray(image // 2 + noise).save(tmp_path / f"{strength}.png")
        lines.append(f"r.png,{strength}.png,{-strength}")
    (tmp_path / "made.csv").write_text("\n".join(lines) + "\n")
    dataset = open_dataset(str(tmp_path / "made.csv"), None, "higher-is-better")
    metrics, _ = create_available(["lite", "psnr"])
    result = run_bench(dataset, metrics, tmp_path / "out", resamples=20)
    write_tables(result, tmp_path / "out")
    found = read_results(tmp_path / "out" / "results.json")
    assert found.name == "made"
    assert found.estimates == {name: each.overall for name, each in result.outcomes[0].evaluations.items()}


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(ArgumentError, match=r"results '.*results.json' cannot be read: No such file"):
        read_results(path)
    path.write_text("{")
    with pytest.raises(ArgumentError, match="cannot be read: Expecting property name"):
        read_results(path)
    for content in ({}, [], {"dataset": {"name": "a"}, "outcomes": []}):
        path.write_text(json.dumps(content))
        with pytest.raises(ArgumentError, match=r"is not a results\.json of `innersight bench`"):
            read_results(path)
    chosen = {"perturbation": "none", "metrics": {"lite": {"agreement": {}}}}
    path.write_text(json.dumps({"dataset": {"name": "a"}, "outcomes": [chosen]}))
    with pytest.raises(ArgumentError, match="are of two-alternative choices"):
        read_results(path)
    with pytest.raises(ArgumentError, match=r"`statistic` must be one of .* but got 'src'\. Did you mean srcc"):
        draw_compare([FIRST], statistic="src")
    with pytest.raises(ArgumentError, match=r"`metrics` must be one of \(lite, psnr\), but got 'vsi'"):
        draw_compare([FIRST], metrics=["vsi"])
    with pytest.raises(ArgumentError, match="`sets` must hold at least one data set"):
        draw_compare([])
