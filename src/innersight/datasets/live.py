"""LIVE, release 2: 29 photographs, five kinds of distortion, with the realigned opinions."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_file, find_layout, index_images, place_pairs, subfolders
from innersight.datasets.parsing import parse_number
from innersight.errors import ArgumentError, first_line

KINDS = MappingProxyType(
    {
        "jp2k": "JPEG2000",
        "jpeg": "JPEG",
        "wn": "white noise",
        "gblur": "Gaussian blur",
        "fastfading": "JPEG2000 through a fast-fading channel",
    }
)
COUNTS = MappingProxyType({"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174})  # in the files' order
SOURCE = (
    'H. R. Sheikh, Z. Wang, L. Cormack, A. C. Bovik, "LIVE Image Quality Assessment Database Release 2"; '
    'H. R. Sheikh, M. F. Sabir, A. C. Bovik, "A Statistical Evaluation of Recent Full Reference Image Quality '
    'Assessment Algorithms", IEEE Transactions on Image Processing 15(11), 2006'
)
_TITLE = "LIVE"
_ROWS = 982
_DISTORTED = 779  # the other rows are copies of the references


def load(root: Path) -> DataSet:
    """Read LIVE as its archive unpacks, with the realigned opinions beside it.

    Args:
        root: The folder of `refimgs/` and a folder a kind. `refnames_all.mat` and `dmos_realigned.mat` may lie in it,
            one folder above or one below.

    Returns:
        The pairs whose images are there, in the order of the files of opinions, without the copies of the references;
        DMOS.

    Raises:
        ArgumentError: If the root is another, a file is missing, or one can't be read.
    """
    base = find_layout(_TITLE, root, [("refimgs",), tuple(KINDS)], "dmos_realigned.mat")
    pairs = place_pairs(_TITLE, base, _listed(base), index_images(base, ("refimgs",)), index_images(base, tuple(KINDS)))
    return DataSet("live", None, base, "DMOS", "lower-is-better", pairs, _DISTORTED, KINDS, SOURCE, 29)


def _listed(base: Path) -> Iterator[RatedPair]:
    opinions_file = _find_near(base, "dmos_realigned.mat")
    if opinions_file is None:
        raise ArgumentError(
            f"'{base}' has the images of {_TITLE}, but not 'dmos_realigned.mat', which holds what people said of them. "
            "It is a download of its own on the set's page; 'dmos.mat' of the archive isn't the realigned one and "
            "isn't taken instead."
        )
    names_file = _find_near(base, "refnames_all.mat")
    if names_file is None:
        raise ArgumentError(
            f"'{base}' has no 'refnames_all.mat', which holds the name of each image's reference. "
            "It is in the set's archive: put it there."
        )
    opinions, deviations, originals = _arrays(opinions_file, "dmos_new", "dmos_std", "orgs")
    (names,) = _arrays(names_file, "refnames_all")
    row = 0
    for kind, count in COUNTS.items():
        for number in range(1, count + 1):
            if originals[row] != 1:
                where = f"'{opinions_file}', number {row + 1}"
                yield RatedPair(
                    str(np.asarray(names[row]).ravel()[0]),
                    f"{kind}/img{number}.bmp",  # each kind numbers its images anew
                    parse_number(float(opinions[row]), "dmos_new", where),
                    parse_number(float(deviations[row]), "dmos_std", where, low=0),
                    kind=kind,
                )
            row += 1


def _find_near(base: Path, name: str) -> Path | None:
    # absolute, as the parent of "." would be "." again
    places = (base, base.absolute().parent, *subfolders(base))
    return next((found for place in places if (found := find_file(place, name)) is not None), None)


def _arrays(path: Path, *names: str) -> list[np.ndarray[Any, Any]]:
    from scipy.io.matlab import MatReadError, loadmat  # here, as only this set needs it

    try:
        content = loadmat(str(path))  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, NotImplementedError, OSError, MatReadError, zlib.error) as error:
        raise ArgumentError(f"'{path}' can't be read as a MATLAB file: {first_line(error)}") from error
    arrays = []
    for name in names:
        found = content.get(name)
        if found is None or found.size != _ROWS:
            state = "isn't there" if found is None else f"has {found.size}"
            raise ArgumentError(
                f"'{path}': expected an array `{name}` of {_ROWS} values, but it {state}. Take the set's own file."
            )
        arrays.append(found.ravel())
    return arrays
