"""The report of a gate as JUnit XML, which servers for continuous integration read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from innersight.gate.run import GateReport

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def junit_xml(report: GateReport) -> str:
    """Write a report as JUnit XML.

    A case that is beyond a limit is a `failure`, one that could not be scored is an `error`. The score is in
    `system-out`.

    Args:
        report: The report.

    Returns:
        The document. Characters that XML cannot hold are replaced by `?`.

    Example:
        >>> print(junit_xml(GateReport("lite", False, "", ())).splitlines()[1][:31])
        <testsuite name="innersight" te
    """
    errors = len(report.errors)
    suite = ElementTree.Element(
        "testsuite",
        name="innersight",
        tests=str(len(report.results)),
        failures=str(len(report.failed) - errors),
        errors=str(errors),
        skipped="0",
        time=f"{sum(result.seconds for result in report.results):.3f}",
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_clean(f"innersight.{report.metric}"),
            name=_clean(result.case.name),
            time=f"{result.seconds:.3f}",
        )
        if not result.passed:
            tag = "error" if result.score is None else "failure"
            text = _clean(" ".join(result.reasons))
            problem = ElementTree.SubElement(case, tag, message=text, type="unscored" if tag == "error" else "limit")
            lines = [text, f"reference: {result.case.reference}", f"distorted: {result.case.distorted}"]
            if result.artifacts is not None:
                lines.append(f"artifacts: {result.artifacts}")
            problem.text = _clean("\n".join(lines))
        if result.score is not None:
            ElementTree.SubElement(case, "system-out").text = f"score {result.score:.6f}"
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
