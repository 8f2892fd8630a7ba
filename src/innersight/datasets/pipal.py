"""PIPAL, the part with published opinions: 200 patches, restored by 116 algorithms or distorted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_layout, index_images, place_pairs
from innersight.datasets.parsing import parse_number, read_lines
from innersight.errors import ArgumentError

# The groups' names are those that public readers of the set use; its authors print no table from codes to names.
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
_DISTORTED = ("distortion*", "train_dis*", "dist_imgs")  # four archives, or merged by one of several readers
_LABELS = re.compile(r"a\d{4}\.txt")
_NAME = re.compile(r"(?P<reference>A\d{4})_(?P<kind>\d\d)_\d\d\.bmp", re.IGNORECASE)


def load(root: Path) -> DataSet:
    """Read PIPAL's training part as its archives unpack side by side.

    Args:
        root: The folder of `Train_Ref/`, `Train_Label/` and `Distortion_1/` to `Distortion_4/`, or instead of these
            four `Train_Dist/`.

    Returns:
        The pairs whose images are there, reference by reference; Elo.

    Raises:
        ArgumentError: If the root is another, the labels are missing, or a line can't be read.
    """
    base = find_layout(_TITLE, root, [("train_ref",), _DISTORTED], "Train_Label/A0001.txt")
    references = index_images(base, ("train_ref",))
    distorted = index_images(base, _DISTORTED)
    pairs = place_pairs(_TITLE, base, _listed(base), references, distorted)
    return DataSet("pipal", "train", base, "Elo", "higher-is-better", pairs, 23200, KINDS, SOURCE, 200)


def _listed(base: Path) -> Iterator[RatedPair]:
    labels = index_images(base, ("train_label",)).files
    files = [labels[name] for name in sorted(labels) if _LABELS.fullmatch(name)]
    if not files:
        raise ArgumentError(
            f"'{base}' has the images of {_TITLE}, but no 'Train_Label/A0001.txt' and the like, which hold what people "
            "said of them. They are an archive of their own: unpack it there."
        )
    for file in files:
        for number, line in read_lines(base / file):
            where = f"'{base / file}', line {number}"
            cells = [cell.strip() for cell in line.split(",")]
            match = _NAME.fullmatch(cells[0])
            if match is None or len(cells) != 2:
                raise ArgumentError(
                    f"{where}: expected a name and an opinion, as 'A0001_00_00.bmp,1520.0648', but got '{line}'."
                )
            yield RatedPair(
                f"{match['reference']}.bmp", cells[0], parse_number(cells[1], "Elo", where), kind=match["kind"]
            )
