"""A file is checked before the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.report.destinations import check_destination


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("m.jpeg", r"name of a map must end in \.png, but got '.*m\.jpeg'"),
        ("", r"name of a map must end in \.png"),
        ("at/all/m.png", r"folder '.*at/all' of the map does not exist\. Create it first"),
        ("folder.png", "folder.png', which is a folder"),
        ("folder.png/../image.png", "The map would replace the input"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "image.png").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ArgumentError, match=message):
        check_destination(tmp_path / name, [tmp_path / "image.png"], "map", [".png"])


def test_a_new_file_and_an_old_one_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "old.PNG").touch()
    for name in ("new.png", "old.PNG"):
        check_destination(tmp_path / name, [tmp_path / "image.png"], "map", [".png"])


def test_all_suffixes_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"a figure must end in \.pdf, \.svg or \.png, but got 'a\.gif'"):
        check_destination(Path("a.gif"), [], "figure", [".pdf", ".svg", ".png"])


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may write everywhere
    with pytest.raises(ArgumentError, match=r"may not write the map to '.*new\.png' \(permission denied\)"):
        check_destination(tmp_path / "new.png", [], "map", [".png"])
