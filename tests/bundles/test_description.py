"""A description of a bundle is complete, or it is refused in one line that names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from innersight.bundles.description import DESCRIPTION, read_description
from innersight.bundles.installed import shipped_folder
from innersight.errors import ArgumentError


@pytest.fixture
def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shipped_folder("lite") / DESCRIPTION).read_text())
    return found


def read(folder: Path, content: object) -> dict[str, Any]:
    (folder / DESCRIPTION).write_text(content if isinstance(content, str) else json.dumps(content))
    return read_description(folder)


def test_the_description_that_is_installed_is_complete(description: dict[str, Any], tmp_path: Path) -> None:
    assert read(tmp_path, description) == description


@pytest.mark.parametrize(
    ("content", "kind"), [("[" * 100_000, "RecursionError"), ("{", "JSONDecodeError"), ('"text"', "format None")]
)
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, content: str, kind: str) -> None:
    with pytest.raises(ArgumentError, match=kind):
        read(tmp_path, content)
    with pytest.raises(ArgumentError, match=r"is not a bundle: its metric\.json cannot be read \(FileNotFoundError\)"):
        read_description(tmp_path / "none")


def test_another_format_is_refused(description: dict[str, Any], tmp_path: Path) -> None:
    for version, said in ((2, "format 2,"), ("x" * 1000, r"format 'x{39} \.\.\.,"), (None, "format None,")):
        with pytest.raises(ArgumentError, match=said):
            read(tmp_path, {**description, "format": version})


TYPES = {
    "name": str, "citation": str, "configuration": dict, "description": dict, "views": list, "features": list,
    "layer_names": list, "files": dict, "versions": dict,
}  # fmt: skip


@pytest.mark.parametrize("key", TYPES)
def test_a_key_that_is_missing_is_named(description: dict[str, Any], tmp_path: Path, key: str) -> None:
    with pytest.raises(ArgumentError, match=rf"lacks `{key}` \("):
        read(tmp_path, {other: content for other, content in description.items() if other != key})


@pytest.mark.parametrize("value", [None, 1, True, ["text", 1], [None], ["text", {}], {"a": 1}, "text"])
@pytest.mark.parametrize("key", TYPES)
def test_a_value_of_another_type_is_named(description: dict[str, Any], tmp_path: Path, key: str, value: object) -> None:
    if isinstance(value, TYPES[key]) and key not in ("views", "features", "layer_names", "files"):
        assert read(tmp_path, {**description, key: value})[key] == value
        return
    with pytest.raises(ArgumentError, match=rf"lacks `{key}"):
        read(tmp_path, {**description, key: value})


def test_an_item_is_named_by_its_place(description: dict[str, Any], tmp_path: Path) -> None:
    views = [{**description["views"][0], "multiple": "1"}]
    with pytest.raises(ArgumentError, match=r"lacks `views\[0\]\.multiple` \(int\)"):
        read(tmp_path, {**description, "views": views})
    views = [{name: value for name, value in description["views"][0].items() if name != "input"}]
    with pytest.raises(ArgumentError, match=r"lacks `views\[0\]\.input` \(str\)"):
        read(tmp_path, {**description, "views": views})
