"""The workflows of GitHub call targets that exist, with few rights, limits of time and pinned actions."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

yaml = pytest.importorskip("yaml", reason="NOT RUN: the extra dev is not installed")

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
JOBS = {f"{name}.{job}": found for name, workflow in WORKFLOWS.items() for job, found in workflow["jobs"].items()}
WRITERS = {"wheel.publish", "wheel.release", "docs.deploy"}


def steps_of(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_the_three_that_are_expected() -> None:
    assert WORKFLOWS.keys() == {"test", "wheel", "docs"}


@pytest.mark.parametrize("name", JOBS)
def test_each_command_of_make_has_a_target(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for called in re.findall(r"\bmake (?:-C \S+ )?(\S+)", steps_of(JOBS[name])):
        assert called in targets, called
    for script in re.findall(r"(?<!\S)\.ci/\S+", steps_of(JOBS[name])):
        assert (ROOT / script).is_file(), script


def test_they_call_what_a_developer_calls() -> None:
    for name, commands in {
        "test.test": ["make test"],
        "test.thorough": [".ci/run"],
        "wheel.build": ["make dist", "make sbom", "make audit"],
        "wheel.reproduce": ["make -C another/folder dist"],
        "docs.build": ["make docs"],
    }.items():
        for command in commands:
            assert command in steps_of(JOBS[name]), command


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_rights_of_a_workflow_are_to_read(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    triggers = WORKFLOWS[name][True]  # YAML reads `on` as a truth value
    assert "pull_request_target" not in triggers


@pytest.mark.parametrize("name", JOBS)
def test_a_job_with_more_rights_runs_no_code_of_the_repository(name: str) -> None:
    job = JOBS[name]
    assert ("permissions" in job) == (name in WRITERS)
    if name in WRITERS:
        assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert not re.search(r"\b(make|python|pip)\b", steps_of(job))
    assert job["if"] if name in WRITERS else True  # of a tag, or of the main branch


@pytest.mark.parametrize("name", JOBS)
def test_each_job_has_a_limit_of_time(name: str) -> None:
    assert 0 < JOBS[name]["timeout-minutes"] <= 240


@pytest.mark.parametrize("name", JOBS)
def test_no_value_of_an_event_becomes_a_part_of_a_script(name: str) -> None:
    assert "${{" not in steps_of(JOBS[name])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_action_is_pinned_by_a_commit_and_names_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    pins = re.findall(r"uses: ([\w/-]+)@(\S+)", "".join(file.read_text() for file in FILES))
    assert len({action for action, _ in pins}) == len(set(pins))  # one version of each


def test_the_tests_run_on_each_version_of_python_that_is_supported() -> None:
    versions = JOBS["test.test"]["strategy"]["matrix"]["python"]
    assert versions == JOBS["wheel.install"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={versions[0]}"
