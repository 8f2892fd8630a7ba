"""A package of someone else adds a distance, a term, a metric and a data set; the command line takes them by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

CODE = '''
"""A tiny package with one object of each kind."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.distances.registry import Distance, Positional
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.external.registry import MetricEntry
from innersight.metrics.terms.base import PixelFeature, Term


def minkowski(reference, distorted, power=1.0):
    axis = 1 if reference.ndim == 4 else -1
    return (reference - distorted).abs().pow(power).mean(axis)


DISTANCE = Distance("mean power of the difference", {"tokens": Positional(minkowski), "maps": Positional(minkowski)})


@dataclass(frozen=True, kw_only=True)
class LumaDifference(Term):
    """The mean difference of luma."""

    summary: ClassVar[str] = "mean difference of luma"
    name: str = "luma"
    gain: float = 1.0

    @property
    def pixel_feature(self):
        return PixelFeature("luma", lambda images, shown: images.mean(1))

    def scores(self, reference, distorted):
        return self.gain * (reference.pixels - distorted.pixels).abs().mean((1, 2))[:, None]


class MeanDifference(FullReferenceMetric):
    name, higher_is_better, runtime_name, citation = "mae", False, "torch", "mae by other_package 1.0"
    device = torch.device("cpu")

    def forward(self, reference, distorted):
        return (reference - distorted).abs().mean((1, 2, 3))

    def describe(self):
        return {"name": self.name, "citation": self.citation}


METRIC = MetricEntry("mean absolute difference", False, lambda device: MeanDifference())


def load(root):
    pairs = tuple(RatedPair("ref.png", f"{index}.png", float(5 - index)) for index in range(5))
    return DataSet("tiny", None, root, "MOS", "higher-is-better", pairs, 5, {}, "nobody, 2026")
'''

ENTRY_POINTS = """
[innersight.distances]
minkowski = other_package:DISTANCE
[innersight.terms]
luma_difference = other_package:LumaDifference
[innersight.metrics]
mae = other_package:METRIC
broken = other_package:no_such_name
[innersight.datasets]
tiny = other_package:load
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with the installed package and five noisy images of rising strength; the variables that find it."""
    site = tmp_path / "site"
    (site / "other_package-1.0.dist-info").mkdir(parents=True)
    (site / "other_package.py").write_text(CODE)
    (site / "other_package-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n"
    )
    (site / "other_package-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    picture = data.chelsea()[:96, :128].astype(float)
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "ref.png")
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    for index in range(5):
        noisy = (picture + 8 * (index + 1) * noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / f"{index}.png")
    return {"PYTHONPATH": str(site)}


def score(done) -> float:
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[0])


@pytest.mark.thorough
def test_a_distance_with_a_parameter(run, environment) -> None:
    one = score(run("score", "ref.png", "0.png", "--distance", "minkowski", **environment))
    options = ("--distance", "minkowski", "--set", "terms.features.options.power=2")
    two = score(run("score", "ref.png", "0.png", *options, **environment))
    squared = score(run("score", "ref.png", "0.png", **environment))
    assert two == pytest.approx(squared, rel=1e-5)  # the power 2 is l2
    assert one != pytest.approx(two, rel=1e-2)


@pytest.mark.thorough
def test_a_term_with_a_parameter(run, environment, tmp_path) -> None:
    added = ("--set", "terms.luma.type=luma_difference", "--set", "terms.luma.gain=2")
    shown = run("metrics", "show", "lite", *added, **environment)
    (tmp_path / "mine.toml").write_text(shown.stdout)
    assert 'type = "luma_difference"' in shown.stdout
    with_luma = score(run("score", "ref.png", "0.png", *added, **environment))
    assert with_luma != score(run("score", "ref.png", "0.png", **environment))
    done = run("score", "ref.png", "0.png", "--metric", "mine.toml", "--per-layer", **environment)
    assert score(done) == with_luma
    assert "  luma" in done.stdout
    assert "luma 1 (gain 2.0)" in done.stdout


@pytest.mark.thorough
def test_a_metric_and_a_data_set(run, environment, tmp_path) -> None:
    assert 0 < score(run("score", "ref.png", "0.png", "--metric", "mae", **environment)) < 0.1
    done = run(
        "bench",
        "tiny",
        "--root",
        ".",
        "--out",
        "out",
        "--metric",
        "mae",
        "--metric",
        "lite",
        "--resamples",
        "0",
        **environment,
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip().strip("`"): line for line in done.stdout.splitlines() if line.startswith("| ")}
    assert "1.000" in rows["mae"]
    assert "1.000" in rows["lite"]
    assert (tmp_path / "out" / "scores.csv").is_file()


@pytest.mark.thorough
def test_all_four_are_listed_and_a_broken_one_is_named_when_it_is_asked_for(run, environment) -> None:
    listed = run("metrics", **environment).stdout
    assert all(name in listed for name in ("minkowski", "luma_difference", "mae", "gain=1.0"))
    assert "broken" not in listed
    done = run("score", "ref.png", "0.png", "--metric", "broken", **environment)
    assert done.returncode == 2
    assert "The metric 'broken' of another package (other_package:no_such_name) cannot be loaded" in done.stderr
    assert len(done.stderr.splitlines()) == 1
