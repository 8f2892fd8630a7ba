"""What the documents say is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from innersight.bench.run import create_contestants, run_bench
from innersight.datasets.registry import open_dataset
from innersight.metric.presets import COMBINED, PRESETS

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
    for name in (*PRESETS, *COMBINED):
        assert f"| `{name}` |" in README


def test_every_command_line_option_in_the_readme_exists() -> None:
    from typer.main import get_command

    from innersight.cli.app import app

    for name, command in get_command(app).commands.items():
        known = {option for parameter in command.params for option in parameter.opts}
        lines = [line for line in README.splitlines() if line.startswith(f"innersight {name} ")]
        used = set(re.findall(r"--[a-z][a-z0-9-]*", "\n".join(lines)))
        assert lines or name == "metrics"
        assert used <= known


def agreement_on(page: str, columns: tuple[int, ...]) -> dict[str, list[str]]:
    """The first table of SRCC of a page: numbers without their intervals, by the metric's name."""
    lines = iter((ROOT / page).read_text().splitlines())
    next(line for line in lines if line.startswith("| metric |"))
    found = {}
    for line in lines:
        if not line.startswith("|"):
            return found
        cells = [cell.strip() for cell in line.split("|")]
        if not cells[1].startswith("-"):
            name = cells[1].split(",")[0].strip("`").lower()
            found[name] = [cells[column].split()[0] for column in columns]
    return found


def test_every_page_gives_the_agreement_of_results_md() -> None:
    plain = agreement_on("docs/results.md", (2, 3))
    readme = agreement_on("README.md", (2, 4))
    assert {"lite", "vit", "best", "vsi", "psnr"} <= readme.keys()
    for page in (readme, agreement_on("docs/presets.md", (2, 4))):
        assert page.items() <= plain.items()


@pytest.mark.slow
def test_the_demo_scores_rise_and_its_heat_map_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    rows = [line for line in done.stdout.splitlines() if re.search(r"(JPEG|blur|noise) [\d.]+ to", line)]
    assert len(rows) == 9
    for row in rows:
        scores = [float(cell) for cell in re.findall(r"\d+\.\d{3}\b", row)]
        assert len(scores) == 4
        assert scores == sorted(set(scores))
        assert "yes" in row
    assert (tmp_path / "demo-output" / "heatmap.png").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.parametrize(("part", "column"), [("tid2013", 2), ("live", 3)])
def test_lite_and_psnr_agree_with_people_as_results_md_says(
    shared: Path, tmp_path: Path, part: str, column: int
) -> None:
    dataset = open_dataset(str(shared / "data" / part / "opinions.csv"))
    metrics, _ = create_contestants(["lite", "psnr"])
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    lines = (ROOT / "docs" / "results.md").read_text().splitlines()
    for name, begins in (("lite", "| `lite` |"), ("psnr", "| psnr |")):
        said = next(line for line in lines if line.startswith(begins)).split("|")[column].split()[0]
        assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(float(said), abs=0.001)
