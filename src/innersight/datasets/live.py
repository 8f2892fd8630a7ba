"""LIVE, release 2: 29 photographs, five distortion types, with the realigned opinions."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_file, find_layout, index_images, match_images, subfolders
from innersight.datasets.parsing import parse_number
from innersight.datasets.registry import DATASETS
from innersight.errors import ArgumentError, first_line
from innersight.extras import needed_for

KINDS = MappingProxyType(
    {
        "jp2k": "JPEG2000",
        "jpeg": "JPEG",
        "wn": "white noise",
        "gblur": "Gaussian blur",
        "fastfading": "JPEG2000 through a fast-fading channel",
    }
)
# Number of rows by distortion type, in the order of the opinion files.
COUNTS = MappingProxyType({"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174})
SOURCE = (
    'H. R. Sheikh, Z. Wang, L. Cormack, A. C. Bovik, "LIVE Image Quality Assessment Database Release 2"; '
    'H. R. Sheikh, M. F. Sabir, A. C. Bovik, "A Statistical Evaluation of Recent Full Reference Image Quality '
    'Assessment Algorithms", IEEE Transactions on Image Processing 15(11), 2006'
)
_TITLE = "LIVE"
_ROWS = 982
_DISTORTED = 779  # the other rows are undistorted copies of the reference images


@DATASETS.register("live")
def load(root: Path) -> DataSet:
    """Load LIVE, release 2.

    Args:
        root: The folder that contains `refimgs/` and one folder per distortion type. The files `refnames_all.mat` and
            `dmos_realigned.mat` can be in this folder, in its parent or in one of its subfolders.

    Returns:
        The pairs whose images are found, in the order of the opinion file, without the undistorted copies of the
        reference images. Opinions are realigned DMOS.

    Raises:
        ArgumentError: If the root has other content, or a file is missing or cannot be read.
    """
    base = find_layout(_TITLE, root, [("refimgs",), tuple(KINDS)], "dmos_realigned.mat")
    pairs = match_images(
        _TITLE, base, _read_opinions(base), index_images(base, ("refimgs",)), index_images(base, tuple(KINDS))
    )
    return DataSet("live", None, base, "DMOS", "lower-is-better", pairs, _DISTORTED, KINDS, SOURCE, 29)


def _read_opinions(base: Path) -> Iterator[RatedPair]:
    opinions_file = _find_near(base, "dmos_realigned.mat")
    if opinions_file is None:
        raise ArgumentError(
            f"'{base}' contains the images of {_TITLE}, but not the realigned opinions, 'dmos_realigned.mat'. "
            "Download this file from the page of the data set. The file 'dmos.mat' of the archive is not used, because "
            "its opinions are not realigned."
        )
    names_file = _find_near(base, "refnames_all.mat")
    if names_file is None:
        raise ArgumentError(
            f"'{base}' contains no 'refnames_all.mat', the names of the reference images. "
            "Copy this file there from the archive of the data set."
        )
    opinions, deviations, originals = _arrays(opinions_file, "dmos_new", "dmos_std", "orgs")
    (names,) = _arrays(names_file, "refnames_all")
    row = 0
    for kind, count in COUNTS.items():
        for number in range(1, count + 1):
            if originals[row] != 1:
                where = f"'{opinions_file}', row {row + 1}"
                yield RatedPair(
                    str(np.asarray(names[row]).ravel()[0]),
                    f"{kind}/img{number}.bmp",  # numbers start at 1 in the folder of each distortion type
                    parse_number(float(opinions[row]), "dmos_new", where),
                    parse_number(float(deviations[row]), "dmos_std", where, low=0),
                    kind=kind,
                )
            row += 1


def _find_near(base: Path, name: str) -> Path | None:
    # Absolute, because the parent of "." is "." again.
    places = (base, base.absolute().parent, *subfolders(base))
    return next((found for place in places if (found := find_file(place, name)) is not None), None)


def _arrays(path: Path, *names: str) -> list[np.ndarray[Any, Any]]:
    with needed_for(f"Reading '{path}'"):  # here, because only this data set needs it
        from scipy.io.matlab import MatReadError, loadmat

    try:
        content = loadmat(str(path))  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, NotImplementedError, OSError, MatReadError, zlib.error) as error:
        raise ArgumentError(
            f"'{path}' cannot be read as a MATLAB file: {first_line(error)}. Use the original file."
        ) from error
    arrays = []
    for name in names:
        found = content.get(name)
        if found is None or found.size != _ROWS:
            state = "there is none" if found is None else f"it has {found.size}"
            raise ArgumentError(
                f"'{path}': expected an array `{name}` of {_ROWS} values, but {state}. Use the original file."
            )
        arrays.append(found.ravel())
    return arrays
