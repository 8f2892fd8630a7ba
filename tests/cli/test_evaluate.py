"""The command `innersight evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run

ROWS = [(1, 9), (2, 8), (3, 6), (4, 7), (5, 5), (6, 4), (7, 2), (8, 3)]
TABLE = "name,dist,mos,ref,kind\n" + "".join(
    f"i{row},{dist},{mos},r{row % 2},k{row // 4}\n" for row, (dist, mos) in enumerate(ROWS)
)
COLUMNS = ("--score", "dist", "--opinion", "mos", "--opinion-direction", "higher-is-better")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.thorough
def test_json_contains_all_statistics_by_group(run_here: Run, table: Path) -> None:
    done = run_here("evaluate", table, *COLUMNS, "--reference", "ref", "--kind", "kind", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # By hand: 2 of 28 pairs are discordant; SRCC = 1 - 6 * 4 / (8 * 63).
    assert found["overall"]["krcc"]["value"] == pytest.approx(24 / 28)
    assert found["overall"]["srcc"]["value"] == pytest.approx(1 - 24 / 504)
    assert found["by_reference"]["srcc"]["value"] == pytest.approx(1.0)
    assert set(found["by_kind"]) == {"k0", "k1"}
    assert found["by_kind"]["k1"]["krcc"]["value"] == pytest.approx(4 / 6)
    assert {"low", "high"} < set(found["overall"]["plcc"])
    assert "2 references: intervals are rough" in done.stderr


@pytest.mark.thorough
def test_the_table_shows_rows_and_intervals(run_here: Run, table: Path) -> None:
    done = run_here("evaluate", table, *COLUMNS)
    assert "8 rows; positive = agreement, 95 % intervals" in done.stdout
    assert "srcc" in done.stdout
    assert "0.9524" in done.stdout
    assert "intervals are over rows, because references are not given" in done.stderr


@pytest.mark.thorough
def test_the_directions_determine_the_sign(run_here: Run, table: Path) -> None:
    turned = (*COLUMNS[:-1], "lower-is-better", "--resamples", "0", "--json")
    found = json.loads(run_here("evaluate", table, *turned).stdout)
    assert found["overall"]["srcc"]["value"] == pytest.approx(-(1 - 24 / 504))
    both = json.loads(run_here("evaluate", table, *turned, "--score-direction", "higher-is-better").stdout)
    assert both["overall"]["srcc"]["value"] == pytest.approx(1 - 24 / 504)


@pytest.mark.thorough
def test_missing_scores_are_counted_on_stderr(run_here: Run, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(TABLE.replace("i3,4,", "i3,,").replace("i5,6,", "i5,nan,"))
    done = run_here("evaluate", path, *COLUMNS, "--json")
    assert json.loads(done.stdout)["left_out"] == {"no score": 2}
    assert "2 of 8 rows left out: no score" in done.stderr


@pytest.mark.thorough
def test_standard_deviations_give_outlier_ratio_and_pair_analysis(run_here: Run, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("dist,other,mos,std\n" + "".join(f"{d},{9 - d},{m},1\n" for d, m in ROWS))
    options = ("--opinion-std", "std", "--versus", "other")
    found = json.loads(run_here("evaluate", path, *COLUMNS, *options, "--json").stdout)["with_std"]
    # By hand, from opinions 9 8 6 7 5 4 2 3: 15 of 28 pairs differ by more than
    # 1.96 * sqrt(2) = 2.77, all in the order of the scores.
    assert (found["pairs_different"], found["pairs_similar"]) == (15, 13)
    first, second = found["metrics"]["dist"], found["metrics"]["other"]
    assert first["accuracy"] == first["auc_better_worse"] == 1.0
    assert second["accuracy"] == second["auc_better_worse"] == 0.0
    assert first["outlier_ratio"] == 0.0
    (p_values,) = found["p_values"]
    assert (p_values["first"], p_values["second"], p_values["auc_different_similar"]) == ("dist", "other", 1.0)
    voted = json.loads(run_here("evaluate", path, *COLUMNS, *options, "--votes", "4", "--json").stdout)["with_std"]
    assert (voted["pairs_different"], voted["pairs_similar"]) == (21, 7)  # different by 2 or more
    shown = run_here("evaluate", path, *COLUMNS, *options).stdout
    assert "15 different and 13 similar pairs" in shown
    assert "auc_different_similar" in shown
    refused = run_here("evaluate", path, *COLUMNS, "--votes", "4")
    assert "Options `--votes` and `--versus` need `--opinion-std`" in refused.stderr
    refused = run_here("evaluate", path, *COLUMNS, "--opinion-std", "std", "--versus", "dist")
    assert "Option `--versus` must name another column than `--score`, but got 'dist' for both." in refused.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--score", "quality"), "line 2: no column 'quality'. Name one of the columns (name, dist, mos, ref, kind)."),
        (("--score", "name"), "line 2: 'name' must be a number, but got 'i0'."),
        (("--opinion-direction", "up"), "`--opinion-direction` must be one of (higher-is-better, lower-is-better)"),
    ],
)
def test_errors_are_one_line(run_here: Run, table: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run_here("evaluate", table, *COLUMNS, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.thorough
def test_torch_is_not_imported(run: Run, table: Path, tmp_path: Path) -> None:
    """A module that shadows torch and cannot be imported."""
    (tmp_path / "shadow" / "torch").mkdir(parents=True)
    (tmp_path / "shadow" / "torch" / "__init__.py").write_text("raise ImportError('torch was imported')")
    done = run("evaluate", table, *COLUMNS, PYTHONPATH=str(tmp_path / "shadow"))
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("cell", ["\u0663", "1_0", "\uff14"])
def test_numbers_in_other_scripts_or_with_underscores_are_refused_fault_32(
    run_here: Run, tmp_path: Path, cell: str
) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(TABLE.replace("i3,4,", f"i3,{cell},"), encoding="utf-8")
    done = run_here("evaluate", path, *COLUMNS, "--resamples", "0")
    assert done.returncode == 2
    assert "line 5: 'dist' must be a number, but got " in done.stderr
