"""The results of a benchmark as a page of HTML, see `innersight.report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from innersight.benchmark.run import BenchResult
from innersight.datasets.dataset import ChoiceSet
from innersight.evaluation.two_alternative import TWO_ALTERNATIVE_STATISTICS
from innersight.inference.scorer import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow
from innersight.report.opinions import MetricAgreement, OpinionSection, opinions_of
from innersight.report.tables import read_scores


def report_of(result: BenchResult, scorers: Mapping[str, Scorer], out: Path) -> Report:
    """Return the content of a page on the pairs and the opinions of a data set, without perturbations.

    Args:
        result: What `run_bench` returned.
        scorers: Its scorers.
        out: Its output folder.

    Returns:
        The content, for `innersight.report.page.write_report`.
    """
    dataset, outcome = result.dataset, result.outcomes[0]
    metrics = [ReportMetric.of(scorer) for scorer in scorers.values()]
    rows = read_scores(out / "scores.csv", metrics, root=dataset.root)
    section: OpinionSection
    if isinstance(dataset, ChoiceSet):
        found = {
            name: MetricAgreement({statistic: getattr(chosen, statistic) for statistic in TWO_ALTERNATIVE_STATISTICS})
            for name, chosen in outcome.two_alternative.items()
        }
        section = OpinionSection("choices", found)
    else:
        section = opinions_of(
            rows,
            metrics,
            outcome.evaluations,
            [pair.opinion for pair in dataset.pairs],
            direction=dataset.opinion_direction,
            name=dataset.opinion_name,
            kinds=[pair.kind or "" for pair in dataset.pairs],
            kind_names=dataset.kinds,
        )
        rows = [_with_kind(row, pair.kind, dataset.kinds) for row, pair in zip(rows, dataset.pairs, strict=True)]
    notes = [f"{dataset.summary}.", *(f"{name} is not available: {why}" for name, why in result.unavailable.items())]
    return Report(dataset.name, metrics, rows, section, notes)


def _with_kind(row: ReportRow, kind: str | None, names: Mapping[str, str]) -> ReportRow:
    """Show the name of the distortion type with its code."""
    if kind is None:
        return row
    return replace(row, others={**row.others, "kind": f"{kind} {names.get(kind, '')}".strip()})
