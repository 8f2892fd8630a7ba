"""PIPAL, the training part: 200 reference patches, each with 116 restored or distorted versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_layout, index_images, match_images
from innersight.datasets.parsing import parse_number, read_lines
from innersight.datasets.registry import DATASETS
from innersight.errors import ArgumentError

# The authors publish no table from codes to names. These are the names that public loaders of the data set use.
KINDS = MappingProxyType(
    {
        "00": "traditional super-resolution",
        "01": "PSNR-oriented super-resolution",
        "02": "super-resolution with kernel mismatch",
        "03": "GAN-based super-resolution",
        "04": "denoising",
        "05": "super-resolution and denoising jointly",
        "06": "traditional distortions",
    }
)
SOURCE = (
    'J. Gu et al., "PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual Image Restoration", '
    "European Conference on Computer Vision (ECCV), 2020"
)
_TITLE = "PIPAL (train)"
_DISTORTED = ("distortion*", "train_dis*", "dist_imgs")  # four archives, or one merged folder
_LABELS = re.compile(r"a[0-9]{4}\.txt")
_NAME = re.compile(r"(?P<reference>A[0-9]{4})_(?P<kind>[0-9]{2})_[0-9]{2}\.bmp", re.ASCII | re.IGNORECASE)


@DATASETS.register("pipal")
def load(root: Path) -> DataSet:
    """Load the training part of PIPAL. The other parts have no published opinions.

    Args:
        root: The folder that contains `Train_Ref/`, `Train_Label/`, and the distorted images in `Distortion_1/` to
            `Distortion_4/` or in one folder `Train_Dist/`.

    Returns:
        The pairs whose images are found, sorted by reference. Opinions are Elo ratings.

    Raises:
        ArgumentError: If the root has other content, or the labels are missing or cannot be read.
    """
    base = find_layout(_TITLE, root, [("train_ref",), _DISTORTED], "Train_Label/A0001.txt")
    references = index_images(base, ("train_ref",))
    distorted = index_images(base, _DISTORTED)
    pairs = match_images(_TITLE, base, _read_opinions(base), references, distorted)
    return DataSet("pipal", "train", base, "Elo", "higher-is-better", pairs, 23200, KINDS, SOURCE, 200)


def _read_opinions(base: Path) -> Iterator[RatedPair]:
    labels = index_images(base, ("train_label",)).files
    files = [labels[name] for name in sorted(labels) if _LABELS.fullmatch(name)]
    if not files:
        raise ArgumentError(
            f"'{base}' contains the images of {_TITLE}, but not their opinions, 'Train_Label/A0001.txt' and so on. "
            "The folder Train_Label is a separate archive of the data set: unpack it there."
        )
    for file in files:
        for number, line in read_lines(base / file):
            where = f"'{base / file}', line {number}"
            cells = [cell.strip() for cell in line.split(",")]
            match = _NAME.fullmatch(cells[0])
            if match is None or len(cells) != 2:
                raise ArgumentError(
                    f"{where}: expected a name and an opinion, such as 'A0001_00_00.bmp,1520.0648', but got '{line}'."
                )
            yield RatedPair(
                f"{match['reference']}.bmp", cells[0], parse_number(cells[1], "Elo", where), kind=match["kind"]
            )
