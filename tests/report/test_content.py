"""The content of a report: which pairs are drawn first, and what the page gets."""

from __future__ import annotations

import json
import math
from pathlib import Path

from innersight.inference.scorer import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow
from innersight.report.opinions import MetricAgreement, OpinionSection

FILES = Path("r.png"), Path("d.png")


def row(score: float | None, **others) -> ReportRow:
    scores = {} if score is None else {"m": score}
    return ReportRow("r", "d", scores, **{"files": FILES, **others})


def test_pairs_with_the_largest_differences_are_drawn_first() -> None:
    rows = [row(1), row(3), row(None), row(2)]
    assert Report("t", [ReportMetric("m")], rows).pairs_to_draw(3) == [1, 3, 0]
    assert Report("t", [ReportMetric("m", higher_is_better=True)], rows).pairs_to_draw(3) == [0, 3, 1]


def test_urgent_pairs_come_before_outliers_and_these_before_large_differences() -> None:
    rows = [row(1), row(9), row(2), row(3, is_urgent=True)]
    section = OpinionSection("MOS", {"m": MetricAgreement({}, far=[2, 0])})
    assert Report("t", [ReportMetric("m")], rows, section).pairs_to_draw(10) == [3, 2, 0, 1]


def test_a_pair_without_files_is_not_drawn() -> None:
    assert Report("t", [ReportMetric("m")], [row(1, files=None), row(0)]).pairs_to_draw(10) == [1]


def test_the_page_gets_columns_in_json() -> None:
    rows = [
        row(1.23456789, others={"kind": "blur", "mos": 2.0}, parts={"m": [1.0, 0.23456789]}),
        row(None, others={"kind": None, "mos": math.inf}, error="damaged"),
    ]
    found = Report("t", [ReportMetric("m", layers=("a", "b"))], rows, notes=["n"]).to_json()
    json.dumps(found, allow_nan=False)
    assert found["scores"] == [[1.234568, None]]
    assert found["others"] == {"kind": ["blur", None], "mos": [2.0, "inf"]}
    assert found["parts"] == [[[1.0, 0.2345679], None]]
    assert found["errors"] == [None, "damaged"]
    assert found["notes"] == ["n"]


def test_a_metric_is_described_by_its_scorer() -> None:
    scorer = Scorer("lite")
    metric = ReportMetric.of(scorer)
    assert (metric.name, metric.higher_is_better) == ("lite", False)
    assert metric.layers == scorer.layer_names
    assert metric.citation == scorer.citation


def test_outliers_of_several_metrics_alternate() -> None:
    section = OpinionSection("MOS", {"a": MetricAgreement({}, far=[5, 1]), "b": MetricAgreement({}, far=[5, 7, 8])})
    assert section.outliers == [5, 1, 7, 8]
