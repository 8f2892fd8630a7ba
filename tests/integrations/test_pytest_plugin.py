"""The pytest plug-in, in a made project as its users have it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Pytest = Callable[..., "subprocess.CompletedProcess[str]"]

TEST = """
import numpy as np
import pytest
from PIL import Image, ImageDraw

def page(color="navy"):
    image = Image.new("RGB", (160, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 160, 30), fill=color)
    draw.text((10, 50), "Innersight", fill="black")
    return image

def test_page(assert_similar):
    assert_similar(page(COLOR), "page", max=3)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "checks").mkdir()
    write(tmp_path, "'navy'")
    return tmp_path


def write(project: Path, color: str, more: str = "") -> None:
    (project / "checks" / "test_page.py").write_text(TEST.replace("COLOR", color) + more)


@pytest.fixture
def run(project: Path) -> Pytest:
    def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Where the package is installed, pytest loads the plug-in by its entry point. A second `-p` would register it
        # twice, so entry points are not loaded, which also saves the import of other plug-ins.
        plugin = ("-p", "innersight.integrations.pytest_plugin")
        command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-q", *arguments]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)

    return run_pytest


def expected(project: Path) -> Path:
    return project / "checks" / "expected_images" / "test_page" / "page.png"


@pytest.mark.thorough
def test_a_missing_expected_image_fails_and_can_be_accepted(run: Pytest, project: Path) -> None:
    failed = run()
    assert failed.returncode == 1
    assert "There is no expected image 'checks/expected_images/test_page/page.png'" in failed.stdout
    assert "accept it with: pytest --innersight-update" in failed.stdout
    assert list((project / "innersight-failures").rglob("result.png"))
    assert not expected(project).exists()
    assert run("--innersight-update").returncode == 0
    assert expected(project).is_file()
    assert run().returncode == 0


@pytest.mark.thorough
def test_a_changed_image_fails_and_leaves_three_files(run: Pytest, project: Path) -> None:
    run("--innersight-update")
    write(project, "'orange'")
    failed = run("--innersight-artifacts", "out")
    assert failed.returncode == 1
    assert "The image 'page' has the score" in failed.stdout
    assert "above the limit 3 (lite; 0 = identical)" in failed.stdout
    (folder,) = {path.parent for path in (project / "out").rglob("*.png")}
    assert sorted(path.name for path in folder.iterdir()) == ["expected.png", "map.png", "result.png"]
    assert str(folder.relative_to(project)) in failed.stdout
    heatmap = np.asarray(Image.open(folder / "map.png").convert("L"), dtype=float)
    assert heatmap[:30].mean() > 2 * heatmap[60:].mean()
    assert run("--innersight-update").returncode == 0
    assert run().returncode == 0


@pytest.mark.thorough
def test_a_similar_image_passes_and_another_size_does_not(run: Pytest, project: Path) -> None:
    run("--innersight-update")
    write(project, "(0, 0, 129)")
    assert run().returncode == 0
    write(project, "'navy'", "\nsmall = page\ndef page(color): return small(color).resize((80, 60))\n")
    failed = run()
    assert failed.returncode == 1
    assert "has 80 x 60 pixels (width x height), but the expected one has 160 x 120" in failed.stdout


@pytest.mark.thorough
def test_an_update_does_not_rewrite_equal_images(run: Pytest, project: Path) -> None:
    run("--innersight-update")
    before = expected(project).stat().st_mtime_ns
    assert run("--innersight-update").returncode == 0
    assert expected(project).stat().st_mtime_ns == before


MANY = """
@pytest.mark.parametrize("index", range(8))
def test_many(assert_similar, index):
    image = page()
    ImageDraw.Draw(image).rectangle((index * 10, 60, index * 10 + 8, 100), fill="red")
    assert_similar(np.asarray(image), f"bar-{index}", max=1)
    assert_similar(page(), "shared", max=1)
"""


@pytest.mark.thorough
def test_several_processes_accept_and_compare_at_once(run: Pytest, project: Path) -> None:
    write(project, "'navy'", MANY)
    accepted = run("-p", "xdist", "-n", "2", "--innersight-update")
    assert accepted.returncode == 0, accepted.stdout
    assert len(list(expected(project).parent.iterdir())) == 10
    assert run("-p", "xdist", "-n", "2").returncode == 0


OPTIONS = """
def test_options(assert_similar):
    image = page()
    assert_similar(image, "options", max=0)
    ImageDraw.Draw(image).rectangle((20, 60, 40, 80), fill="red")
    assert_similar(image, "options", max=0, ignore=[(20, 60, 21, 21)])
    mask = np.ones((120, 160), bool)
    mask[60:81, 20:41] = False
    assert_similar(image, "options", max=0, mask=mask)

def test_deep(assert_similar):
    deep = (np.arange(64 * 64 * 3).reshape(64, 64, 3) * 5).astype(np.uint16)
    assert_similar(deep, "deep", max=0)

@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\\\\b", 3])
def test_names(assert_similar, name):
    with pytest.raises(ValueError, match="`name` must be"):
        assert_similar(page(), name, max=1)

def test_metrics(assert_similar):
    with pytest.raises(ValueError, match="use 'lite'"):
        assert_similar(page(), "m", max=1, metric="psnr")
"""


@pytest.mark.thorough
def test_regions_16_bits_and_bad_names(run: Pytest, project: Path) -> None:
    write(project, "'navy'", OPTIONS)
    text = (project / "checks" / "test_page.py").read_text()
    # The changed image of test_options must not become the expected one: accept with its first line only.
    (project / "checks" / "test_page.py").write_text(text.partition("    ImageDraw.Draw(image).rectangle((20")[0])
    run("--innersight-update")
    (project / "checks" / "test_page.py").write_text(text)
    first = run("--deselect", "checks/test_page.py::test_deep")
    assert first.returncode == 0, first.stdout
    run("--innersight-update", "-k", "deep")
    assert run("-k", "deep").returncode == 0


def test_the_plug_in_loads_nothing_that_is_slow(project: Path) -> None:
    code = "import innersight.integrations.pytest_plugin, sys; print([m for m in ('numpy', 'PIL', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_entry_point_names_the_plug_in() -> None:
    (found,) = metadata.entry_points(group="pytest11", name="innersight")
    assert found.value == "innersight.integrations.pytest_plugin"
