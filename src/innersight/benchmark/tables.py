"""What a bench found, as JSON, CSV and Markdown."""

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

_SHOWN = ("plcc", "plcc_logistic4", "rmse_logistic4", "plcc_logistic5", "rmse_logistic5", "srcc", "krcc")


def write_tables(result: BenchResult, out: Path) -> None:
    """Write `results.json`, `results.csv` (one statistic a row) and `results.md` into a folder.

    Args:
        result: Of `run_bench`.
        out: The folder.
    """
    (out / "results.json").write_text(json.dumps(to_json(result), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (out / "results.csv").write_text(to_csv(result), encoding="utf-8")
    (out / "results.md").write_text(to_markdown(result), encoding="utf-8")


def to_json(result: BenchResult) -> dict[str, Any]:
    """Return everything in JSON types."""
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
                    **{name: chosen.to_json() for name, chosen in outcome.choices.items()},
                },
                "differences": [difference.to_json() for difference in outcome.differences],
            }
            for outcome in result.outcomes
        ],
    }


def to_csv(result: BenchResult) -> str:
    """Return every estimate as one row: perturbation, metric, group, statistic, value, low, high."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["perturbation", "metric", "group", "statistic", "value", "low", "high"])
    for outcome in result.outcomes:
        for metric, group, statistic, estimate in _estimates(outcome):
            cells = ["" if end is None else end for end in (estimate.value, estimate.low, estimate.high)]
            writer.writerow([_name(outcome), metric, group, statistic, *cells])
    return text.getvalue()


def to_markdown(result: BenchResult) -> str:
    """Return the tables as a page."""
    parts = [f"# {result.dataset.name}", result.dataset.summary + "."]
    for outcome in result.outcomes:
        if outcome.perturbation is not None:
            parts.append(f"## Perturbed: {_name(outcome)}")
        if outcome.failed:
            parts.append(f"{outcome.failed} rows could not be scored; the column `error` of the scores says why.")
        kinds = result.dataset.kinds if isinstance(result.dataset, DataSet) else {}
        parts += _choice_tables(outcome) if outcome.choices else _pair_tables(outcome, kinds)
    parts += _curve(result)
    if result.unavailable:
        parts.append("## Not measured")
        parts += [f"* {name}: {reason}" for name, reason in result.unavailable.items()]
    parts.append("## What gave the scores")
    parts += [f"* {name}: {described['citation']}" for name, described in result.metrics.items()]
    if isinstance(result.dataset, DataSet) and result.dataset.source:
        parts.append(f"Data set: {result.dataset.source}.")
    return "\n\n".join(parts).replace("\n\n* ", "\n* ") + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table.

    Example:
        >>> print(markdown_table(["metric", "srcc"], [["lite", ".84"]]))
        | metric | srcc |
        |---|---|
        | lite | .84 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def _pair_tables(outcome: Outcome, names: Mapping[str, str]) -> list[str]:
    parts = ["Positive = agreement; 95 % intervals over references. RMSE in the opinions' units."]
    evaluations = outcome.evaluations
    overall = {name: found.overall for name, found in evaluations.items()}
    parts.append(_table(overall, _SHOWN))
    by_reference = {name: found.by_reference for name, found in evaluations.items() if found.by_reference}
    if by_reference:
        parts += ["Mean over references:", _table(by_reference, _SHOWN)]
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
        parts += ["SRCC by kind of distortion:", markdown_table(["kind", *evaluations], rows)]
    if outcome.differences:
        rows = [
            [
                f"{d.first} - {d.second}",
                _cell(d.by["srcc"], sign=True),
                _p(d.p_value["srcc"]),
                _cell(d.by["plcc"], sign=True),
                _p(d.p_value["plcc"]),
                *(
                    _p(None if verdict is None else verdict.p_value)
                    for verdict in (d.meng_rosenthal_rubin["srcc"], d.williams["srcc"])
                ),
            ]
            for d in outcome.differences
        ]
        header = ["difference", "SRCC", "p", "PLCC", "p", "p of SRCC, Meng-Rosenthal-Rubin", "p of SRCC, Williams"]
        parts += [
            "Differences of two metrics, with p of the resamples of references, and of the tests that take rows for "
            "independent (too sure where rows share a reference):",
            markdown_table(header, rows),
        ]
    notes = {note: [name for name, found in evaluations.items() if note in found.notes] for note in _all_notes(outcome)}
    parts += [f"* {', '.join(names)}: {note}" for note, names in notes.items()]
    return parts


def _all_notes(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(note for found in outcome.evaluations.values() for note in found.notes))


def _choice_tables(outcome: Outcome) -> list[str]:
    rows = [
        [name, _cell(found.agreement), _cell(found.ceiling), _cell(found.best), str(found.ties), str(found.left_out)]
        for name, found in outcome.choices.items()
    ]
    header = ["metric", "2AFC agreement", "of one viewer", "of the majority", "ties", "left out"]
    return ["Share of viewers agreed with; 95 % intervals over references.", markdown_table(header, rows)]


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
    for metric, chosen in outcome.choices.items():
        for statistic in ("agreement", "ceiling", "best"):
            yield metric, "overall", statistic, getattr(chosen, statistic)
    for difference in outcome.differences:
        for statistic, estimate in difference.by.items():
            yield f"{difference.first} - {difference.second}", "overall", statistic, estimate


def _name(outcome: Outcome) -> str:
    return "none" if outcome.perturbation is None else str(outcome.perturbation)


def _cell(estimate: Estimate, *, sign: bool = False) -> str:
    if estimate.value is None:
        return "-"
    mark = "+" if sign else ""
    interval = f" [{estimate.low:{mark}.3f}, {estimate.high:{mark}.3f}]" if estimate.low is not None else ""
    return f"{estimate.value:{mark}.4f}{interval}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
