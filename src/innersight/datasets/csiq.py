"""CSIQ: 30 photographs, six distortion types at three to five levels."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

from innersight.datasets.dataset import DataSet, RatedPair
from innersight.datasets.folders import find_file, find_layout, index_images, match_images, require_opinions
from innersight.datasets.parsing import parse_number, read_lines
from innersight.datasets.registry import DATASETS
from innersight.errors import ArgumentError

KINDS = MappingProxyType(
    {
        "awgn": "additive white Gaussian noise",
        "jpeg": "JPEG",
        "jpeg2000": "JPEG2000",
        "fnoise": "additive pink Gaussian noise",
        "blur": "Gaussian blur",
        "contrast": "global contrast decrements",
    }
)
SOURCE = (
    'E. C. Larson, D. M. Chandler, "Most apparent distortion: full-reference image quality assessment and the role of '
    'strategy", Journal of Electronic Imaging 19(1), 2010'
)
_TITLE = "CSIQ"
_SHEET = "all_by_image"
_COLUMNS = ("image", "dst_type", "dst_lev", "dmos_std", "dmos")
_CODES = {"noise": "awgn", "jpeg 2000": "jpeg2000"}  # names in the sheet that differ from those in the file names
_DISTORTED = ("dst_imgs", "dst_imgs_all", *KINDS)
_NAME = re.compile(rf"(?P<image>.+)\.(?P<kind>{'|'.join(KINDS)})\.[0-9]\.png", re.ASCII | re.IGNORECASE)


@DATASETS.register("csiq")
def load(root: Path) -> DataSet:
    """Load CSIQ.

    Args:
        root: The folder that contains `src_imgs/`, the distorted images, and the opinions. The distorted images are in
            `dst_imgs/`, with or without one folder per distortion type, or in these folders directly in the root. The
            opinions are in `csiq.DMOS.xlsx`, or else in `csiq_label.txt`, which has no standard deviations.

    Returns:
        The pairs whose images are found, in the order of the opinion file. Opinions are DMOS, 0 to 1.

    Raises:
        ArgumentError: If the root has other content, a file is missing or cannot be read, or openpyxl is not installed.
    """
    base = find_layout(_TITLE, root, [("src_imgs",), _DISTORTED], "csiq.DMOS.xlsx")
    spreadsheet = find_file(base, "csiq.DMOS.xlsx")
    labels = find_file(base, "csiq_label.txt")
    if spreadsheet is None and labels is not None:
        rated = _read_text(labels)
    else:
        rated = _read_sheet(spreadsheet or require_opinions(_TITLE, base, "csiq.DMOS.xlsx"))
    references = index_images(base, ("src_imgs",))
    pairs = match_images(_TITLE, base, rated, references, index_images(base, _DISTORTED))
    return DataSet("csiq", None, base, "DMOS", "lower-is-better", pairs, 866, KINDS, SOURCE, 30)


def _read_text(path: Path) -> Iterator[RatedPair]:
    for number, line in read_lines(path):
        where = f"'{path}', line {number}"
        cells = line.split()
        match = _NAME.fullmatch(cells[0])
        if match is None or len(cells) != 2:
            raise ArgumentError(
                f"{where}: expected a name and an opinion, such as '1600.AWGN.1.png 0.062', but got '{line}'."
            )
        yield RatedPair(
            f"{match['image']}.png", cells[0], parse_number(cells[1], "DMOS", where), kind=match["kind"].lower()
        )


def _read_sheet(path: Path) -> Iterator[RatedPair]:
    columns: dict[str, int] = {}
    for number, row in enumerate(_rows_of_sheet(path), start=1):
        if not columns:
            # In the published file, empty rows and columns come before the table.
            names = {cell.strip().lower(): index for index, cell in enumerate(row) if isinstance(cell, str)}
            if set(_COLUMNS) <= set(names):
                columns = {name: names[name] for name in _COLUMNS}
            continue
        cells = {name: row[index] if index < len(row) else None for name, index in columns.items()}
        if all(cell is None for cell in cells.values()):
            continue
        where = f"'{path}', sheet '{_SHEET}', line {number}"
        kind = str(cells["dst_type"]).strip().lower()
        kind = _CODES.get(kind, kind)
        if kind not in KINDS:
            raise ArgumentError(f"{where}: `dst_type` must be a distortion type of CSIQ, but is {cells['dst_type']!r}.")
        if cells["image"] is None:
            raise ArgumentError(f"{where}: `image` must be the name of a reference image, but is empty.")
        # A spreadsheet stores the name 1600 as a number.
        image = f"{cells['image']:g}" if isinstance(cells["image"], float) else str(cells["image"]).strip()
        level = parse_number(cells["dst_lev"], "dst_lev", where)
        opinion = parse_number(cells["dmos"], "dmos", where)
        deviation = parse_number(cells["dmos_std"], "dmos_std", where, low=0)
        yield RatedPair(f"{image}.png", f"{image}.{kind}.{level:g}.png", opinion, deviation, kind=kind)
    if not columns:
        raise ArgumentError(
            f"'{path}', sheet '{_SHEET}': expected a row with the column names ({', '.join(_COLUMNS)}), but found "
            "none. Use the original file."
        )


def _rows_of_sheet(path: Path) -> list[Sequence[object]]:
    if importlib.util.find_spec("openpyxl") is None:
        raise ArgumentError(f"Reading '{path}' needs openpyxl: pip install 'innersight[datasets]'.")
    from openpyxl.reader.excel import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)  # type: ignore[no-untyped-call]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ArgumentError(f"'{path}' cannot be read as a spreadsheet. Use the original file.") from error
    try:
        if _SHEET not in book.sheetnames:
            raise ArgumentError(
                f"'{path}': expected a sheet '{_SHEET}', but found ({', '.join(book.sheetnames)}). "
                "Use the original file."
            )
        return list(book[_SHEET].iter_rows(values_only=True))
    finally:
        book.close()
