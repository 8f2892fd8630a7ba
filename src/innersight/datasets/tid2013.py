"""TID2013: 25 photographs, 24 kinds of distortion in five levels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_file, find_layout, index_images, place_pairs, require_opinions
from innersight.datasets.parsing import parse_number, read_lines
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
_NAME = re.compile(r"(?P<reference>i\d\d)_(?P<kind>\d\d)_\d\.bmp", re.IGNORECASE)


def load(root: Path) -> DataSet:
    """Read TID2013 as its archive unpacks.

    Args:
        root: The folder of `reference_images/`, `distorted_images/`, `mos_with_names.txt` and perhaps `mos_std.txt`.

    Returns:
        The pairs whose images are there, in the order of the file of opinions; MOS, 0 to 9.

    Raises:
        ArgumentError: If the root is another, a file is missing, or a line can't be read.
    """
    base = find_layout(_TITLE, root, [("reference_images",), ("distorted_images",)], _OPINIONS)
    references = index_images(base, ("reference_images",))
    distorted = index_images(base, ("distorted_images",))
    pairs = place_pairs(_TITLE, base, _listed(base), references, distorted)
    return DataSet("tid2013", None, base, "MOS", "higher-is-better", pairs, 3000, KINDS, SOURCE, 25)


def _listed(base: Path) -> Iterator[RatedPair]:
    path = require_opinions(_TITLE, base, _OPINIONS)
    lines = list(read_lines(path))
    deviations = _deviations(base, path, len(lines))
    for (number, line), deviation in zip(lines, deviations, strict=True):
        where = f"'{path}', line {number}"
        cells = line.split()
        match = _NAME.fullmatch(cells[-1])
        if match is None or len(cells) != 2:
            raise ArgumentError(
                f"{where}: expected an opinion and a name, as '5.51429 I01_01_1.bmp', but got '{line}'."
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
            f"'{path}' has {len(found)} lines, but '{opinions.name}' beside it has {count}; they must be of the same "
            "images in the same order. Take both from the archive, or remove the first."
        )
    return list(found)
