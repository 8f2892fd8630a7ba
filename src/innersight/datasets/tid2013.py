"""TID2013: 25 images, 24 distortion types at five levels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_file, find_layout, index_images, match_images, require_opinions
from innersight.datasets.parsing import parse_number, read_lines
from innersight.datasets.registry import DATASETS
from innersight.errors import ArgumentError

KINDS = MappingProxyType(
    {
        "01": "additive Gaussian noise",
        "02": "colour-component noise",
        "03": "spatially correlated noise",
        "04": "masked noise",
        "05": "high-frequency noise",
        "06": "impulse noise",
        "07": "quantization noise",
        "08": "Gaussian blur",
        "09": "image denoising",
        "10": "JPEG",
        "11": "JPEG2000",
        "12": "JPEG transmission errors",
        "13": "JPEG2000 transmission errors",
        "14": "non-eccentricity pattern noise",
        "15": "local block-wise distortions",
        "16": "mean shift",
        "17": "contrast change",
        "18": "colour saturation change",
        "19": "multiplicative Gaussian noise",
        "20": "comfort noise",
        "21": "lossy compression of noisy images",
        "22": "colour quantization with dither",
        "23": "chromatic aberrations",
        "24": "sparse sampling and reconstruction",
    }
)
SOURCE = (
    'N. Ponomarenko et al., "Image database TID2013: Peculiarities, results and perspectives", '
    "Signal Processing: Image Communication 30, 2015"
)
_TITLE = "TID2013"
_OPINIONS = "mos_with_names.txt"
_NAME = re.compile(r"(?P<reference>i[0-9]{2})_(?P<kind>[0-9]{2})_[0-9]\.bmp", re.ASCII | re.IGNORECASE)


@DATASETS.register("tid2013")
def load(root: Path) -> DataSet:
    """Load TID2013.

    Args:
        root: The folder that contains `reference_images/`, `distorted_images/` and `mos_with_names.txt`, as the archive
            unpacks. Standard deviations are read from `mos_std.txt` if it is there.

    Returns:
        The pairs whose images are found, in the order of the opinion file. Opinions are MOS, 0 to 9.

    Raises:
        ArgumentError: If the root has other content, or a file is missing or cannot be read.
    """
    base = find_layout(_TITLE, root, [("reference_images",), ("distorted_images",)], _OPINIONS)
    references = index_images(base, ("reference_images",))
    distorted = index_images(base, ("distorted_images",))
    pairs = match_images(_TITLE, base, _read_opinions(base), references, distorted)
    return DataSet("tid2013", None, base, "MOS", "higher-is-better", pairs, 3000, KINDS, SOURCE, 25)


def _read_opinions(base: Path) -> Iterator[RatedPair]:
    path = require_opinions(_TITLE, base, _OPINIONS)
    lines = list(read_lines(path))
    deviations = _deviations(base, path, len(lines))
    for (number, line), deviation in zip(lines, deviations, strict=True):
        where = f"'{path}', line {number}"
        cells = line.split()
        match = _NAME.fullmatch(cells[-1])
        if match is None or len(cells) != 2:
            raise ArgumentError(
                f"{where}: expected an opinion and a name, such as '5.51429 I01_01_1.bmp', but got '{line}'."
            )
        opinion = parse_number(cells[0], "MOS", where)
        yield RatedPair(f"{match['reference']}.bmp", cells[1], opinion, deviation, kind=match["kind"])


def _deviations(base: Path, opinions: Path, count: int) -> list[float | None]:
    path = find_file(base, "mos_std.txt")
    if path is None:
        return [None] * count
    found = [parse_number(line, "standard deviation", f"'{path}', line {n}", low=0) for n, line in read_lines(path)]
    if len(found) != count:
        raise ArgumentError(
            f"'{path}' must have one line for each line of '{opinions.name}', which has {count}, but has {len(found)}. "
            "Use both files of the archive, or remove 'mos_std.txt'."
        )
    return list(found)
