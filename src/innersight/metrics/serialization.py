"""Configurations as dictionaries, TOML and JSON, and single changes by path."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.metrics.config import MetricConfig
from innersight.metrics.terms.base import TERMS, Term, type_of
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.values import Layers, parse_layers, parse_number, parse_switch, parse_whole
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIXES = (".toml", ".json")
"""Endings of configuration files."""

VIEW_SHORTCUTS = ("backbone", "features", "input")
"""Fields of the view that may be changed by their own name where a configuration has one view."""

TERM_SHORTCUTS = ("layers", "distance")
"""Fields of the feature distance that may be changed by their own name where a configuration has one."""

_TOP = ("name", "scale", "reduce")

_NEW_BY = {"terms": "type", "views": "backbone"}
"""The field without a default, whose change adds a term or a view of a new name."""


def config_to_dict(config: MetricConfig) -> dict[str, Any]:
    """Return a configuration in JSON types, all fields included; the inverse of `config_from_dict`.

    Example:
        >>> from innersight.metrics.presets.registry import PRESETS
        >>> config_to_dict(PRESETS["lite"])["terms"]["moments"]
        {'type': 'channel_moments', 'view': 'main', 'weight': 1.5, 'layers': 'last-3', 'order': 4}
    """
    return {
        **{key: getattr(config, key) for key in _TOP},
        "views": {view.name: _fields_to_dict(view) for view in config.views},
        "terms": {term.name: {"type": type_of(term), **_fields_to_dict(term)} for term in config.terms},
    }


def config_from_dict(data: Mapping[str, Any]) -> MetricConfig:
    """Make a configuration from a dictionary, such as a TOML or JSON file holds.

    Args:
        data: `name`, `scale`, `reduce`, and the tables `views` and `terms` by name. Every term has a `type`, a name of
            `TERMS`. Fields that are absent have their defaults. Numbers and layers may be texts, as a user types them.

    Raises:
        ArgumentError: If a key is unknown or absent, or a value is not allowed.
    """
    _check_keys("", data, (*_TOP, "views", "terms"))
    views = [_make(View, f"views.{name}", name, table) for name, table in _tables(data, "views")]
    terms = []
    for name, table in _tables(data, "terms"):
        kind = TERMS.find(table.get("type"), argument=f"terms.{name}.type")
        terms.append(_make(kind, f"terms.{name}", name, {key: table[key] for key in table if key != "type"}))
    top = {key: data[key] for key in _TOP if key in data}
    return MetricConfig(**{"name": "unnamed", **top}, views=tuple(views), terms=tuple(terms))


def to_toml(config: MetricConfig) -> str:
    """Write a configuration as TOML.

    Example:
        >>> from innersight.metrics.presets.registry import PRESETS
        >>> print(to_toml(PRESETS["paper"]).splitlines()[0])
        name = "paper"
    """
    import tomli_w

    return tomli_w.dumps(config_to_dict(config))


def read_config(path: Path) -> MetricConfig:
    """Read a configuration from a .toml or .json file. Its name is the file's `name`, else the file's own name.

    Raises:
        ArgumentError: If the file cannot be read, or is not a configuration.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:  # both parsers raise kinds of ValueError
        raise ArgumentError(f"The configuration '{path}' cannot be read: {first_line(error)}") from error
    if not isinstance(data, Mapping):
        raise ArgumentError(f"The configuration '{path}' must hold a table, but holds a {type(data).__name__}.")
    try:
        return config_from_dict({"name": path.stem, **data})
    except ArgumentError as error:
        raise ArgumentError(f"The configuration '{path}': {error}") from error


def change(config: MetricConfig, changes: Mapping[str, object]) -> MetricConfig:
    """Return a configuration with some values changed.

    Args:
        config: The configuration.
        changes: Values by path: `scale`, `views.main.chroma`, `terms.moments.weight`, `terms.features.options.seed`.
            The fields `backbone`, `features` and `input` of a configuration's only view, and `layers` and `distance` of
            its only feature distance, may be given by their own name. The `type` of a new name adds a term,
            the `backbone` of a new name adds a view.

    Raises:
        ArgumentError: If a path is unknown, or a value is not allowed.

    Example:
        >>> from innersight.metrics.presets.registry import PRESETS
        >>> config = change(PRESETS["lite"], {"layers": "0,1", "terms.moments.weight": "0"})
        >>> [term.name for term in config.active_terms]
        ['features', 'thumbnail', 'chroma']
    """
    data = config_to_dict(config)
    paths = {_full_path(config, key): value for key, value in changes.items()}
    for path, value in paths.items():
        if path.endswith(".features") and value == "embedding":
            # An embedding has no layers: those of the preset are dropped with the features they belong to.
            for term in config.terms:
                if isinstance(term, FeatureDistance) and path == f"views.{term.view}.features":
                    data["terms"][term.name]["layers"] = "all"
    # A new term or view needs these paths; without them, an unknown name is a wrong name.
    for name in (path.split(".") for path in paths):
        if name[0] in _NEW_BY and name[2:] == [_NEW_BY[name[0]]]:
            data[name[0]].setdefault(name[1], {})
    for path, value in paths.items():
        _set(data, path, value)
    return config_from_dict(data)


