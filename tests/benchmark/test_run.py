"""Benchmarks on small data sets: from image files to statistics."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from innersight.benchmark.run import create_available, run_bench
from innersight.benchmark.tables import write_tables
from innersight.cli.evaluate import evaluate
from innersight.datasets.dataset import ChoiceSet, DataSet, RatedPair
from innersight.datasets.registry import open_dataset
from innersight.errors import ArgumentError, WeightsError
from innersight.inference.scorer import Scorer
from innersight.io.tables import read_rows
from innersight.metrics.external.registry import METRICS
from innersight.preprocess.perturbation import Perturbation
from standins import image_pair


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """Three references with four levels of one distortion each. Opinions decrease with the level."""
    lines = ["reference,distorted,opinion,kind"]
    for number in range(3):
        reference, distorted = (image.astype(float) for image in image_pair(64, 80, number))
        Image.fromarray(reference.astype(np.uint8)).save(tmp_path / f"r{number}.png")
        for step, share in enumerate((0.1, 0.3, 0.6, 1.0)):
            blend = (reference + share * (distorted - reference)).round().astype(np.uint8)
            Image.fromarray(blend).save(tmp_path / f"d{number}{step}.png")
            lines.append(f"r{number}.png,d{number}{step}.png,{5 - share - number / 100},{'ab'[step % 2]}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "list.csv"


def opened(path: Path) -> DataSet:
    found = open_dataset(str(path), None, "higher-is-better")
    assert isinstance(found, DataSet)
    return found


def test_the_statistics_are_those_of_the_scores_in_the_file(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_available(["lite", "psnr"], runtime="torch")
    (outcome,) = run_bench(opened(rated), metrics, tmp_path / "out", resamples=20).outcomes
    rows = [row for _, row in read_rows(tmp_path / "out" / "scores.csv")]
    opinions = [float(row["opinion"]) for row in rows]
    for name, sign in (("lite", -1), ("psnr", 1)):
        expected = sign * spearmanr([float(row[f"score_{name}"]) for row in rows], opinions).statistic
        assert expected > 0.8
        assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(expected)
        assert set(outcome.evaluations[name].by_kind) == {"a", "b"}
        assert outcome.evaluations[name].references == 3
    (comparison,) = outcome.comparisons
    assert (comparison.first, comparison.second) == ("lite", "psnr")


def test_perturbed_images_are_scored_in_addition_to_the_plain_ones(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_available(["psnr"])
    shifts = [Perturbation("tra", 2), Perturbation("tra", 10)]
    plain, small, large = run_bench(
        opened(rated), metrics, tmp_path / "out", perturbations=shifts, resamples=0
    ).outcomes
    assert (plain.perturbation, small.perturbation, large.perturbation) == (None, *shifts)
    means = [
        np.mean([float(row["score"]) for _, row in read_rows(tmp_path / "out" / f"scores{suffix}.csv")])
        for suffix in ("", "_tra-2", "_tra-10")
    ]
    assert means == sorted(means, reverse=True)


def test_an_earlier_run_is_kept_by_default_and_resumed_without_work(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_available(["psnr"])
    first = run_bench(opened(rated), metrics, tmp_path / "out", resamples=0)
    with pytest.raises(ArgumentError, match="is there already: --resume goes on from it, --overwrite drops it"):
        run_bench(opened(rated), metrics, tmp_path / "out", resamples=0)
    done: list[int] = []
    again = run_bench(opened(rated), metrics, tmp_path / "out", resume=True, resamples=0, on_row=done.append)
    assert done == []
    assert again.outcomes == first.outcomes


def test_rows_that_cannot_be_scored_are_counted_and_left_out(rated: Path, tmp_path: Path) -> None:
    (tmp_path / "d00.png").unlink()
    metrics, _ = create_available(["psnr"])
    (outcome,) = run_bench(opened(rated), metrics, tmp_path / "out", resamples=0).outcomes
    assert outcome.failed == 1
    assert outcome.evaluations["psnr"].left_out == {"no score": 1}


def test_a_metric_prefers_the_less_distorted_image_of_a_choice(rated: Path, tmp_path: Path) -> None:
    choices = tmp_path / "choices.csv"
    lines = [f"r{number}.png,d{number}{3 - step}.png,d{number}0.png,0.9" for number in range(3) for step in range(2)]
    choices.write_text("\n".join(["reference,a,b,share_preferring_b", *lines]) + "\n")
    found = open_dataset(str(choices))
    assert isinstance(found, ChoiceSet)
    metrics, _ = create_available(["psnr", "lite"], runtime="torch")
    (outcome,) = run_bench(found, metrics, tmp_path / "out", resamples=10).outcomes
    for name in metrics:
        assert outcome.two_alternative[name].agreement.value == pytest.approx(0.9)
        assert outcome.two_alternative[name].majority.value == pytest.approx(0.9)


def test_an_external_metric_without_weights_is_listed_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: object) -> NoReturn:
        raise WeightsError("no weights of lpips")

    monkeypatch.setitem(METRICS._items, "lpips", replace(METRICS["lpips"], create=refuse))
    metrics, unavailable = create_available(["lpips", "lite"], runtime="torch")
    assert list(metrics) == ["lite"]
    assert unavailable == {"lpips": "no weights of lpips"}
    with pytest.raises(ArgumentError, match="No metric is available: no weights of lpips"):
        create_available(["lpips"])


def test_a_metric_named_twice_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must name each metric once, but got 'psnr' twice"):
        create_available(["psnr", "lite", "psnr"])


class FixedScores(Scorer):
    """A scorer for tests of the statistics alone: `use_fixed_scores` replaces the engine that would call it."""

    def __init__(self, higher_is_better: bool = False) -> None:
        self._higher_is_better = higher_is_better

    @property
    def higher_is_better(self) -> bool:
        return self._higher_is_better

    def describe(self) -> dict[str, str]:
        return {"citation": "fixed"}


@pytest.fixture
def use_fixed_scores(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the engine by one that writes given scores next to the columns of the list."""

    def use(dataset: DataSet, scores: Mapping[str, Sequence[float | None]]) -> None:
        def write(pairs: object, metrics: object, path: Path, **_: object) -> SimpleNamespace:
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["ref", "mos", "std", *(f"score_{name}" for name in scores)])
                for pair, row in zip(dataset.pairs, zip(*scores.values(), strict=True), strict=True):
                    writer.writerow([pair.reference, pair.opinion, pair.opinion_std, *row])
            return SimpleNamespace(rows=len(dataset.pairs), failed=0)

        monkeypatch.setattr("innersight.benchmark.run.score_list", write)

    return use


