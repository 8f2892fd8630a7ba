"""A registry is filled at its first use, from modules and from entry points, and names what is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from innersight import registry as module
from innersight.errors import ArgumentError
from innersight.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of one module that registers `own`."""
    folder = tmp_path / "registered_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from innersight.registry import Registry\nNUMBERS = Registry('number', __name__, group='g', kind=int)\n"
    )
    (folder / "one.py").write_text("from registered_package import NUMBERS\nNUMBERS.add('own', 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "entry_points", lambda group: ())
    yield "registered_package"
    for name in [name for name in sys.modules if name.startswith("registered_package")]:
        del sys.modules[name]


def numbers(package: str) -> Registry[int]:
    found: Registry[int] = __import__(package).NUMBERS
    return found


def points(monkeypatch: pytest.MonkeyPatch, *found: EntryPoint) -> None:
    monkeypatch.setattr(module, "entry_points", lambda group: found)


def test_modules_are_imported_at_the_first_use(package: str) -> None:
    registry = numbers(package)
    assert f"{package}.one" not in sys.modules
    assert list(registry) == ["own"]
    assert registry["own"] == registry.find("own") == 1
    assert len(registry) == 1


def test_entry_points_add_the_object_they_load(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, EntryPoint("theirs", "sys:maxsize", "g"))
    assert numbers(package).find("theirs") == sys.maxsize


def test_a_broken_entry_point_leaves_the_others_and_is_named_when_asked_for(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points(
        monkeypatch,
        EntryPoint("absent", "no_such_module:x", "g"),
        EntryPoint("text", "sys:platform", "g"),
        EntryPoint("theirs", "sys:maxsize", "g"),
    )
    registry = numbers(package)
    assert list(registry) == ["own", "theirs"]
    with pytest.raises(
        ArgumentError, match=r"The number 'absent' of another package \(no_such_module:x\) cannot be loaded"
    ):
        registry.find("absent")
    with pytest.raises(ArgumentError, match="must be an object of type int, but is of type str"):
        registry.find("text")


def test_a_name_of_the_package_is_not_replaced(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, EntryPoint("own", "sys:maxsize", "g"))
    with pytest.warns(UserWarning, match="'own' of another package .* is ignored: the name is taken"):
        assert numbers(package)["own"] == 1


def test_a_name_is_registered_once() -> None:
    registry: Registry[object] = Registry("thing", "innersight.report")

    @registry.register("mine")
    def mine() -> None: ...

    assert registry["mine"] is mine
    with pytest.raises(ArgumentError, match="The thing 'mine' is registered already"):
        registry.add("mine", 2)


@pytest.mark.parametrize("name", ["mne", None, 3, ["mine"]])
def test_an_unknown_name_is_an_error_with_the_nearest(name: object) -> None:
    registry: Registry[object] = Registry("thing", "innersight.report")
    registry.add("mine", 1)
    with pytest.raises(ArgumentError, match=r"Argument `this` must be one of \(mine\), but got .* More\."):
        registry.find(name, argument="this", more="More.")
