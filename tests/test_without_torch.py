"""The core works where torch, timm and scipy are not installed, and says what to install for the rest."""

from __future__ import annotations

import csv
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from absent_extras import ABSENT
from innersight.io.images import read_image

CORE = (
    "_version",
    "browser",
    "bundles",
    "cli",
    "datasets",
    "distributed",
    "errors",
    "extras",
    "gate",
    "inference",
    "integrations",
    "io",
    "preprocess.input_policy",
    "preprocess.masks",
    "provenance",
    "registry",
    "report",
)
DOORS = (
    "innersight.inference.torch_backend",
    "innersight.inference.torch_sources",
    "innersight.integrations.lpips",
    "innersight.integrations.pyiqa",
    "innersight.integrations.torchmetrics",
    "innersight.report.figures",
    "innersight.report.opinions",
)  # the modules and packages of the core that need an extra
BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run(code: str, *arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process in which the extras cannot be imported."""
    command = [sys.executable, "-c", BLOCKER + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def innersight_command(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run("from innersight.cli.app import main; main()", *arguments, folder=folder)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with ref.png and dis.jpg."""
    Image.fromarray(data.chelsea()).save(tmp_path / "ref.png")
    Image.fromarray(data.chelsea()).save(tmp_path / "dis.jpg", quality=15)
    return tmp_path


def expected_score(folder: Path) -> float:
    images = (torch.from_numpy(read_image(folder / name))[None] for name in ("ref.png", "dis.jpg"))
    return innersight.create_metric("lite")(*images).item()


def test_every_module_of_the_core_is_imported() -> None:
    folder = Path(innersight.__file__).parent
    modules = [f"innersight.{name}" for name in CORE]
    for name in CORE:
        walked = pkgutil.walk_packages([str(folder / name)], f"innersight.{name}.")
        modules += [module.name for module in walked if not module.name.startswith(DOORS)]
    assert len(modules) > 40
    done = run(f"import importlib\nfor name in {modules}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_score_is_that_of_torch(pair: Path) -> None:
    done = innersight_command(pair, "score", "ref.png", "dis.jpg", "--json", "--per-layer", "--map", "map.png")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["score"] == pytest.approx(expected_score(pair), rel=1e-5)
    assert sum(record["per_layer"]) == pytest.approx(record["score"], rel=1e-5)
    assert Image.open(pair / "map.png").size == (451, 300)


def test_batch_writes_the_score_of_each_pair(pair: Path) -> None:
    (pair / "list.csv").write_text("reference,distorted\nref.png,dis.jpg\nref.png,ref.png\n")
    done = innersight_command(pair, "batch", "list.csv", "--out", "out.csv", "--cache", "cache")
    assert done.returncode == 0, done.stderr
    with (pair / "out.csv").open(newline="") as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    assert scores == [pytest.approx(expected_score(pair), rel=1e-5), 0]


def test_the_metrics_that_work_are_listed_with_what_the_extra_adds(pair: Path) -> None:
    done = innersight_command(pair, "metrics")
    assert done.returncode == 0, done.stderr
    assert "lite" in done.stdout
    assert "vit" not in done.stdout
    assert "torch is not installed. pip install 'innersight[torch]' adds" in done.stdout


def test_the_configuration_of_a_shipped_metric_is_the_one_that_torch_shows(pair: Path) -> None:
    from innersight.metrics.presets.registry import PRESETS
    from innersight.metrics.serialization import read_config

    done = innersight_command(pair, "metrics", "show", "lite")
    assert done.returncode == 0, done.stderr
    (pair / "shown.toml").write_text(done.stdout)
    assert read_config(pair / "shown.toml") == PRESETS["lite"]


@pytest.mark.parametrize(
    "command",
    ["score", "app", "batch", "bench", "evaluate", "export", "metrics", "plot", "report", "weights", "backbones"],
)
def test_each_help_is_shown(tmp_path: Path, command: str) -> None:
    assert innersight_command(tmp_path, command, "--help").returncode == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("score", "ref.png", "dis.jpg", "--metric", "vit"), "Argument `metric`: 'vit' needs torch, which is not"),
        (
            ("score", "ref.png", "dis.jpg", "--set", "terms.moments.weight=0"),
            "'lite' with changes={'terms.moments.weight': '0'} needs torch",
        ),
        (("score", "ref.png", "dis.jpg", "--metric", "psnr"), "'psnr' needs torch"),
        (("metrics", "show", "vit"), "The configuration of 'vit' needs torch"),
        (("backbones", "--search", "resnet"), "Option --search needs timm"),
        (("weights", "pull", "dinov1-vitb16"), "needs huggingface_hub"),
    ],
)
def test_what_needs_torch_names_the_extra_in_one_line(pair: Path, arguments: tuple[str, ...], said: str) -> None:
    done = innersight_command(pair, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Run: pip install 'innersight[torch]'." in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "scores.csv", "--opinion-direction", "higher-is-better"),
        ("verify-paper", "--out", "out"),
        ("bench", "scores.csv", "--out", "out"),
    ],
)
def test_statistics_name_their_extra_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "scores.csv").write_text("score,opinion\n1,2\n2,1\n")
    done = innersight_command(tmp_path, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "needs scipy, which is not installed. Run: pip install 'innersight[evaluation]'." in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("scatter", "scores.csv"),
        ("layers", "scores.csv"),
        ("compare", "results.json"),
        ("map", "ref.png", "dis.png"),
    ],
)
def test_figures_name_their_extra_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = innersight_command(tmp_path, "plot", *arguments, "--out", "figure.pdf")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "A figure needs matplotlib, which is not installed. Run: pip install 'innersight[plot]'." in done.stderr
