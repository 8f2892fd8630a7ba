"""What the documents say is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from innersight.metric.presets import PRESETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_first_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    block = README.split("```")[1].strip().splitlines()
    assert [line.split("#")[0].strip() for line in block] == ["make demo", "make test"]
    targets = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", targets, re.MULTILINE)
    assert re.search(r"^test:", targets, re.MULTILINE)


def test_every_linked_file_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"


def test_every_preset_is_in_the_readme() -> None:
    for name in PRESETS:
        assert f"| `{name}` |" in README


def test_every_command_line_option_in_the_readme_exists() -> None:
    from typer.main import get_command

    from innersight.cli.app import app

    command = get_command(app).commands["score"]
    known = {option for parameter in command.params for option in parameter.opts}
    used = set(
        re.findall(r"--[a-z-]+", "\n".join(line for line in README.splitlines() if line.startswith("innersight score")))
    )
    assert used
    assert used <= known


@pytest.mark.slow
def test_the_demo_scores_rise_and_its_heat_map_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    rows = [line for line in done.stdout.splitlines() if re.search(r"(JPEG|blur|noise) [\d.]+ to", line)]
    assert len(rows) == 9
    for row in rows:
        scores = [float(cell) for cell in re.findall(r"\d\.\d{4}", row)]
        assert len(scores) == 4
        assert scores == sorted(set(scores))
        assert "yes" in row
    assert (tmp_path / "demo-output" / "heatmap.png").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.parametrize(("part", "at_least"), [("tid2013", 0.81), ("live", 0.95)])
def test_lite_agrees_with_people_as_results_md_says(shared: Path, part: str, at_least: float) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "srcc.py", shared / "data" / part / "opinions.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    agreement = float(done.stdout.split()[-1])
    assert agreement >= at_least
    (row,) = [line for line in (ROOT / "docs" / "results.md").read_text().splitlines() if line.startswith("| `lite` |")]
    said = float(row.split("|")[2 if part == "tid2013" else 3])
    assert agreement == pytest.approx(said, abs=0.001)
