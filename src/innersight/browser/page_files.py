"""The files of the page, by their address: those of the page itself, the bundle of `lite`, and its anchors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from innersight.bundles import shipped
from innersight.errors import ArgumentError
from innersight.inference.anchors import anchor_table

METRIC = "lite"
"""The metric of the page."""

START = "index.html"
"""The address of the page itself, without the leading slash."""

_PAGE = Path(__file__).parent / "page"
_BUNDLE = ("extract.onnx", "compare.onnx", "map.onnx", "metric.json", "NOTICE")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        content: The content, or the path of the file that has it.
        media_type: The type for the header `Content-Type`.
    """

    content: bytes | Path
    media_type: str

    def read(self) -> bytes:
        """Return the content."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


def page_files() -> Mapping[str, PageFile]:
    """List the files of the page.

    Returns:
        The files by their addresses, which are relative to that of the page and have no leading slash.

    Example:
        >>> files = page_files()
        >>> files["index.html"].media_type
        'text/html; charset=utf-8'
        >>> sorted(address for address in files if address.endswith(".onnx"))
        ['lite/compare.onnx', 'lite/extract.onnx', 'lite/map.onnx']
    """
    bundle = shipped(METRIC)
    table = None if bundle is None else anchor_table(bundle.describe())
    if bundle is None or table is None:
        raise ArgumentError(f"The bundle of {METRIC} is not in this installation. Install the package again.")
    paths = {path.relative_to(_PAGE).as_posix(): path for path in sorted(_PAGE.rglob("*")) if path.is_file()}
    paths.update({f"{METRIC}/{name}": bundle.folder / name for name in _BUNDLE})
    found = {
        address: PageFile(path, _TYPES.get(path.suffix, "text/plain; charset=utf-8")) for address, path in paths.items()
    }
    # A digest of Python's JSON decides which table is that of the metric, so the page gets this table only.
    return {**found, "anchors.json": PageFile(json.dumps(table).encode(), _TYPES[".json"])}


def write_page(folder: str | Path, *, overwrite: bool = False) -> None:
    """Write all files of the page to a folder, for a server of static files.

    Args:
        folder: The folder. It is created if it does not exist.
        overwrite: Whether files that exist may be replaced. Other files in the folder stay. Default: False.

    Raises:
        ArgumentError: If the folder is a file, or is not empty and `overwrite` is not set.

    Example:
        >>> folder = getfixture("tmp_path") / "page"
        >>> write_page(folder)
        >>> (folder / "index.html").is_file(), (folder / "lite" / "extract.onnx").is_file()
        (True, True)
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"'{folder}' is a file. Use the name of a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ArgumentError(
            f"The folder '{folder}' is not empty. Use another one, or --overwrite to replace its files."
        )
    for address, file in page_files().items():
        path = folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, Path):
            shutil.copyfile(file.content, path)
        else:
            path.write_bytes(file.content)
