"""The tables contain all results, and the same numbers in all formats."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from innersight.benchmark.run import BenchResult, Outcome
from innersight.benchmark.tables import to_csv, to_json, to_markdown, write_tables
from innersight.datasets.dataset import ChoiceSet, DataSet, RatedPair
from innersight.evaluation.agreement import evaluate
from innersight.evaluation.opinion_std import STD_STATISTICS, evaluate_with_std
from innersight.evaluation.pairwise import compare_metrics
from innersight.evaluation.two_alternative import evaluate_two_alternative
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
    directions = dict.fromkeys(SCORES, "lower-is-better")
    comparisons = compare_metrics(SCORES, OPINIONS, score_directions=directions, **options)
    with_std = evaluate_with_std(
        SCORES, OPINIONS, [0.2] * 40, opinion_direction="higher-is-better", score_directions=directions
    )
    pairs = tuple(RatedPair(r, "d", o, kind="01") for r, o in zip(REFERENCES, OPINIONS, strict=True))
    dataset = DataSet("tid2013", None, Path(), "MOS", "higher-is-better", pairs, 3000, {"01": "noise"}, "Who, 2013", 25)
    outcomes = [
        Outcome(p, 0, evaluations, comparisons, with_std, notes=["a note"]) for p in (None, Perturbation("tra", 1))
    ]
    return BenchResult(dataset, {n: {"citation": f"{n} cited"} for n in SCORES}, {"lpips": "no weights"}, outcomes)


@pytest.mark.thorough
def test_the_page_shows_data_set_metrics_statistics_and_missing_metrics(result: BenchResult) -> None:
    page = to_markdown(result)
    value = result.outcomes[0].evaluations["lite"].overall["srcc"]
    assert f"{value.value:.4f} [{value.low:.3f}, {value.high:.3f}]" in page
    for text in (
        "40 of 3000 pairs", "| metric | plcc |", "Mean over references", "| 01 noise |", "| 02 |", "| lite - psnr |",
        "| metric | none | tra-1 |", "* lpips: no weights", "* lite: lite cited", "Data set: Who, 2013.",
        "5 references: intervals are rough", "* a note",
    ):  # fmt: skip
        assert text in page


def test_the_page_shows_the_statistics_with_standard_deviation(result: BenchResult) -> None:
    page = to_markdown(result)
    found = result.outcomes[0].with_std
    assert found is not None
    assert f"{found.pairs.different} different and {found.pairs.similar} similar pairs" in page
    values = found.statistics("psnr")
    assert f"| metric | {' | '.join(STD_STATISTICS)} |" in page
    assert f"| psnr | {' | '.join(f'{values[name]:.4f}' for name in STD_STATISTICS)} |" in page
    p_value = found.p_values()["lite", "psnr"]["auc_better_worse"]
    assert p_value is not None
    assert p_value < 0.001
    assert f"{p_value:.0e} |" in page
    assert "standard deviations are used as standard errors" in page


def test_the_page_has_no_statistics_with_standard_deviation_if_there_are_none(result: BenchResult) -> None:
    outcomes = [replace(outcome, with_std=None) for outcome in result.outcomes]
    without = replace(result, outcomes=outcomes)
    assert "standard deviation" not in to_markdown(without)
    assert "outlier_ratio" not in to_csv(without)
    assert to_json(without)["outcomes"][0]["with_std"] is None


def test_each_statistic_is_one_row_of_the_csv(result: BenchResult) -> None:
    rows = list(csv.DictReader(to_csv(result).splitlines()))
    # 2 perturbations x (2 metrics x (overall, by reference, 2 types) x 7 statistics + 3 differences + 3 p-values
    # + 2 metrics x 4 statistics with standard deviation + 2 p-values)
    assert len(rows) == 2 * (2 * 4 * 7 + 3 + 3 + 2 * 4 + 2)
    (row,) = [
        row
        for row in rows
        if (row["perturbation"], row["metric"], row["group"], row["statistic"]) == ("tra-1", "lite", "kind 02", "krcc")
    ]
    assert float(row["value"]) == result.outcomes[1].evaluations["lite"].by_kind["02"]["krcc"].value
    values = {(row["metric"], row["statistic"]): row["value"] for row in rows if row["group"] == "overall"}
    comparison, with_std = result.outcomes[1].comparisons[0], result.outcomes[1].with_std
    assert with_std is not None
    assert float(values["lite - psnr", "p_value_srcc"]) == comparison.p_value["srcc"]
    assert float(values["lite", "accuracy"]) == with_std.statistics("lite")["accuracy"]
    p_values = with_std.p_values()["lite", "psnr"]
    assert float(values["lite - psnr", "p_value_auc_better_worse"]) == p_values["auc_better_worse"]


def test_the_json_contains_each_evaluation(result: BenchResult, tmp_path: Path) -> None:
    write_tables(result, tmp_path)
    read = json.loads((tmp_path / "results.json").read_text())
    assert read["outcomes"][0]["metrics"]["psnr"] == json.loads(
        json.dumps(result.outcomes[0].evaluations["psnr"].to_json())
    )
    assert read["outcomes"][1]["perturbation"] == "tra-1"
    assert read["outcomes"][0]["comparisons"][0]["first"] == "lite"
    with_std = result.outcomes[0].with_std
    assert with_std is not None
    assert read["outcomes"][0]["with_std"] == json.loads(json.dumps(with_std.to_json()))
    assert read["outcomes"][0]["notes"] == ["a note"]
    assert read["unavailable"] == {"lpips": "no weights"}
    assert (tmp_path / "results.md").read_text() == to_markdown(result)


def test_two_alternative_choices_have_their_own_table() -> None:
    chosen = evaluate_two_alternative([1.0, 2.0], [2.0, 1.0], [0.1, 0.7], resamples=0)
    dataset = ChoiceSet("mine", Path(), (), 2)
    page = to_markdown(
        BenchResult(dataset, {"lite": {"citation": "c"}}, {}, [Outcome(None, 0, two_alternative={"lite": chosen})])
    )
    assert "| lite | 0.8000 |" in page


def test_names_of_a_list_are_no_formulas_in_the_csv(result: BenchResult) -> None:
    outcome = result.outcomes[0]
    named = replace(outcome, evaluations={"=1+1": next(iter(outcome.evaluations.values()))}, comparisons=[])
    rows = list(csv.reader(to_csv(replace(result, outcomes=[named])).splitlines()))[1:]
    assert "'=1+1" in {row[1] for row in rows}
    assert not [cell for row in rows for cell in row[:4] if cell.startswith("=")]
