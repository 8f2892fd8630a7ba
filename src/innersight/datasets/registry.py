"""The registry of data sets, and the function that opens one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from innersight.datasets.dataset import ChoiceSet, DataSet, Direction
from innersight.datasets.listed import load_list
from innersight.errors import ArgumentError
from innersight.io.tables import TABLE_SUFFIXES
from innersight.registry import Registry

DATASETS: Registry[Callable[[Path], DataSet | ChoiceSet]] = Registry(
    "dataset", "innersight.datasets", group="innersight.datasets"
)
"""Load functions by name. Each takes the root folder of the data set and returns the data set.

A module of `innersight.datasets` registers its function with the decorator `DATASETS.register("name")`. Another package
registers one with an entry point of the group `innersight.datasets`.
"""


def open_dataset(
    name_or_list: str, root: Path | None = None, opinion_direction: Direction | None = None
) -> DataSet | ChoiceSet:
    r"""Open a data set by its name, or a list by its path.

    Args:
        name_or_list: A name in `DATASETS`, or the path of a .csv, .jsonl or .parquet file.
        root: The folder of the named data set. Must be None, the default, for a list: its images are relative to the
            folder of the list.
        opinion_direction: Whether higher or lower opinions of a list are better. Needed only if the list has no column
            `opinion_direction`. Default: None.

    Returns:
        The data set.

    Raises:
        ArgumentError: If the name is unknown, if the root is missing or not allowed, if `opinion_direction` contradicts
            the data set, or if a file cannot be read.

    Example:
        >>> path = getfixture("tmp_path") / "mine.csv"
        >>> _ = path.write_text("reference,distorted,opinion\na.png,b.png,3.5\n")
        >>> len(open_dataset(str(path), opinion_direction="higher-is-better").pairs)
        1
    """
    if name_or_list.lower().endswith(TABLE_SUFFIXES):
        if root is not None:
            raise ArgumentError(
                f"Argument `root` must not be given for a list, because the images of '{name_or_list}' are relative to "
                f"its folder, but got '{root}'. Leave it out."
            )
        return load_list(Path(name_or_list), opinion_direction)
    load = DATASETS.find(name_or_list, more=f"Or pass the path of a list ({', '.join(TABLE_SUFFIXES)}).")
    if root is None:
        raise ArgumentError(
            f"The data set {name_or_list} needs the argument `root` (--root DIR): pass the folder of the unpacked data "
            "set."
        )
    dataset = load(root)
    if not isinstance(dataset, (DataSet, ChoiceSet)):  # the function can come from another package
        raise ArgumentError(
            f"The load function of the data set {name_or_list} must return a DataSet or a ChoiceSet, but returned an "
            f"object of type {type(dataset).__name__}. Repair the package that provides it."
        )
    if opinion_direction is not None:
        _check_direction(name_or_list, dataset, opinion_direction)
    return dataset


def _check_direction(name: str, dataset: DataSet | ChoiceSet, argument: Direction) -> None:
    if isinstance(dataset, ChoiceSet):
        raise ArgumentError(
            f"Argument `opinion_direction` must not be given for {name}, which has two-alternative choices, but got "
            f"{argument!r}. Leave it out."
        )
    if argument != dataset.opinion_direction:
        raise ArgumentError(
            f"Argument `opinion_direction` must be {dataset.opinion_direction!r} for the data set {name}, but got "
            f"{argument!r}. Leave it out: only lists need it."
        )
