"""KADID-10k: 81 photographs, 25 distortion types at five levels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_layout, index_images, match_images, require_opinions
from innersight.datasets.parsing import parse_number
from innersight.datasets.registry import DATASETS
from innersight.errors import ArgumentError
from innersight.io.tables import read_rows

KINDS = MappingProxyType(
    {
        "01": "Gaussian blur",
        "02": "lens blur",
        "03": "motion blur",
        "04": "colour diffusion",
        "05": "colour shift",
        "06": "colour quantization",
        "07": "colour saturation 1",
        "08": "colour saturation 2",
        "09": "JPEG2000",
        "10": "JPEG",
        "11": "white noise",
        "12": "white noise in colour component",
        "13": "impulse noise",
        "14": "multiplicative noise",
        "15": "denoise",
        "16": "brighten",
        "17": "darken",
        "18": "mean shift",
        "19": "jitter",
        "20": "non-eccentricity patch",
        "21": "pixelate",
        "22": "quantization",
        "23": "colour block",
        "24": "high sharpen",
        "25": "contrast change",
    }
)
SOURCE = (
    'H. Lin, V. Hosu, D. Saupe, "KADID-10k: A Large-scale Artificially Distorted IQA Database", '
    "International Conference on Quality of Multimedia Experience (QoMEX), 2019"
)
_TITLE = "KADID-10k"
_OPINIONS = "dmos.csv"
_COLUMNS = ("dist_img", "ref_img", "dmos", "var")
_NAME = re.compile(r"i[0-9]{2}_(?P<kind>[0-9]{2})_[0-9]{2}\.png", re.ASCII | re.IGNORECASE)


@DATASETS.register("kadid10k")
def load(root: Path) -> DataSet:
    """Load KADID-10k.

    Args:
        root: The folder that contains `images/` and `dmos.csv`, as the archive unpacks.

    Returns:
        The pairs whose images are found, in the order of the opinion file. Opinions are 1 to 5. The data set calls them
        DMOS, but higher is better.

    Raises:
        ArgumentError: If the root has other content, or a file is missing or cannot be read.
    """
    base = find_layout(_TITLE, root, [("images",)], _OPINIONS)
    images = index_images(base, ("images",))
    pairs = match_images(_TITLE, base, _read_opinions(base), images, images)
    return DataSet("kadid10k", None, base, "DMOS", "higher-is-better", pairs, 10125, KINDS, SOURCE, 81)


def _read_opinions(base: Path) -> Iterator[RatedPair]:
    path = require_opinions(_TITLE, base, _OPINIONS)
    for number, row in read_rows(path):
        where = f"'{path}', line {number}"
        if not set(_COLUMNS) <= set(row):
            raise ArgumentError(f"{where}: expected the columns ({', '.join(_COLUMNS)}), but got ({', '.join(row)}).")
        match = _NAME.fullmatch(row["dist_img"])
        if match is None:
            raise ArgumentError(f"{where}: expected a name such as 'I01_01_01.png', but got '{row['dist_img']}'.")
        opinion = parse_number(row["dmos"], "dmos", where)
        deviation = parse_number(row["var"], "var", where, low=0)  # the column holds standard deviations, not variances
        yield RatedPair(row["ref_img"], row["dist_img"], opinion, deviation, kind=match["kind"])
