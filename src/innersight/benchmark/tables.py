"""Tables of the results of a benchmark as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from innersight.benchmark.run import BenchResult, Outcome
from innersight.datasets.dataset import DataSet
from innersight.evaluation.agreement import STATISTICS, Estimate
from innersight.evaluation.opinion_std import STD_STATISTICS, StdEvaluation
from innersight.evaluation.two_alternative import TWO_ALTERNATIVE_STATISTICS
from innersight.io.csv_cells import escape_cell

_COLUMNS = ("plcc", "plcc_logistic4", "rmse_logistic4", "plcc_logistic5", "rmse_logistic5", "srcc", "krcc")


def write_tables(result: BenchResult, out: Path) -> None:
    """Write `results.json`, `results.csv` and `results.md` to a folder.

    Args:
        result: The results of `run_bench`.
        out: The folder. It must exist.
    """
    (out / "results.json").write_text(json.dumps(to_json(result), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (out / "results.csv").write_text(to_csv(result), encoding="utf-8")
    (out / "results.md").write_text(to_markdown(result), encoding="utf-8")


def to_json(result: BenchResult) -> dict[str, Any]:
    """Return the results in JSON types."""
    dataset = result.dataset
    about: dict[str, Any] = {"name": dataset.name, "summary": dataset.summary, "of": dataset.of}
    if isinstance(dataset, DataSet):
        about |= {
            "split": dataset.split,
            "pairs": len(dataset.pairs),
            "opinion": dataset.opinion_name,
            "opinion_direction": dataset.opinion_direction,
            "kinds": dict(dataset.kinds),
            "source": dataset.source,
        }
    return {
        "dataset": about,
        "metrics": {name: dict(described) for name, described in result.metrics.items()},
        "unavailable": dict(result.unavailable),
        "outcomes": [
            {
                "perturbation": _name(outcome),
                "failed": outcome.failed,
                "metrics": {
                    **{name: found.to_json() for name, found in outcome.evaluations.items()},
                    **{name: found.to_json() for name, found in outcome.two_alternative.items()},
                },
                "comparisons": [comparison.to_json() for comparison in outcome.comparisons],
                "with_std": outcome.with_std.to_json() if outcome.with_std is not None else None,
                "notes": list(outcome.notes),
            }
            for outcome in result.outcomes
        ],
    }


def to_csv(result: BenchResult) -> str:
    """Return the results as CSV text with one row per statistic.

    The columns are perturbation, metric, group, statistic, value, low and high. The last two are the ends of the 95 %
    interval. They are empty if there is no interval. Comparisons of two metrics have the metric `first - second`, and
    p-values have a statistic such as `p_value_srcc`. Text that a spreadsheet program can run as a formula gets an
    apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["perturbation", "metric", "group", "statistic", "value", "low", "high"])
    for outcome in result.outcomes:
        for metric, group, statistic, estimate in _estimates(outcome):
            cells = ["" if end is None else end for end in (estimate.value, estimate.low, estimate.high)]
            names = [escape_cell(name) for name in (_name(outcome), metric, group, statistic)]
            writer.writerow([*names, *cells])
    return text.getvalue()


def to_markdown(result: BenchResult) -> str:
    """Return the results as a Markdown page."""
    parts = [f"# {result.dataset.name}", result.dataset.summary + "."]
    for outcome in result.outcomes:
        if outcome.perturbation is not None:
            parts.append(f"## Perturbed: {_name(outcome)}")
        if outcome.failed:
            parts.append(f"{outcome.failed} rows could not be scored: see the column `error` of the scores.")
        kinds = result.dataset.kinds if isinstance(result.dataset, DataSet) else {}
        parts += _two_alternative_tables(outcome) if outcome.two_alternative else _pair_tables(outcome, kinds)
        parts += [f"* {note}" for note in outcome.notes]
    parts += _curve(result)
    if result.unavailable:
        parts.append("## Metrics that are not available")
        parts += [f"* {name}: {reason}" for name, reason in result.unavailable.items()]
    parts.append("## Metrics and sources")
    parts += [f"* {name}: {described['citation']}" for name, described in result.metrics.items()]
    if isinstance(result.dataset, DataSet) and result.dataset.source:
        parts.append(f"Data set: {result.dataset.source}.")
    return "\n\n".join(parts).replace("\n\n* ", "\n* ") + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table.

    Example:
        >>> print(markdown_table(["metric", "srcc"], [["lite", ".84"]]))
        | metric | srcc |
        |---|---|
        | lite | .84 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def _pair_tables(outcome: Outcome, names: Mapping[str, str]) -> list[str]:
    parts = [
        "Positive correlations mean agreement. Intervals: 95 %, over references. RMSE: in the units of the opinions."
    ]
    evaluations = outcome.evaluations
    overall = {name: found.overall for name, found in evaluations.items()}
    parts.append(_table(overall, _COLUMNS))
    by_reference = {name: found.by_reference for name, found in evaluations.items() if found.by_reference}
    if by_reference:
        parts += ["Mean over references:", _table(by_reference, _COLUMNS)]
    kinds = sorted({kind for found in evaluations.values() for kind in found.by_kind})
    if kinds:
        rows = [
            [
                f"{kind} {names.get(kind, '')}".strip(),
                *(
                    _cell(found.by_kind[kind]["srcc"]) if kind in found.by_kind else "-"
                    for found in evaluations.values()
                ),
            ]
            for kind in kinds
        ]
        parts += ["SRCC by distortion type:", markdown_table(["type", *evaluations], rows)]
    if outcome.comparisons:
        rows = [
            [
                f"{d.first} - {d.second}",
                _cell(d.difference["srcc"], sign=True),
                _p(d.p_value["srcc"]),
                _cell(d.difference["plcc"], sign=True),
                _p(d.p_value["plcc"]),
                *(
                    _p(None if test is None else test.p_value)
                    for test in (d.meng_rosenthal_rubin["srcc"], d.williams["srcc"])
                ),
            ]
            for d in outcome.comparisons
        ]
        header = ["difference", "SRCC", "p", "PLCC", "p", "p of SRCC, Meng-Rosenthal-Rubin", "p of SRCC, Williams"]
        parts += [
            "Differences of two metrics. The p-values in the columns p are by the bootstrap over references. The tests "
            "in the last two columns assume independent rows: their p-values are too small if rows share a reference.",
            markdown_table(header, rows),
        ]
    if outcome.with_std is not None:
        parts += _std_tables(outcome.with_std)
    notes = {note: [name for name, found in evaluations.items() if note in found.notes] for note in _all_notes(outcome)}
    parts += [f"* {', '.join(names)}: {note}" for note, names in notes.items()]
    return parts


