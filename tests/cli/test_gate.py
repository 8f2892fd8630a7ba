"""`innersight gate` as a pipeline runs it: exit statuses, reports and files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from skimage import data
from tests.cli.conftest import Run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    photograph = Image.fromarray(data.coffee()).crop((100, 50, 451, 310))
    for folder in ("golden", "new"):
        (tmp_path / folder).mkdir()
        for name in ("home", "login", "search"):
            photograph.save(tmp_path / folder / f"{name}.png")
    return tmp_path


def test_a_project_whose_images_are_right_passes(run: Run, project: Path) -> None:
    result = run("gate", "--reference-dir", "golden", "--distorted-dir", "new", "--max", "5")
    assert (result.returncode, result.stdout, result.stderr) == (0, "3 cases: 3 passed, 0 failed\n", "")


@pytest.mark.thorough
def test_a_project_with_a_broken_case_fails_with_reports_and_a_heat_map(run_here: Run, project: Path) -> None:
    changed = np.array(Image.open(project / "new" / "login.png"))
    changed[100:150, 100:200] = (255, 0, 0)
    Image.fromarray(changed).save(project / "new" / "login.png")
    (project / "cases.toml").write_text(
        'reference-dir = "golden"\ndistorted-dir = "new"\nmax = 5\n[[case]]\nname = "home"\nmax = 1\n'
    )
    reports = ("--summary", "gate.json", "--junit", "gate.xml", "--artifacts", "failures")
    result = run_here("gate", "cases.toml", *reports)
    assert (result.returncode, result.stderr) == (3, "")
    first, last = result.stdout.splitlines()
    assert first.startswith("FAIL login: The score ")
    assert "above the limit 5" in first
    assert last == "3 cases: 2 passed, 1 failed"
    summary = json.loads((project / "gate.json").read_text())
    assert (summary["n"], summary["failed"], summary["errors"]) == (3, 1, 0)
    assert summary["worst"][0]["name"] == "login"
    suite = ElementTree.parse(project / "gate.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert [path.name for path in (project / "failures").iterdir()] == ["login"]
    heatmap = np.asarray(Image.open(project / "failures" / "login" / "map.png").convert("L"), dtype=float)
    assert heatmap[110:140, 110:190].mean() > 2 * heatmap[200:].mean()
    assert run_here("gate", "cases.toml", "--ignore", "100,100,100,50").returncode == 0


@pytest.mark.thorough
def test_one_pair(run_here: Run, project: Path) -> None:
    Image.open(project / "golden" / "home.png").save(project / "home.jpg", quality=40)
    assert run_here("gate", "golden/home.png", "home.jpg", "--max", "8").returncode == 0
    assert run_here("gate", "golden/home.png", "home.jpg", "--jpeg-equivalent", "20").returncode == 0
    assert run_here("gate", "golden/home.png", "home.jpg", "--jpeg-equivalent", "90").returncode == 3
    assert run_here("gate", "golden/home.png", "home.jpg", "--metric", "psnr", "--min", "20").returncode == 0
    missing = run_here("gate", "golden/home.png", "none.png", "--max", "7")
    assert missing.returncode == 3
    assert "FAIL none.png: No such file: 'none.png'." in missing.stdout


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("golden/home.png",), "Pass REF and DIS, or a file CASES.toml"),
        (("golden/home.png", "new/home.png", "--reference-dir", "golden"), "Pass REF and DIS"),
        (("golden/home.png", "new/home.png"), "has no limit"),
        (("golden/home.png", "new/home.png", "--min", "3"), "use max"),
        (("golden/home.png", "new/home.png", "--max", "nan"), "`max` must be a finite number"),
        (("golden/home.png", "new/home.png", "--max", "3", "--metric", "lpps"), "Did you mean"),
        (("golden/home.png", "new/home.png", "--max", "3", "--summary", "none/s.json"), "no folder"),
        (("golden/home.png", "new/home.png", "--max", "3", "--junit", "new"), "is a folder"),
        (("golden/home.png", "new/home.png", "--max", "3", "--artifacts", "golden/home.png"), "is a file"),
        (("none.toml",), "'none.toml' cannot be read"),
        (("--reference-dir", "golden", "--distorted-dir", "none", "--max", "3"), "No such folder: 'none'"),
        (("--calibrate", "golden"), "at least two folders of runs"),
        (("--calibrate", "golden", "--max", "5"), "does not go with --max"),
        (("--calibrate", "golden", "--ignore", "0,0,9,9"), "does not go with --ignore"),
        (("--calibrate", "golden", "--summary", "s.json"), "does not go with --summary"),
    ],
)
def test_a_gate_that_cannot_run_is_one_line_and_status_2(
    run_here: Run, project: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run_here("gate", *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr


def test_a_calibration_is_printed_as_cases(run_here: Run, project: Path) -> None:
    (project / "runs").mkdir()
    for name in ("golden", "new"):
        (project / name).rename(project / "runs" / name)
    result = run_here("gate", "--calibrate", "runs")
    assert result.returncode == 0
    assert 'reference-dir = "runs/golden"\ndistorted-dir = "new"\nmax = 0.0\n' in result.stdout
    assert result.stdout.count("name = ") == 3


def test_identical_images_load_no_runtime(project: Path) -> None:
    program = (
        "import sys; from innersight.cli.app import app\n"
        "try: app(['gate', '--reference-dir', 'golden', '--distorted-dir', 'new', '--max', '5'])\n"
        "finally: print([name for name in ('onnxruntime', 'torch', 'scipy') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("3 cases: 3 passed, 0 failed\n", "[]\n")


@pytest.mark.thorough
def test_batch_writes_the_same_summary(run_here: Run, project: Path) -> None:
    Image.open(project / "golden" / "home.png").save(project / "new" / "home.png.tmp.jpg", quality=40)
    (project / "new" / "home.png.tmp.jpg").replace(project / "new" / "home.png")
    folders = ("--reference-dir", "golden", "--distorted-dir", "new")
    run_here("gate", *folders, "--max", "9", "--summary", "gate.json")
    result = run_here("batch", *folders, "--out", "out.csv", "--summary", "batch.json", "--quiet")
    assert result.returncode == 0, result.stderr
    gate, batch = (json.loads((project / f"{name}.json").read_text()) for name in ("gate", "batch"))
    for key in ("n", "errors", "mean", "median", "p5", "p95", "min", "max"):
        assert batch[key] == pytest.approx(gate[key], rel=1e-5), key
    assert batch["worst"][0]["distorted"].endswith("home.png")
