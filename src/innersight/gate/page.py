"""The report of a gate as a page of HTML, see `innersight.report`."""

from __future__ import annotations

from innersight.gate.cases import Limits
from innersight.gate.run import CaseResult, GateReport
from innersight.inference.scorer import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow


def report_of(found: GateReport, scorer: Scorer, title: str = "Gate") -> Report:
    """Return the content of a page on the cases of a gate. The images of failing cases come first.

    Args:
        found: What `run_gate` returned.
        scorer: Its scorer.
        title: The title of the page. Default: `Gate`.

    Returns:
        The content, for `innersight.report.page.write_report`.

    Example:
        >>> from innersight.gate import Case, run_gate
        >>> scorer = Scorer("lite")
        >>> case = Case("button", None, None, Limits(max=5), problem="The new image is missing.")
        >>> content = report_of(run_gate([case], scorer), scorer)
        >>> content.rows[0].others["result"], content.rows[0].error
        ('failed', 'The new image is missing.')
    """
    return Report(title, [ReportMetric.of(scorer)], [_row(result, found.metric) for result in found.results])


def _row(result: CaseResult, metric: str) -> ReportRow:
    case = result.case
    files = None if case.reference is None or case.distorted is None else (case.reference, case.distorted)
    return ReportRow(
        reference=str(case.reference or ""),
        distorted=str(case.distorted or ""),
        scores={} if result.score is None else {metric: result.score},
        others={
            "case": case.name,
            "result": "passed" if result.passed else "failed",
            "limits": _limits(case.limits),
            "reason": " ".join(result.reasons),
        },
        error=" ".join(result.reasons) if result.score is None else None,
        files=files,
        region=case.region,
        is_urgent=not result.passed,
    )


def _limits(limits: Limits) -> str:
    named = {
        "max": limits.max,
        "min": limits.min,
        "max-map": limits.max_map,
        "jpeg-equivalent": limits.jpeg_equivalent,
    }
    return ", ".join(f"{name} {value:g}" for name, value in named.items() if value is not None)
