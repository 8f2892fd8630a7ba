"""The description of a bundle: the file metric.json in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from innersight.errors import ArgumentError

DESCRIPTION = "metric.json"
"""Name of the file that describes a bundle."""

FORMAT = 1
"""Version of the layout of a bundle. docs/bundles.md describes it."""

GRAPHS = ("extract.onnx", "compare.onnx", "map.onnx", "compare_masked.onnx")
"""Names of the files with graphs. The third is absent if the metric has no map, the last if it accepts no mask."""

_FORM: Final[dict[str, Any]] = {
    "name": str,
    "citation": str,
    "configuration": dict,
    "description": dict,
    "views": [{"name": str, "input": str, "multiple": int}],
    "features": [{"name": str}],
    "layer_names": [str],
    "files": {GRAPHS[0]: str, GRAPHS[1]: str},
    "versions": dict,
}
"""The keys that must be there, with the types of their values. A list has one item or more, all of one form."""


def read_description(folder: Path) -> dict[str, Any]:
    """Read the description of a bundle, and check its form.

    Args:
        folder: The folder of the bundle.

    Returns:
        The description. The digests of its files are not compared.

    Raises:
        ArgumentError: If the folder is no bundle, another version of the layout is needed, or a key is missing or has
            a value of another type.
    """
    try:
        found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"'{folder}' is not a bundle: its {DESCRIPTION} cannot be read ({type(error).__name__}). Write a "
            "bundle with: innersight export METRIC --out FOLDER."
        ) from None
    version = found.get("format") if isinstance(found, dict) else None
    if version != FORMAT:
        raise ArgumentError(
            f"The bundle '{folder}' has the format {_shortened(version)}, but this version of innersight reads "
            f"{FORMAT}: export the metric again."
        )
    if (wrong := _find_wrong(found, _FORM, "")) is not None:
        raise ArgumentError(f"'{folder / DESCRIPTION}' lacks {wrong}: export the metric again.")
    description: dict[str, Any] = found
    return description


def _find_wrong(value: Any, form: Any, where: str) -> str | None:
    """Return the first place that is missing or has another form."""
    if isinstance(form, type):
        # JSON has no other integers than int, but a truth value counts as one.
        return None if isinstance(value, form) and not isinstance(value, bool) else f"`{where}` ({form.__name__})"
    if isinstance(form, list):
        if not isinstance(value, list) or not value:
            return f"`{where}` (list)"
        items = (_find_wrong(item, form[0], f"{where}[{number}]") for number, item in enumerate(value))
        return next((wrong for wrong in items if wrong is not None), None)
    if not isinstance(value, dict):
        return f"`{where}` (dict)" if where else "its keys"
    parts = (_find_wrong(value.get(key), part, f"{where}.{key}" if where else key) for key, part in form.items())
    return next((wrong for wrong in parts if wrong is not None), None)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]} ..."
