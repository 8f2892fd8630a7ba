"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from innersight.datasets import csiq, kadid10k, live, pipal, tid2013
from innersight.datasets.dataset import ChoiceSet, DataSet, Direction
from innersight.datasets.listed import load_list
from innersight.errors import ArgumentError, unknown_name
from innersight.io.tables import TABLE_SUFFIXES

DATASETS: Mapping[str, Callable[[Path], DataSet]] = MappingProxyType(
    {
        "live": live.load,
        "tid2013": tid2013.load,
        "pipal": pipal.load,
        "kadid10k": kadid10k.load,
        "csiq": csiq.load,
    }
)


def open_dataset(
    name_or_list: str, root: Path | None = None, opinion_direction: Direction | None = None
) -> DataSet | ChoiceSet:
    """Open a data set by its name, or a list of one's own.

    Args:
        name_or_list: A name in `DATASETS`, or the path of a .csv, .jsonl or .parquet file.
        root: Where the named set is unpacked; None for a list, whose images are relative to its folder.
        opinion_direction: Which way a list's opinions go, if no column says it.

    Returns:
        The data set.

    Raises:
        ArgumentError: If the name is unknown, the root is missing or superfluous, or the files can't be read.
    """
    if name_or_list.lower().endswith(TABLE_SUFFIXES):
        if root is not None:
            raise ArgumentError(
                f"'{name_or_list}' is a list, whose images are relative to its own folder: leave out the root, "
                f"'{root}'."
            )
        return load_list(Path(name_or_list), opinion_direction)
    load = DATASETS.get(name_or_list)
    if load is None:
        raise unknown_name(
            "dataset", name_or_list, DATASETS, f"Or pass the path of a list ({', '.join(TABLE_SUFFIXES)})."
        )
    if root is None:
        raise ArgumentError(f"The data set {name_or_list} needs its root: the folder in which it is unpacked.")
    dataset = load(root)
    if opinion_direction not in (None, dataset.opinion_direction):
        raise ArgumentError(
            f"The opinions of {name_or_list} are {dataset.opinion_direction}, but --opinion-direction says "
            f"{opinion_direction}. Leave it out: it is for lists."
        )
    return dataset
