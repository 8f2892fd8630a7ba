"""A library that an extra installs is named with the extra."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from innersight import extras
from innersight.errors import ArgumentError
from innersight.extras import missing_extra, needed_for

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent


def test_a_missing_library_of_an_extra_is_one_line_with_the_command() -> None:
    with pytest.raises(ArgumentError) as raised, needed_for("Argument `metric`: 'vit'"):
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    assert str(raised.value) == (
        "Argument `metric`: 'vit' needs torch, which is not installed. Run: pip install 'innersight[torch]'."
    )


def test_another_missing_module_keeps_its_error() -> None:
    error = ModuleNotFoundError("No module named 'missing'", name="missing")
    assert missing_extra(error, "This") is error
    with pytest.raises(ModuleNotFoundError, match="No module named 'missing'"), needed_for("This"):
        raise error


def test_each_named_extra_exists_and_installs_the_library() -> None:
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for module, extra in extras._EXTRAS.items():
        names = [requirement.lower().replace("-", "_") for requirement in optional[extra]]
        assert any(name.startswith(module) for name in names), module
