"""The cases of a gate: pairs of images with limits."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.inference.folders import match_folders
from innersight.inference.regions import Region

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from innersight.inference.scorer import Scorer

_LIMITS = ("max", "min", "max-map", "jpeg-equivalent")
_REGION = ("mask", "ignore", "crop-border")
_FOLDERS = ("reference-dir", "distorted-dir")
_DEFAULTS = (*_LIMITS, *_REGION, *_FOLDERS, "case")
_CASE = ("name", "reference", "distorted", *_LIMITS, *_REGION)


@dataclass(frozen=True)
class Limits:
    """What a pair must satisfy to pass. A limit that is None is not applied.

    Attributes:
        max: Highest allowed score, for a metric of which a lower score means more similar images.
        min: Lowest allowed score, for a metric of which a higher score means more similar images.
        max_map: Highest allowed value of the map of the differences.
        jpeg_equivalent: Quality of a JPEG, 1 to 100: the pair must not differ more than the JPEG (4:2:0) of its own
            reference at this quality.

    Raises:
        ArgumentError: If a limit is not a finite number, `max_map` is negative, or `jpeg_equivalent` is not a whole
            number from 1 to 100.
    """

    max: float | None = None
    min: float | None = None
    max_map: float | None = None
    jpeg_equivalent: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("max", self.max), ("min", self.min), ("max_map", self.max_map)):
            if value is not None and (
                not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value)
            ):
                raise ArgumentError(f"Limit `{name}` must be a finite number, but got {value!r}.")
        if self.max_map is not None and self.max_map < 0:
            raise ArgumentError(f"Limit `max_map` must be a number from 0, but got {self.max_map!r}.")
        quality = self.jpeg_equivalent
        if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
            raise ArgumentError(f"Limit `jpeg_equivalent` must be a whole number from 1 to 100, but got {quality!r}.")

    def check(self, scorer: Scorer, name: str) -> None:
        """Check that the limits fit a metric.

        Args:
            scorer: The scorer of the metric.
            name: The name of the case, for the error.

        Raises:
            ArgumentError: If there is no limit, or one does not fit the metric.
        """
        if self == Limits():
            raise ArgumentError(f"The case {name!r} has no limit. Set one, such as max (--max) or jpeg-equivalent.")
        wrong, right = ("max", "min") if scorer.higher_is_better else ("min", "max")
        if getattr(self, wrong) is not None:
            better = "higher" if scorer.higher_is_better else "lower"
            raise ArgumentError(
                f"The case {name!r} has the limit {wrong}, but a {better} score of {scorer.name} means more similar "
                f"images: use {right}."
            )
        scorer.backend.require(per_layer=False, map=self.max_map is not None)


@dataclass(frozen=True)
class Case:
    """A pair of images with limits.

    Attributes:
        name: The name of the case, for reports.
        reference: The file of the reference, or None if it is missing.
        distorted: The file of the distorted image, or None if it is missing.
        limits: What the pair must satisfy.
        region: What is scored. Default: the whole images.
        problem: Why the pair cannot be scored, if that is known already. The case then fails.
    """

    name: str
    reference: Path | None
    distorted: Path | None
    limits: Limits
    region: Region = field(default_factory=Region)
    problem: str | None = None


def cases_of_folders(
    reference_folder: str | Path, distorted_folder: str | Path, limits: Limits, region: Region | None = None
) -> list[Case]:
    """Make a case of each image of two folders; see `innersight.inference.folders.match_folders`.

    An image without a partner becomes a case that fails.

    Args:
        reference_folder: The folder of the references.
        distorted_folder: The folder of the distorted images.
        limits: The limits of all cases.
        region: What is scored of all cases. Default: the whole images.

    Returns:
        The cases, sorted by name.

    Raises:
        ArgumentError: As `match_folders`.
    """
    found = match_folders(reference_folder, distorted_folder)
    part = region or Region()
    cases = [Case(name, *pair, limits, part) for name, pair in found.pairs.items()]
    for name, path in found.only_reference.items():
        problem = f"There is no image '{name}' in '{distorted_folder}'."
        cases.append(Case(name, path, None, limits, part, problem))
    for name, path in found.only_distorted.items():
        problem = f"There is no image '{name}' in '{reference_folder}'. Add the reference, or remove the image."
        cases.append(Case(name, None, path, limits, part, problem))
    return sorted(cases, key=lambda case: case.name)


def read_cases(path: str | Path, limits: Limits | None = None, region: Region | None = None) -> list[Case]:
    r"""Read cases from a TOML file.

    The top of the file has defaults: `max`, `min`, `max-map`, `jpeg-equivalent`, `mask`, `ignore`, `crop-border`. With
    `reference-dir` and `distorted-dir`, each image of the two folders is a case. A table `[[case]]` has a `name` and
    values of its own. It has the two files `reference` and `distorted`, or it changes the case of that name of the
    folders. Paths are relative to the folder of the file.

    Args:
        path: The file.
        limits: Limits that the file does not set, or None.
        region: What is scored where the file does not say it. Default: the whole images.

    Returns:
        The cases.

    Raises:
        ArgumentError: If the file cannot be read, has an unknown key or no case, or a value is not allowed.

    Example:
        >>> path = getfixture("tmp_path") / "cases.toml"
        >>> _ = path.write_text('max = 5\n[[case]]\nname = "home"\nreference = "a.png"\ndistorted = "b.png"\n')
        >>> [(case.name, case.limits.max) for case in read_cases(path)]
        [('home', 5)]
    """
    path = Path(path)
    content = _read_toml(path)
    try:
        return _cases(path.parent, content, limits or Limits(), region or Region())
    except ArgumentError as error:
        raise ArgumentError(f"'{path}': {error}") from None


def _cases(folder: Path, content: Mapping[str, Any], limits: Limits, region: Region) -> list[Case]:
    _check_keys(content, _DEFAULTS)
    tables = content.get("case", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ArgumentError("`case` must be tables: start each with [[case]].")
    limits, region = _limits(content, limits), _region(content, region, folder)
    given = [folder / _text(content, key) for key in _FOLDERS if key in content]
    if len(given) == 1:
        raise ArgumentError("`reference-dir` and `distorted-dir` must both be set, or none.")
    cases = {case.name: case for case in cases_of_folders(given[0], given[1], limits, region)} if given else {}
    named: set[str] = set()
    for number, table in enumerate(tables, start=1):
        _check_keys(table, _CASE)
        name = _text(table, "name") if "name" in table or "reference" not in table else _text(table, "distorted")
        if name in named:
            raise ArgumentError(f"Two cases have the name {name!r}. Rename one.")
        named.add(name)
        own_limits, own_region = _limits(table, limits), _region(table, region, folder)
        if name in cases and "reference" not in table and "distorted" not in table:
            cases[name] = replace(cases[name], limits=own_limits, region=own_region)
            continue
        files = [folder / _text(table, key) for key in ("reference", "distorted") if key in table]
        if len(files) == 2:
            cases[name] = Case(name, files[0], files[1], own_limits, own_region)
        elif files or not given:
            raise ArgumentError(f"Case {number}, {name!r}, must have both `reference` and `distorted`.")
        else:
            problem = f"There is no image '{name}' in '{given[0]}' and '{given[1]}'."
            cases[name] = Case(name, None, None, own_limits, own_region, problem)
    if not cases:
        raise ArgumentError("The file has no case. Add [[case]], or `reference-dir` and `distorted-dir`.")
    return list(cases.values())


def _limits(table: Mapping[str, Any], default: Limits) -> Limits:
    own = {key.replace("-", "_"): table[key] for key in _LIMITS if key in table}
    return replace(default, **own) if own else default


def _region(table: Mapping[str, Any], default: Region, folder: Path) -> Region:
    own: dict[str, Any] = {}
    if "mask" in table:
        own["mask"] = folder / _text(table, "mask")
    if "ignore" in table:
        if not isinstance(table["ignore"], list):
            raise ArgumentError("`ignore` must be a list of rectangles, such as [[0, 0, 640, 40]].")
        own["ignore"] = table["ignore"]
    if "crop-border" in table:
        own["crop_border"] = table["crop-border"]
    return replace(default, **own) if own else default


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ArgumentError(f"`{key}` must be a text that is not empty, but got {value!r}.")
    return value


def _check_keys(table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise unknown_name("key", key, known)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"The cases '{path}' cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise ArgumentError(f"'{path}' is not a TOML file: {first_line(error)}. See docs/gate.md.") from None
    return content
