"""Evaluations reproduce published correlations, respect directions, and have calibrated intervals and notes."""

from __future__ import annotations

import csv
import json
import tracemalloc

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.evaluation.agreement import STATISTICS, evaluate

DRAW = np.random.default_rng(0)
REFERENCES = [f"r{number // 12}" for number in range(240)]
KINDS = [f"k{number % 3}" for number in range(240)]
OPINIONS = DRAW.uniform(1, 5, 240)
SCORES = 5 - OPINIONS + DRAW.normal(size=240) / 3


@pytest.mark.thorough
def test_published_scores_give_their_published_correlations(shared) -> None:
    folder = shared / "data" / "published"
    with (folder / "summary.csv").open(newline="") as file:
        summary = {row["file"]: row for row in csv.DictReader(file)}
    files = sorted(path for path in folder.glob("*.csv") if path.name != "summary.csv")
    assert len(files) == 44
    for path in files:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        found = evaluate(
            [float(row["pred"]) for row in rows],
            [float(row["mos"]) for row in rows],
            opinion_direction="higher-is-better" if path.name.startswith("pipal") else "lower-is-better",
            score_direction="higher-is-better" if "psnr" in path.name else "lower-is-better",
            references=[row["ref"] for row in rows],
            resamples=0,
        )
        published = summary[path.name]
        for name in ("plcc", "srcc", "krcc"):
            assert found.overall[name].value == pytest.approx(float(published[name.upper()]), abs=1e-6), path.name
            by_reference = found.by_reference
            assert by_reference is not None
            assert by_reference[name].value == pytest.approx(float(published[f"{name.upper()}_byref"]), abs=1e-6), (
                path.name
            )
        # The published fit is by another program, which gives a decreasing fit no sign. Ours must not be worse.
        assert abs(found.overall["plcc_logistic4"].value) >= float(published["PLCC_log4"]) - 1e-3, path.name


@pytest.mark.thorough
@pytest.mark.parametrize("score_direction", ["lower-is-better", "higher-is-better"])
@pytest.mark.parametrize("opinion_direction", ["lower-is-better", "higher-is-better"])
def test_a_wrong_direction_makes_all_correlations_negative(score_direction, opinion_direction) -> None:
    found = evaluate(
        SCORES, OPINIONS, opinion_direction=opinion_direction, score_direction=score_direction, references=REFERENCES
    )
    agrees = score_direction != opinion_direction
    for name in ("plcc", "srcc", "krcc", "plcc_logistic4"):
        for estimates in (found.overall, found.by_reference):
            estimate = estimates[name]
            assert (estimate.value > 0) == agrees, name
            assert estimate.low < estimate.value < estimate.high
    assert found.overall["rmse_logistic4"].value > 0
    assert any("decreases" in note for note in found.notes) != agrees


def test_statistics_do_not_depend_on_the_order_of_the_rows() -> None:
    order = np.random.default_rng(1).permutation(240)
    one, other = (
        evaluate(
            SCORES[rows],
            OPINIONS[rows],
            opinion_direction="higher-is-better",
            references=[REFERENCES[row] for row in rows],
            kinds=[KINDS[row] for row in rows],
            resamples=50,
        ).to_json()
        for rows in (np.arange(240), order)
    )
    for name in STATISTICS:
        for end in ("value", "low", "high"):
            assert one["overall"][name][end] == pytest.approx(other["overall"][name][end], rel=1e-3)
            assert one["by_kind"]["k1"][name][end] == pytest.approx(other["by_kind"]["k1"][name][end], rel=1e-3)