def _all_notes(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(note for found in outcome.evaluations.values() for note in found.notes))


def _two_alternative_tables(outcome: Outcome) -> list[str]:
    rows = [
        [
            name,
            *(_cell(getattr(found, statistic)) for statistic in TWO_ALTERNATIVE_STATISTICS),
            str(found.ties),
            str(found.left_out),
        ]
        for name, found in outcome.two_alternative.items()
    ]
    header = ["metric", "2AFC agreement", "one viewer", "majority", "ties", "left out"]
    caption = "Mean share of votes for the preferred image (2AFC score). Intervals: 95 %, over references."
    return [caption, markdown_table(header, rows)]


def _std_tables(found: StdEvaluation) -> list[str]:
    caption = (
        f"Statistics with standard deviation, on {found.rows} rows: {found.pairs.different} different and "
        f"{found.pairs.similar} similar pairs."
    )
    rows = [[name, *map(_number, found.statistics(name).values())] for name in found.metrics]
    parts = [caption, markdown_table(["metric", *STD_STATISTICS], rows)]
    tests = found.p_values()
    if tests:
        areas = list(next(iter(tests.values())))
        rows = [[f"{first} - {second}", *(_p(p[name]) for name in areas)] for (first, second), p in tests.items()]
        header = ["difference", *(f"p of {name}" for name in areas)]
        parts += [
            "Test of DeLong et al. for two metrics. It assumes independent pairs, but pairs share rows: its p-values "
            "are too small.",
            markdown_table(header, rows),
        ]
    return parts + [f"* {note}" for note in found.notes]


def _curve(result: BenchResult) -> list[str]:
    perturbed = [outcome for outcome in result.outcomes if outcome.perturbation is not None]
    if not perturbed:
        return []
    outcomes = [result.outcomes[0], *perturbed]
    rows = [
        [name, *(_cell(outcome.evaluations[name].overall["srcc"]) for outcome in outcomes)]
        for name in result.outcomes[0].evaluations
    ]
    return ["## Robustness: SRCC by perturbation", markdown_table(["metric", *map(_name, outcomes)], rows)]


def _table(groups: Mapping[str, Mapping[str, Estimate]], statistics: Sequence[str]) -> str:
    rows = [[name, *(_cell(estimates[statistic]) for statistic in statistics)] for name, estimates in groups.items()]
    return markdown_table(["metric", *statistics], rows)


def _estimates(outcome: Outcome) -> Iterator[tuple[str, str, str, Estimate]]:
    for metric, found in outcome.evaluations.items():
        groups = {"overall": found.overall, "mean over references": found.by_reference or {}}
        groups |= {f"kind {kind}": estimates for kind, estimates in found.by_kind.items()}
        for group, estimates in groups.items():
            for statistic in STATISTICS:
                if statistic in estimates:
                    yield metric, group, statistic, estimates[statistic]
    for metric, chosen in outcome.two_alternative.items():
        for statistic in TWO_ALTERNATIVE_STATISTICS:
            yield metric, "overall", statistic, getattr(chosen, statistic)
    for comparison in outcome.comparisons:
        metric = f"{comparison.first} - {comparison.second}"
        for statistic, estimate in comparison.difference.items():
            yield metric, "overall", statistic, estimate
        for statistic, p_value in comparison.p_value.items():
            yield metric, "overall", f"p_value_{statistic}", Estimate(p_value, None, None)
    if outcome.with_std is not None:
        yield from _std_estimates(outcome.with_std)


def _std_estimates(found: StdEvaluation) -> Iterator[tuple[str, str, str, Estimate]]:
    for metric in found.metrics:
        for statistic, value in found.statistics(metric).items():
            yield metric, "overall", statistic, Estimate(value, None, None)
    for (first, second), p_values in found.p_values().items():
        for statistic, p_value in p_values.items():
            yield f"{first} - {second}", "overall", f"p_value_{statistic}", Estimate(p_value, None, None)


def _name(outcome: Outcome) -> str:
    return "none" if outcome.perturbation is None else str(outcome.perturbation)


def _cell(estimate: Estimate, *, sign: bool = False) -> str:
    if estimate.value is None:
        return "-"
    mark = "+" if sign else ""
    interval = f" [{estimate.low:{mark}.3f}, {estimate.high:{mark}.3f}]" if estimate.low is not None else ""
    return f"{estimate.value:{mark}.4f}{interval}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