def _full_path(config: MetricConfig, key: str) -> str:
    distances = [term.name for term in config.terms if isinstance(term, FeatureDistance)]
    for shortcuts, place, names, noun in (
        (VIEW_SHORTCUTS, "views", [view.name for view in config.views], "view"),
        (TERM_SHORTCUTS, "terms", distances, "feature distance"),
    ):
        if key in shortcuts:
            if len(names) != 1:
                paths = ", ".join(f"{place}.{name}.{key}" for name in names)
                raise ArgumentError(
                    f"Argument `{key}`: {config.name} has {len(names) or 'no'} {noun}{'s' * (len(names) != 1)}"
                    + (f": change one of ({paths}), as in --set {paths.split(',')[0]}=VALUE." if names else ".")
                )
            return f"{place}.{names[0]}.{key}"
    return key


def _set(data: dict[str, Any], path: str, value: object) -> None:
    *tables, last = path.split(".")
    table: Any = data
    if not tables and last not in _TOP:
        raise unknown_name("set", path, [*VIEW_SHORTCUTS, *TERM_SHORTCUTS, *_paths(data)])
    for key in tables:
        if not isinstance(table, dict) or key not in table:
            raise unknown_name("set", path, _paths(data))
        table = table[key]
    whole = len(tables) == 1 and tables[0] in _NEW_BY  # the path of a term or view, not of one of its fields
    if not isinstance(table, dict) or (whole and not isinstance(value, Mapping)):
        raise unknown_name("set", path, _paths(data))
    table[last] = value


def _paths(data: Mapping[str, Any], before: str = "") -> list[str]:
    found = []
    for key, value in data.items():
        found += _paths(value, f"{before}{key}.") if isinstance(value, Mapping) and value else [f"{before}{key}"]
    return found


def _tables(data: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    tables = data.get(name)
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise ArgumentError(f"Argument `{name}` must be a table of tables by name, such as [{name}.main].")
    return list(tables.items())


def _check_keys(where: str, table: Mapping[str, Any], allowed: typing.Iterable[str]) -> None:
    names = list(allowed)
    for key in table:
        if key not in names:
            raise unknown_name(where or "configuration", key, names)


def _make(kind: type[Any], where: str, name: str, table: Mapping[str, Any]) -> Any:
    """Make a view or a term from its table."""
    hints = typing.get_type_hints(kind)
    own = [item for item in dataclasses.fields(kind) if item.name != "name"]
    _check_keys(where, table, [item.name for item in own])
    values = {}
    for item in own:
        if item.name in table:
            values[item.name] = _convert(f"{where}.{item.name}", hints[item.name], table[item.name])
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ArgumentError(f"Argument `{where}.{item.name}` must be given.")
    return kind(name=name, **values)


def _convert(path: str, hint: Any, value: object) -> object:
    """Convert a value to the type of a field; a value of another type is left to the check of the field."""
    if hint == Layers:
        return parse_layers(path, value)
    if hint is InputPolicy:
        return InputPolicy.parse(value) if isinstance(value, str) else value
    if hint is float:
        return parse_number(path, value)
    if hint is int:
        return parse_whole(path, value)
    if hint is bool:
        return parse_switch(path, value)
    if isinstance(value, Mapping):
        return {key: _convert_option(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) and _is_tuple(hint) else value


def _is_tuple(hint: Any) -> bool:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return any(part is tuple or typing.get_origin(part) is tuple for part in parts)


def _convert_option(value: object) -> object:
    """Convert the text of a number; the types of a distance's options are known to the distance only."""
    if isinstance(value, str):
        for parse in (parse_whole, parse_number, parse_switch):
            try:
                return parse("options", value)
            except ArgumentError:
                continue
    return value


def _fields_to_dict(item: View | Term) -> dict[str, Any]:
    hints = typing.get_type_hints(type(item))
    found = {}
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if field.name == "name":
            continue
        if hints[field.name] == Layers:
            value = "all" if value is None else f"last-{value}" if isinstance(value, int) else list(value)
        elif isinstance(value, InputPolicy):
            value = str(value)
        elif field.name == "options":
            value = dict(value)
        found[field.name] = value
    return found