@pytest.mark.thorough
def test_intervals_contain_the_true_value_at_about_the_nominal_rate() -> None:
    """60 samples of 30 references have a true PLCC of 0.8. The 95 % intervals over references must contain it."""
    draw = np.random.default_rng(5)
    held = 0
    for seed in range(60):
        # Rows of one reference share an error, so that they are not independent.
        x = draw.normal(size=300)
        y = 0.8 * x + 0.6 * (np.repeat(draw.normal(size=30), 10) * 0.6 + draw.normal(size=300) * 0.8)
        found = evaluate(
            x,
            y,
            opinion_direction="higher-is-better",
            score_direction="higher-is-better",
            references=[str(number // 10) for number in range(300)],
            resamples=100,
            seed=seed,
        ).overall["plcc"]
        held += found.low <= 0.8 <= found.high
    assert 0.85 <= held / 60 <= 1


def test_each_distortion_type_is_evaluated_separately() -> None:
    found = evaluate(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=KINDS, resamples=0)
    rows = [index for index, kind in enumerate(KINDS) if kind == "k2"]
    alone = evaluate(SCORES[rows], OPINIONS[rows], opinion_direction="higher-is-better", resamples=0)
    assert found.by_kind["k2"]["krcc"] == alone.overall["krcc"]


def test_rows_without_a_score_or_opinion_are_counted_in_notes() -> None:
    scores, opinions = [None, float("nan"), *SCORES[2:]], [*OPINIONS[:-1], None]
    found = evaluate(scores, opinions, opinion_direction="higher-is-better", resamples=0)
    assert (found.rows, dict(found.left_out)) == (237, {"no score": 2, "no opinion": 1})
    assert found.notes[:2] == ["2 of 240 rows left out: no score", "1 of 240 rows left out: no opinion"]


def test_constant_scores_have_no_correlation_and_a_note() -> None:
    found = evaluate([1.0] * 240, OPINIONS, opinion_direction="higher-is-better", references=REFERENCES)
    assert {found.overall[name].value for name in STATISTICS} == {None}
    assert "all scores are equal: correlations are not defined" in found.notes
    assert "20 of 20 references are left out of the means: fewer than 3 rows, or constant values" in found.notes
    json.dumps(found.to_json(), allow_nan=False)


def test_notes_on_ties_infinite_scores_and_few_references() -> None:
    found = evaluate(
        [float("inf"), 1.0, 1.0, *SCORES[3:24]],
        OPINIONS[:24],
        opinion_direction="higher-is-better",
        references=REFERENCES[:24],
        resamples=20,
    )
    assert "ties: 1 of 24 scores are equal to another one" in found.notes
    assert "1 scores are infinite: PLCC and logistic fits are not defined" in found.notes
    assert "2 references: intervals are rough" in found.notes
    assert (found.overall["plcc"].value, found.overall["srcc"].value is None) == (None, False)
    one = evaluate(SCORES[:12], OPINIONS[:12], opinion_direction="higher-is-better", references=["r"] * 12)
    assert "only one reference: no intervals" in one.notes
    assert one.overall["srcc"].low is None


def test_too_few_rows_and_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least 3 rows with a score and an opinion, but there are 2 of 3"):
        evaluate([1, 2, None], [1, 2, 3], opinion_direction="higher-is-better")
    with pytest.raises(ArgumentError, match=r"Argument `opinion_direction` must be one of .* but got 'mos'"):
        evaluate([1, 2, 3], [1, 2, 3], opinion_direction="mos")
    with pytest.raises(ArgumentError, match=r"Argument `kinds` must have as many rows as `scores`, 3, but has 1"):
        evaluate([1, 2, 3], [1, 2, 3], opinion_direction="higher-is-better", kinds=["a"])


@pytest.mark.thorough
def test_a_metric_that_is_right_on_half_of_the_references_has_intervals_around_0() -> None:
    """Resamples have either direction, and so do the functions fitted to them."""
    turned = np.array([1 if int(reference[1:]) % 2 else -1 for reference in REFERENCES])
    found = evaluate(
        SCORES * turned - 2 * turned,
        OPINIONS,
        opinion_direction="higher-is-better",
        references=REFERENCES,
        resamples=200,
    ).overall
    for name in ("plcc", "srcc", "krcc", "plcc_logistic4", "plcc_logistic5"):
        assert found[name].low < 0 < found[name].high, name


def test_many_rows_without_references_need_little_memory() -> None:
    """Matrices of all pairs of 20,000 rows would need 3 x 3.2 GB."""
    draw = np.random.default_rng(4)
    opinions = draw.normal(size=20_000)
    tracemalloc.start()
    try:
        found = evaluate(
            -opinions - draw.normal(size=20_000), opinions, opinion_direction="higher-is-better", resamples=3
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.overall["krcc"].low is not None
    assert peak < 1 << 28


def test_a_statistic_that_is_undefined_in_many_resamples_has_no_interval_and_a_note() -> None:
    """The distortion type is in one of 20 references, which is missing in a third of the resamples."""
    kinds = ["rare" if reference == "r0" else "common" for reference in REFERENCES]
    found = evaluate(
        SCORES, OPINIONS, opinion_direction="higher-is-better", references=REFERENCES, kinds=kinds, resamples=100
    )
    assert found.by_kind["rare"]["srcc"].low is None
    assert any(note.startswith("kind rare: no interval of plcc, srcc, krcc") for note in found.notes)
