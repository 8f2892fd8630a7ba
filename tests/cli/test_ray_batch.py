"""`innersight batch --engine ray`: what it refuses before the work. tests/distributed runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "spark"), "--engine"),
        (("--shards", "2"), "Option --shards does not go with --engine local. Leave it out."),
        (("--ray-address", "auto"), "Option --ray-address does not go with --engine local."),
        (("--engine", "ray", "--cache", "c"), "Option --cache does not go with --engine ray."),
        (("--engine", "ray", "--summary", "s.json"), "Option --summary does not go with --engine ray."),
        (("--engine", "ray", "--report", "r.html"), "Option --report does not go with --engine ray."),
        (("--engine", "ray", "--fail-fast"), "Option --fail-fast does not go with --engine ray."),
        (("--engine", "ray", "--batch-size", "2"), "Option --batch-size does not go with --engine ray."),
    ],
)
def test_options_of_the_other_engine_are_refused(
    run_here: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted\na.png,b.png\n")
    done = run_here("batch", "s.csv", "--out", "out", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_folders_are_refused(run_here: Run) -> None:
    done = run_here("batch", "--reference-dir", "a", "--distorted-dir", "b", "--out", "out", "--engine", "ray")
    assert "Option --reference-dir does not go with --engine ray." in done.stderr
    done = run_here("batch", "--out", "out", "--engine", "ray")
    assert "Option --engine ray needs a list of pairs." in done.stderr


def test_a_list_that_is_missing_is_one_line(run_here: Run) -> None:
    done = run_here("batch", "memory://none/list.csv", "--out", "out", "--engine", "ray")
    assert (done.returncode, done.stderr) == (2, "innersight: No such list: 'memory://none/list.csv'.\n")
