"""The files of other projects are those of the pinned packages, with their licences."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = sorted((ROOT / "src").rglob("vendor.json"))
NOTICE = (ROOT / "NOTICE").read_text()


def test_there_is_a_list() -> None:
    assert ROOT / "src" / "innersight" / "browser" / "page" / "vendor" / "vendor.json" in LISTS


@pytest.mark.parametrize("listed", LISTS, ids=lambda path: path.parent.parent.name)
def test_each_file_has_its_digest_and_no_other_file_lies_there(listed: Path) -> None:
    files = {file["to"]: file["sha256"] for package in json.loads(listed.read_text()) for file in package["files"]}
    lying = {path.relative_to(listed.parent).as_posix() for path in listed.parent.rglob("*") if path.is_file()}
    assert lying == {*files, "vendor.json"}
    for name, digest in files.items():
        assert hashlib.sha256((listed.parent / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("listed", LISTS, ids=lambda path: path.parent.parent.name)
def test_each_package_states_its_version_and_licence_and_is_in_the_notice(listed: Path) -> None:
    packages = json.loads(listed.read_text())
    assert any("LICENSE" in file["to"] for package in packages for file in package["files"])
    for package in packages:
        assert package["license"]
        assert f"{package['package']} {package['version']}" in NOTICE


def test_git_shows_no_diff_of_them() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("NOT RUN: this is no checkout of git")
    folder = LISTS[0].parent
    (name, *_) = (file["to"] for package in json.loads(LISTS[0].read_text()) for file in package["files"])
    asked = [
        "git",
        "check-attr",
        "diff",
        "text",
        "linguist-vendored",
        "--",
        str(folder / name),
        str(folder / "vendor.json"),
    ]
    lines = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["unset", "unset", "set", "set", "set", "unset"]


def test_the_script_finds_a_changed_file_and_fetches_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "scripts" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    vendor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    monkeypatch.setattr(vendor, "fetch", lambda package, folder: {"dist/a.js": package["version"].encode()})
    listed = tmp_path / "src" / "page" / "vendor.json"
    listed.parent.mkdir(parents=True)
    digest = hashlib.sha256(b"1.0").hexdigest()
    packages = [{"package": "a", "version": "1.0", "license": "MIT", "files": [{"from": "dist/a.js", "to": "a.js", "sha256": digest}]}]  # fmt: skip
    listed.write_text(json.dumps(packages))

    def run(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vendor.py", *options])
        with pytest.raises(SystemExit) as end:
            vendor.main()
        return int(str(end.value.code))

    assert run("--check") == 1
    assert "src/page/a.js is not the file of a" in capsys.readouterr().out
    assert run() == 0
    assert (tmp_path / "src" / "page" / "a.js").read_bytes() == b"1.0"
    assert run("--check") == 0
    packages[0]["version"] = "2.0"
    listed.write_text(json.dumps(packages))
    assert run("--check") == 1
    assert run() == 0
    assert json.loads(listed.read_text())[0]["files"][0]["sha256"] == hashlib.sha256(b"2.0").hexdigest()


@pytest.mark.thorough
def test_the_files_are_those_of_the_packages() -> None:
    """It needs npm and the registries of packages."""
    if shutil.which("npm") is None:
        pytest.skip("NOT RUN: npm is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "vendor.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "All files are those of their packages.\n")
