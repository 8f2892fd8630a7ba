"""The JUnit report is XML with every case, whatever its name is."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from innersight import Scorer
from innersight.gate import Case, CaseResult, GateReport, Limits, cases_of_folders, run_gate
from innersight.gate.junit import junit_xml


def test_failures_and_errors_are_told_apart(project: Path) -> None:
    cases = cases_of_folders(project / "golden", project / "new", Limits(max=5))
    suite = ElementTree.fromstring(junit_xml(run_gate(cases, Scorer("lite"))))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
    }
    broken, changed, same = suite.findall("testcase")
    assert [case.get("name") for case in (broken, changed, same)] == ["broken", "changed", "same"]
    assert "cannot be decoded" in str(broken.find("error").get("message"))  # type: ignore[union-attr]
    assert "above the limit 5" in str(changed.find("failure").text)  # type: ignore[union-attr]
    assert str(changed.findtext("system-out")).startswith("score 8.0")
    assert same.findtext("system-out") == "score 0.000000"
    assert same.find("failure") is None


@given(st.text(), st.text())
def test_any_name_and_any_reason_give_xml(name: str, reason: str) -> None:
    result = CaseResult(Case(name, None, None, Limits(max=1)), None, (reason,), 0.0)
    suite = ElementTree.fromstring(junit_xml(GateReport("lite", False, "", (result,))).encode("utf-8", "strict"))
    assert len(suite.findall("testcase/error")) == 1