def rated_with_std(votes: int | None = None, count: int = 40) -> DataSet:
    draw = np.random.default_rng(11)
    pairs = tuple(
        RatedPair(f"r{row // 8}.png", f"d{row}.png", float(draw.uniform(1, 5)), float(draw.uniform(0.2, 1)), votes)
        for row in range(count)
    )
    return DataSet("made", None, Path(), "MOS", "higher-is-better", pairs, count, {}, "")


def two_distances(dataset: DataSet) -> dict[str, list[float | None]]:
    draw = np.random.default_rng(12)
    return {
        name: [-pair.opinion + float(draw.normal(0, noise)) for pair in dataset.pairs]
        for name, noise in (("good", 0.3), ("poor", 2.0))
    }


@pytest.mark.parametrize("votes", [None, 9])
def test_bench_gives_the_statistics_with_standard_deviation_of_evaluate(
    use_fixed_scores: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str], votes: int | None
) -> None:
    dataset = rated_with_std()
    use_fixed_scores(dataset, two_distances(dataset))
    metrics = {"good": FixedScores(), "poor": FixedScores()}
    result = run_bench(dataset, metrics, tmp_path, resamples=0, votes=votes)
    write_tables(result, tmp_path)
    evaluate(
        tmp_path / "scores.csv",
        "higher-is-better",
        score="score_good",
        opinion="mos",
        opinion_std="std",
        votes=votes,
        versus="score_poor",
        resamples=0,
        as_json=True,
    )
    expected = json.loads(capsys.readouterr().out.replace("score_", ""))["with_std"]
    found = json.loads((tmp_path / "results.json").read_text())["outcomes"][0]["with_std"]
    assert found == expected
    assert found["votes"] == votes
    values = expected["metrics"]["poor"]
    assert 0 < values["accuracy"] < 1  # the two metrics and the pairs are not trivial
    assert 0 < expected["p_values"][0]["auc_better_worse"] < 0.05
    assert (
        f"| poor | {' | '.join(f'{value:.4f}' for value in values.values())} |" in (tmp_path / "results.md").read_text()
    )


