"""The README and the documents agree with the code and with each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from innersight.benchmark.run import create_available, run_bench
from innersight.datasets.registry import open_dataset
from innersight.metrics.factory import resolve
from innersight.metrics.presets.registry import PRESETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_first_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    block = README.split("```")[1].strip().splitlines()
    assert [line.split("#")[0].strip() for line in block] == ["make demo", "make test"]
    targets = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", targets, re.MULTILINE)
    assert re.search(r"^test:", targets, re.MULTILINE)


def test_every_linked_file_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"


def test_every_test_that_the_page_on_reliability_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "reliability.md").read_text()))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_the_readme_says_that_a_forked_process_can_hang_fault_52() -> None:
    assert "A process that is forked after a score can hang if the metric runs in torch." in README


def test_every_preset_is_in_the_readme() -> None:
    for name in PRESETS:
        assert f"| `{name}` |" in README


def test_every_command_line_option_in_the_readme_exists() -> None:
    from typer.main import get_command

    from innersight.cli.app import app

    for name, command in get_command(app).commands.items():
        parts = [command, *getattr(command, "commands", {}).values()]  # a group and its commands
        known = {option for part in parts for parameter in part.params for option in parameter.opts}
        lines = [line for line in README.splitlines() if line.startswith(f"innersight {name} ")]
        used = set(re.findall(r"--[a-z][a-z0-9-]*", "\n".join(lines)))
        assert lines or name == "metrics"
        assert used <= known


def test_every_metric_in_a_command_of_the_readme_exists() -> None:
    lines = [line.partition("#")[0] for line in README.splitlines() if line.startswith("innersight ")]
    metrics = re.findall(r"--metric (\S+)", " ".join(lines))
    assert len(metrics) >= 3
    for metric in metrics:
        if not metric.endswith((".toml", ".json")):
            resolve(metric)  # an unknown name raises an error


def agreement_on(page: str, columns: tuple[int, ...]) -> dict[str, list[str]]:
    """Return the first table of SRCC on a page: the numbers without their intervals, by the name of the metric."""
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


def test_every_page_gives_the_numbers_of_results_md() -> None:
    plain = agreement_on("docs/results.md", (2, 3))
    readme = agreement_on("README.md", (2, 4))
    assert {"lite", "vit", "best", "vsi", "psnr"} <= readme.keys()
    for page in (readme, agreement_on("docs/presets.md", (2, 4))):
        assert page.items() <= plain.items()


def sections() -> list[tuple[str, str]]:
    """Return each section of the README and of the documents, with the name of its page and its heading."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE):
            found.append((f"{page.name}: {section.splitlines()[0]}", section))
    return found


def presets_with_numbers(section: str) -> set[str]:
    """Return which of `vit` and `best` have numbers in a table of the section, or a measured time."""
    shown = set()
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        if re.search(r"\d", table):
            shown |= set(re.findall(r"^\| `(vit|best)\b", table, re.MULTILINE))
            shown |= set(re.findall(r"`(vit|best)`", table.splitlines()[0]))
    shown |= set(re.findall(r"^ +(vit|best)\b.* ms\b", section, re.MULTILINE))
    return shown | set(re.findall(r"strengths\.py .*--metric (vit|best)\b", section))


def test_numbers_of_vit_and_best_name_their_stand_in_weights() -> None:
    checked = set()
    for where, section in sections():
        shown = presets_with_numbers(section)
        sentences = re.split(r"[.:]\s|\n\n|\|\n", section)
        named = {name for line in sentences if "stand-in" in line for name in re.findall(r"`(vit|best)`", line)}
        assert shown <= named, f"{where}: {shown - named}"
        checked |= {where.split(":")[0]} if shown else set()
    assert checked >= {"README.md", "results.md", "presets.md"}


def test_no_p_value_of_a_preset_comes_from_the_sets_used_for_selection() -> None:
    results = (ROOT / "docs" / "results.md").read_text()
    for _, section in sections():
        assert not re.search(r"\bp\s*[=<]?\s*0?\.\d", section)
    assert "The settings of the presets were selected on these two parts." in results
    assert "P-values of the presets against other metrics are therefore not given" in results


def test_the_table_of_the_readme_states_the_numbers_of_pairs_and_references() -> None:
    head = next(line for line in README.splitlines() if line.startswith("| metric |"))
    cells = [cell.strip() for cell in head.split("|")]
    assert "310 pairs of 16 references, 289 of them of three" in cells[2]
    assert "89 pairs of 10 references" in cells[4]


def test_the_claim_about_human_opinion_comes_with_the_selection_of_the_settings() -> None:
    words = " ".join(README.split())
    claim = "Nothing is trained on human opinion"
    whole = f"{claim}, but the settings of the presets were selected on parts of TID2013 and LIVE."
    assert words.count(claim) == words.count(whole) == 1


def test_every_extra_is_installed_by_the_name_of_the_package_fault_53() -> None:
    for where, section in sections():
        assert ".[" not in section.replace("...[", ""), where
        assert len(re.findall(r"innersight\[", section)) == len(re.findall(r"pip install 'innersight\[", section)), (
            where
        )


@pytest.mark.thorough
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


@pytest.mark.thorough
@pytest.mark.parametrize(("part", "column"), [("tid2013", 2), ("live", 3)])
def test_lite_and_psnr_have_the_srcc_that_results_md_gives(
    shared: Path, tmp_path: Path, part: str, column: int
) -> None:
    dataset = open_dataset(str(shared / "data" / part / "opinions.csv"))
    metrics, _ = create_available(["lite", "psnr"])
    (outcome,) = run_bench(dataset, metrics, tmp_path, resamples=0).outcomes
    lines = (ROOT / "docs" / "results.md").read_text().splitlines()
    for name, begins in (("lite", "| `lite` |"), ("psnr", "| psnr |")):
        stated = next(line for line in lines if line.startswith(begins)).split("|")[column].split()[0]
        assert outcome.evaluations[name].overall["srcc"].value == pytest.approx(float(stated), abs=0.001)
