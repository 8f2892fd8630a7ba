"""The page needs no file beside those that are listed, and a copy in a folder has them all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from innersight import Scorer
from innersight.browser.page_files import page_files, write_page
from innersight.errors import ArgumentError
from innersight.inference.anchors import find_anchors


def test_each_file_that_a_script_names_is_listed() -> None:
    files = page_files()
    named = set()
    for address in files:
        if address.endswith(".js") and not address.startswith("vendor/"):
            text = files[address].read().decode()
            for path in re.findall(r'(?:from|import|URL\()\s*"([^"]+)"', text):
                named.add((Path("/") / Path(address).parent / path).resolve().relative_to("/").as_posix())
    for address in ("index.html", "page.css"):
        named |= set(re.findall(r'(?:href="|src="|url\()([^")]+)', files[address].read().decode()))
    assert {"scripts/png.js", "lite/map.onnx", "anchors.json", "page.css", "grip.svg"} <= named
    assert named <= set(files)


def test_the_scripts_name_no_other_host() -> None:
    for address, file in page_files().items():
        if address.endswith((".js", ".html", ".css")) and not address.startswith("vendor/"):
            addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", file.read().decode()))
            assert addresses <= {"http://www.w3.org/2000/svg"}, address


def test_the_anchors_are_those_of_the_bundle() -> None:
    table = json.loads(page_files()["anchors.json"].read())
    anchors = find_anchors(Scorer("lite").describe(), (256, 256))
    assert anchors is not None
    assert table["sizes"]["256"]["lowest"] == pytest.approx(anchors.lowest)
    assert table["qualities"] == anchors.qualities


def test_a_copy_has_all_files(tmp_path: Path) -> None:
    write_page(tmp_path / "a" / "b")
    found = {path.relative_to(tmp_path / "a" / "b").as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    files = page_files()
    assert found.keys() == files.keys()
    for address, path in found.items():
        assert path.read_bytes() == files[address].read()


def test_a_folder_with_files_is_not_changed_without_leave(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(ArgumentError, match=r"is not empty\. Use another one, or --overwrite to replace its files"):
        write_page(tmp_path)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["mine", "mine"]
    write_page(tmp_path, overwrite=True)
    assert "Innersight" in (tmp_path / "index.html").read_text()
    assert (tmp_path / "other.txt").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match=r"is a file\. Use the name of a folder"):
        write_page(tmp_path / "file")
