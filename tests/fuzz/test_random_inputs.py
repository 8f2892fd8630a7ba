"""Each reader of text takes arbitrary bytes, arbitrary JSON, and valid files of which one value is another: it reads
them, or refuses them in one line."""

from __future__ import annotations

import copy
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.targets import RUN, TARGETS, check

from innersight.bundles import shipped
from innersight.bundles.description import DESCRIPTION
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import config_to_dict

TEXTS = ("table_csv", "table_jsonl", "config_toml", "config_json", "cases", "bundle", "plan", "journal", "record")
ROW = {"row": 0, "scores": {"lite": 0.5}, "per_layer": {}, "error": None, "files": [1, 2, None, None]}
VALID: dict[str, Any] = {
    "table_jsonl": {"reference": "a.png", "distorted": "b.png", "mos": 3.5, "tags": ["x"]},
    "config_json": config_to_dict(PRESETS["paper"]),
    "bundle": json.loads((shipped("lite").folder / DESCRIPTION).read_text(encoding="utf-8")),
    "plan": {"run": {}, "images": "sha256:0", "columns": ["reference", "distorted"], "shards": [3, 2]},
    "record": {"rows": 3, "failed": 0, "files": "sha256:0", "run": RUN},
}
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 2**31, -1, 0])
TEXT = st.text(st.characters(codec=None), max_size=12)  # with halves of surrogate pairs
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def damaged(draw: st.DrawFn, valid: Any) -> str:
    """Draw a JSON value that is valid apart from one value, which is another or absent."""
    *parents, last = draw(st.sampled_from(places(valid)[1:]))
    changed = copy.deepcopy(valid)
    holder = changed
    for key in parents:
        holder = holder[key]
    if isinstance(holder, dict) and draw(st.booleans()) and draw(st.booleans()):
        del holder[last]
    else:
        holder[last] = draw(VALUES)
    return json.dumps(changed)


@pytest.mark.thorough
@given(st.sampled_from(TEXTS), st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes(name: str, content: bytes) -> None:
    check(TARGETS[name], content)


@given(st.sampled_from([name for name in TEXTS if name in VALID or name == "journal"]), VALUES, st.booleans())
def test_arbitrary_json(name: str, value: Any, is_line: bool) -> None:
    check(TARGETS[name], (json.dumps(value) + "\n" * is_line).encode())


@given(st.sampled_from(sorted(VALID)).flatmap(lambda name: st.tuples(st.just(name), damaged(VALID[name]))))
def test_one_value_is_another(named: tuple[str, str]) -> None:
    name, content = named
    check(TARGETS[name], content.encode())


@given(st.lists(damaged(ROW) | st.just(json.dumps(ROW)), min_size=1, max_size=3))
def test_one_value_of_a_line_of_a_journal_is_another(rows: list[str]) -> None:
    check(TARGETS["journal"], "\n".join([json.dumps(RUN), *rows, ""]).encode())


@given(st.lists(st.lists(TEXT, max_size=4), max_size=4), st.sampled_from(["\n", "\r\n", "\r"]))
def test_cells_of_any_text(cells: list[list[str]], end: str) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerows([["reference", "distorted", "note"], *cells])
    check(TARGETS["table_csv"], file.getvalue().encode("utf-8", "surrogatepass"))
