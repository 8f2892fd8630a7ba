"""A bench on made sets: the whole way from files to numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from innersight.benchmark.run import create_contestants, run_bench
from innersight.datasets.dataset import ChoiceSet, DataSet
from innersight.datasets.registry import open_dataset
from innersight.errors import ArgumentError, WeightsError
from innersight.io.tables import read_rows
from innersight.preprocess.perturbation import Perturbation
from standins import image_pair


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """Three references with four blends towards a distorted copy each; opinions fall with the share."""
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


def test_scores_written_are_those_the_statistics_are_of(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_contestants(["lite", "psnr"], runtime="torch")
    (outcome,) = run_bench(opened(rated), metrics, tmp_path / "out", resamples=20).outcomes
    rows = [row for _, row in read_rows(tmp_path / "out" / "scores.csv")]
    opinions = [float(row["opinion"]) for row in rows]
    for name, sign in (("lite", -1), ("psnr", 1)):
        expected = sign * spearmanr([float(row[f"score_{name}"]) for row in rows], opinions).statistic
        assert expected > 0.8
        assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(expected)
        assert set(outcome.evaluations[name].by_kind) == {"a", "b"}
        assert outcome.evaluations[name].references == 3
    (difference,) = outcome.differences
    assert (difference.first, difference.second) == ("lite", "psnr")


def test_a_perturbed_run_scores_perturbed_images_beside_the_plain_ones(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_contestants(["psnr"])
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


def test_an_earlier_run_is_kept_unless_told_and_resumed_without_work(rated: Path, tmp_path: Path) -> None:
    metrics, _ = create_contestants(["psnr"])
    first = run_bench(opened(rated), metrics, tmp_path / "out", resamples=0)
    with pytest.raises(ArgumentError, match="is there already: --resume goes on from it, --overwrite drops it"):
        run_bench(opened(rated), metrics, tmp_path / "out", resamples=0)
    done: list[int] = []
    again = run_bench(opened(rated), metrics, tmp_path / "out", resume=True, resamples=0, on_row=done.append)
    assert done == []
    assert again.outcomes == first.outcomes


def test_rows_that_can_not_be_scored_are_counted_and_left_out(rated: Path, tmp_path: Path) -> None:
    (tmp_path / "d00.png").unlink()
    metrics, _ = create_contestants(["psnr"])
    (outcome,) = run_bench(opened(rated), metrics, tmp_path / "out", resamples=0).outcomes
    assert outcome.failed == 1
    assert outcome.evaluations["psnr"].left_out == {"no score": 1}


def test_choices_are_foretold_by_the_less_distorted_image(rated: Path, tmp_path: Path) -> None:
    choices = tmp_path / "choices.csv"
    lines = [f"r{number}.png,d{number}{3 - step}.png,d{number}0.png,0.9" for number in range(3) for step in range(2)]
    choices.write_text("\n".join(["reference,a,b,share_preferring_b", *lines]) + "\n")
    found = open_dataset(str(choices))
    assert isinstance(found, ChoiceSet)
    metrics, _ = create_contestants(["psnr", "lite"], runtime="torch")
    (outcome,) = run_bench(found, metrics, tmp_path / "out", resamples=10).outcomes
    for name in metrics:
        assert outcome.choices[name].agreement.value == pytest.approx(0.9)
        assert outcome.choices[name].best.value == pytest.approx(0.9)


def test_a_rival_without_weights_is_listed_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *_: object) -> None:
        raise WeightsError(f"no weights of {name}")

    monkeypatch.setattr("innersight.benchmark.run.create_rival", refuse)
    metrics, unavailable = create_contestants(["lpips", "lite"], runtime="torch")
    assert list(metrics) == ["lite"]
    assert unavailable == {"lpips": "no weights of lpips"}
    with pytest.raises(ArgumentError, match="No metric can be had: no weights of lpips"):
        create_contestants(["lpips"])


def test_a_metric_named_twice_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must name each metric once, but got 'psnr' twice"):
        create_contestants(["psnr", "lite", "psnr"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), [("vsi", 0.899), ("gmsd", 0.826), ("ms-ssim", 0.77)])
def test_rivals_agree_with_people_on_the_tid2013_part_as_is_known_of_them(
    shared: Path, tmp_path: Path, name: str, expected: float
) -> None:
    dataset = open_dataset("tid2013", shared / "data" / "tid2013")
    metrics, _ = create_contestants([name])
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(expected, abs=0.0007)