def test_the_votes_of_the_data_set_are_used_unless_votes_are_given(
    use_fixed_scores: Callable[..., None], tmp_path: Path
) -> None:
    dataset = rated_with_std(votes=9)
    use_fixed_scores(dataset, two_distances(dataset))
    metrics = {"good": FixedScores(), "poor": FixedScores()}

    def different_pairs(votes: int | None) -> int:
        found = run_bench(dataset, metrics, tmp_path, resamples=0, votes=votes).outcomes[0].with_std
        assert found is not None
        return found.pairs.different

    assert different_pairs(None) == different_pairs(9) > different_pairs(1)


def test_metrics_of_both_directions_are_compared(use_fixed_scores: Callable[..., None], tmp_path: Path) -> None:
    dataset = rated_with_std()
    distance = two_distances(dataset)["good"]
    use_fixed_scores(dataset, {"distance": distance, "similarity": [-score for score in distance if score is not None]})
    metrics = {"distance": FixedScores(), "similarity": FixedScores(higher_is_better=True)}
    found = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes[0].with_std
    assert found is not None
    assert found.statistics("distance") == found.statistics("similarity")
    assert found.p_values()["distance", "similarity"]["auc_better_worse"] == 1.0


def test_few_rows_with_standard_deviation_leave_the_other_statistics(
    use_fixed_scores: Callable[..., None], tmp_path: Path
) -> None:
    dataset = rated_with_std()
    pairs = [replace(pair, opinion_std=None if row > 1 else 1.0) for row, pair in enumerate(dataset.pairs)]
    dataset = replace(dataset, pairs=tuple(pairs))
    use_fixed_scores(dataset, two_distances(dataset))
    metrics = {"good": FixedScores(), "poor": FixedScores()}
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    assert outcome.evaluations["good"].rows == 40
    assert outcome.with_std is None
    (note,) = outcome.notes
    assert note.startswith("no statistics with standard deviation: There must be at least 3 rows")


def test_a_data_set_without_standard_deviations_has_no_such_statistics(
    use_fixed_scores: Callable[..., None], tmp_path: Path
) -> None:
    dataset = rated_with_std()
    dataset = replace(dataset, pairs=tuple(replace(pair, opinion_std=None) for pair in dataset.pairs))
    use_fixed_scores(dataset, two_distances(dataset))
    metrics = {"good": FixedScores(), "poor": FixedScores()}
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    assert (outcome.with_std, outcome.notes) == (None, [])
    with pytest.raises(ArgumentError, match="`votes` needs standard deviations of opinions, but made has none"):
        run_bench(dataset, metrics, tmp_path, votes=3)


def test_wrong_votes_are_refused_before_an_image_is_scored(tmp_path: Path) -> None:
    metrics = {"good": FixedScores()}
    with pytest.raises(ArgumentError, match="`votes` must be at least 1, but got 0"):
        run_bench(rated_with_std(), metrics, tmp_path / "out", votes=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("vsi", 0.899, marks=pytest.mark.thorough),
        ("gmsd", 0.826),
        pytest.param("ms-ssim", 0.77, marks=pytest.mark.thorough),
    ],
)
def test_external_metrics_have_their_known_correlations_on_a_part_of_tid2013(
    shared: Path, tmp_path: Path, name: str, expected: float
) -> None:
    dataset = open_dataset("tid2013", shared / "data" / "tid2013")
    metrics, _ = create_available([name])
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(expected, abs=0.0007)
