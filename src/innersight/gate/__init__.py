"""A gate for releases: pairs of images with limits, which pass or fail."""

from innersight.gate.cases import Case, Limits, cases_of_folders, read_cases
from innersight.gate.run import CaseResult, GateReport, run_gate

__all__ = ["Case", "CaseResult", "GateReport", "Limits", "cases_of_folders", "read_cases", "run_gate"]
