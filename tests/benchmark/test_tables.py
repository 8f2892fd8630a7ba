from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from innersight.benchmark.run import BenchResult, Outcome
from innersight.benchmark.tables import to_csv, to_markdown, write_tables
from innersight.datasets.dataset import ChoiceSet, DataSet, RatedPair
from innersight.evaluation.agreement import evaluate
from innersight.evaluation.pairwise import compare
from innersight.evaluation.two_alternative import agree
from innersight.preprocess.perturbation import Perturbation

DRAW = np.random.default_rng(1)
OPINIONS = list(DRAW.normal(size=40))
SCORES = {
    "lite": [-o + 0.2 * n for o, n in zip(OPINIONS, DRAW.normal(size=40), strict=True)],
    "psnr": list(DRAW.normal(size=40)),
}
REFERENCES = [f"r{row // 8}" for row in range(40)]


@pytest.fixture(scope="module")
def result() -> BenchResult:
    options = {"opinion_direction": "higher-is-better", "references": REFERENCES, "resamples": 50}
    evaluations = {n: evaluate(s, OPINIONS, kinds=["01", "02"] * 20, **options) for n, s in SCORES.items()}
    differences = compare(SCORES, OPINIONS, score_directions=dict.fromkeys(SCORES, "lower-is-better"), **options)
    pairs = tuple(RatedPair(r, "d", o, kind="01") for r, o in zip(REFERENCES, OPINIONS, strict=True))
    dataset = DataSet("tid2013", None, Path(), "MOS", "higher-is-better", pairs, 3000, {"01": "noise"}, "Who, 2013", 25)
    outcomes = [Outcome(p, 0, evaluations, {}, differences) for p in (None, Perturbation("tra", 1))]
    return BenchResult(dataset, {n: {"citation": f"{n} cited"} for n in SCORES}, {"lpips": "no weights"}, outcomes)


def test_the_page_says_what_was_measured_on_what_by_what_and_what_was_not(result: BenchResult) -> None:
    page = to_markdown(result)
    value = result.outcomes[0].evaluations["lite"].overall["srcc"]
    assert f"{value.value:.4f} [{value.low:.3f}, {value.high:.3f}]" in page
    for said in (
        "40 of 3000 pairs", "| metric | plcc |", "Mean over references", "| 01 noise |", "| 02 |", "| lite - psnr |",
        "| metric | none | tra-1 |", "* lpips: no weights", "* lite: lite cited", "Data set: Who, 2013.",
        "5 references: the intervals are rough",
    ):  # fmt: skip
        assert said in page


def test_every_estimate_is_a_row_of_the_csv(result: BenchResult) -> None:
    rows = list(csv.DictReader(to_csv(result).splitlines()))
    # 2 ways of showing x (2 metrics x (overall, by reference, 2 kinds) x 7 statistics + 3 differences)
    assert len(rows) == 2 * (2 * 4 * 7 + 3)
    (row,) = [
        row
        for row in rows
        if (row["perturbation"], row["metric"], row["group"], row["statistic"]) == ("tra-1", "lite", "kind 02", "krcc")
    ]
    assert float(row["value"]) == result.outcomes[1].evaluations["lite"].by_kind["02"]["krcc"].value


def test_the_json_is_what_evaluate_prints_by_metric(result: BenchResult, tmp_path: Path) -> None:
    write_tables(result, tmp_path)
    read = json.loads((tmp_path / "results.json").read_text())
    assert read["outcomes"][0]["metrics"]["psnr"] == json.loads(
        json.dumps(result.outcomes[0].evaluations["psnr"].to_json())
    )
    assert read["outcomes"][1]["perturbation"] == "tra-1"
    assert read["outcomes"][0]["differences"][0]["first"] == "lite"
    assert read["unavailable"] == {"lpips": "no weights"}
    assert (tmp_path / "results.md").read_text() == to_markdown(result)


def test_choices_have_a_table_of_their_own() -> None:
    chosen = agree([1.0, 2.0], [2.0, 1.0], [0.1, 0.7], resamples=0)
    dataset = ChoiceSet("mine", Path(), (), 2)
    page = to_markdown(
        BenchResult(dataset, {"lite": {"citation": "c"}}, {}, [Outcome(None, 0, {}, {"lite": chosen}, [])])
    )
    assert "| lite | 0.8000 |" in page
