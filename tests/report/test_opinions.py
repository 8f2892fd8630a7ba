"""The part of a report on opinions: fit, outliers and layers, checked with scipy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import spearmanr

from innersight.evaluation.agreement import evaluate
from innersight.report.content import ReportMetric, ReportRow
from innersight.report.opinions import agreement_of, opinions_of

RNG = np.random.default_rng(0)
SCORES = RNG.uniform(0, 10, 80)
OPINIONS = 5 / (1 + np.exp(SCORES - 5)) + RNG.normal(0, 0.2, 80)
OPINIONS[17] += 3
REFERENCES = [f"r{row % 12}" for row in range(80)]
PARTS = np.stack([SCORES + RNG.normal(0, 4, 80), RNG.uniform(0, 1, 80)], axis=1)


def found(**options):
    evaluation = evaluate(SCORES, OPINIONS, opinion_direction="higher-is-better", resamples=50)
    return agreement_of(
        SCORES.tolist(), OPINIONS.tolist(), evaluation, direction="higher-is-better", references=REFERENCES, **options
    )


def test_the_curve_is_the_least_squares_fit() -> None:
    def logistic(x, b1, b2, b3, b4):
        return (b1 - b2) / (1 + np.exp(-(x - b3) / b4)) + b2

    best, _ = curve_fit(logistic, SCORES, OPINIONS, p0=(0, 5, 5, 1))
    x, y = map(np.array, found().curve)
    assert (x.min(), x.max()) == (SCORES.min(), SCORES.max())
    assert np.abs(y - logistic(x, *best)).max() < 1e-3
    assert np.allclose(found().residuals, OPINIONS - logistic(SCORES, *best), atol=1e-3)


def test_the_rows_far_from_the_fit_are_named_the_farthest_first() -> None:
    far = found().far
    assert far[0] == 17
    sizes = np.abs(found().residuals)
    assert (np.diff(sizes[list(far)]) <= 0).all()
    assert sizes[far[-1]] >= np.sort(sizes)[-len(far)]


def test_each_layer_has_the_srcc_of_its_part_alone() -> None:
    layers = found(layers=("one", "two"), parts=PARTS.tolist()).layers
    for number, name in enumerate(("one", "two")):
        assert layers[name].value == pytest.approx(-spearmanr(PARTS[:, number], OPINIONS).statistic)


def test_rows_without_a_score_an_opinion_or_parts_are_left_out() -> None:
    scores, opinions, parts = SCORES.tolist(), OPINIONS.tolist(), PARTS.tolist()
    scores[3] = opinions[5] = parts[7] = None
    evaluation = evaluate(scores, opinions, opinion_direction="higher-is-better", resamples=0)
    gaps = agreement_of(
        scores,
        opinions,
        evaluation,
        direction="higher-is-better",
        references=REFERENCES,
        layers=("one", "two"),
        parts=parts,
    )
    assert [row for row, value in enumerate(gaps.residuals) if value is None] == [3, 5]
    kept = [row for row in range(80) if row not in (5, 7)]
    assert gaps.layers["one"].value == pytest.approx(-spearmanr(PARTS[kept, 0], OPINIONS[kept]).statistic)


def test_a_fit_that_fails_leaves_no_curve() -> None:
    evaluation = evaluate([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], opinion_direction="higher-is-better", resamples=0)
    constant = agreement_of(
        [1.0, 1.0, 1.0], [1.0, 2.0, 3.0], evaluation, direction="higher-is-better", references=["r"] * 3
    )
    assert (constant.curve, constant.residuals, constant.far) == (None, [], [])


def test_the_section_is_json_with_a_sign_for_each_metric() -> None:
    rows = [
        ReportRow("r", "d", {"lite": score, "psnr": 40 - score}, parts={"lite": part.tolist()})
        for score, part in zip(SCORES, PARTS, strict=True)
    ]
    metrics = [ReportMetric("lite", layers=("one", "two")), ReportMetric("psnr", higher_is_better=True)]
    evaluations = {
        "lite": evaluate(SCORES, OPINIONS, opinion_direction="higher-is-better", kinds=["k"] * 80, resamples=50),
        "psnr": evaluate(
            40 - SCORES, OPINIONS, opinion_direction="higher-is-better", score_direction="higher-is-better", resamples=0
        ),
    }
    section = opinions_of(
        rows, metrics, evaluations, OPINIONS.tolist(), direction="higher-is-better", name="MOS", kinds=["k"] * 80
    )
    content = json.loads(json.dumps(section.to_json(), allow_nan=False))
    assert content["name"] == "MOS"
    assert content["metrics"]["lite"]["statistics"]["srcc"]["value"] == pytest.approx(
        -spearmanr(SCORES, OPINIONS).statistic
    )
    assert content["metrics"]["psnr"]["statistics"]["srcc"]["value"] == pytest.approx(
        -spearmanr(SCORES, OPINIONS).statistic
    )
    assert content["metrics"]["lite"]["byKind"]["k"]["low"] is not None
    assert [layer["name"] for layer in content["metrics"]["lite"]["layers"]] == ["one", "two"]
    assert content["metrics"]["psnr"]["layers"] == []
