"""Lists of pairs: rows of a CSV, JSON Lines or Parquet file, read as a stream, or two folders paired by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError
from innersight.io.images import FORMATS
from innersight.io.tables import check_table, read_rows

_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
_NAMED = 5


@dataclass(frozen=True)
class PairList:
    """A list of pairs that can be walked through as often as needed, one row in memory at a time.

    Attributes:
        source: The list's file, or None where the rows are in memory.
        listed: The rows in memory, or None for a file.
        folder: What relative names are relative to.
        reference_column: The column that names the reference.
        distorted_column: The column that names the distorted image.
        digest: SHA-256 of what decides the pairs, `sha256:...`.
    """

    source: Path | None
    listed: tuple[Mapping[str, Any], ...] | None
    folder: Path
    reference_column: str
    distorted_column: str
    digest: str

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Walk through the rows, each with all its columns.

        Raises:
            ArgumentError: If a line can't be read, or a row lacks one of the two columns; with the line's number.
        """
        if self.listed is not None:
            yield from self.listed
        elif self.source is not None:
            for number, row in read_rows(self.source):
                for column in (self.reference_column, self.distorted_column):
                    if not isinstance(row.get(column), str) or not row[column]:
                        raise ArgumentError(
                            f"'{self.source}', line {number}: no {column!r}; there is ({', '.join(map(str, row))}). "
                            "Name the columns with --reference-column and --distorted-column."
                        )
                    if "\0" in row[column]:
                        raise ArgumentError(
                            f"'{self.source}', line {number}: the path in {column!r} holds a NUL byte, which no file's "
                            "name can. Correct that path."
                        )
                yield row

    def columns(self) -> list[str]:
        """Return the names of all columns, in order; those of JSON Lines may differ from row to row."""
        if self.source is None or self.source.suffix.lower() != ".jsonl":
            return list(next(iter(self.rows())))
        return list(dict.fromkeys(column for row in self.rows() for column in row))

    def paths(self, row: Mapping[str, Any]) -> tuple[Path, Path]:
        """Return a row's reference and distorted file."""
        return self.folder / row[self.reference_column], self.folder / row[self.distorted_column]


def open_list(path: str | Path, reference_column: str = "reference", distorted_column: str = "distorted") -> PairList:
    """Open a list of pairs.

    Args:
        path: A .csv file with a header line, a .jsonl file of one object a line, or a .parquet file.
        reference_column: The column that names the reference, relative to the list's folder.
        distorted_column: The column that names the distorted image, likewise.

    Returns:
        The list; its first row has been checked.

    Raises:
        ArgumentError: If the file is missing, of another kind, empty, or its first row lacks a column.
    """
    path = Path(path)
    check_table(path)
    digest = hashlib.sha256(f"{reference_column}\n{distorted_column}\n".encode())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    opened = PairList(path, None, path.parent, reference_column, distorted_column, f"sha256:{digest.hexdigest()}")
    if next(opened.rows(), None) is None:
        raise ArgumentError(f"The list '{path}' has no rows.")
    return opened


def pair_folders(reference_folder: str | Path, distorted_folder: str | Path) -> PairList:
    """Pair the images of two folders by their path within the folder, suffix left out.

    Args:
        reference_folder: The originals.
        distorted_folder: What became of them.

    Returns:
        A list sorted by name, with the columns `reference` and `distorted`.

    Raises:
        ArgumentError: If a folder is missing or holds no image, or a name is unmatched or ambiguous: none is guessed.
    """
    found = [_images_by_name(Path(folder)) for folder in (reference_folder, distorted_folder)]
    problems = []
    for folder, names in zip((reference_folder, distorted_folder), found, strict=True):
        doubled = [", ".join(path.name for path in paths) for paths in names.values() if len(paths) > 1]
        if doubled:
            problems.append(f"ambiguous in '{folder}': {_some(doubled)}")
    for (folder, names), (other, others) in zip(
        ((reference_folder, found[0]), (distorted_folder, found[1])),
        ((distorted_folder, found[1]), (reference_folder, found[0])),
        strict=True,
    ):
        alone = [str(names[name][0].relative_to(folder)) for name in names if name not in others]
        if alone:
            problems.append(f"in '{folder}' but not in '{other}': {_some(alone)}")
    if problems:
        raise ArgumentError(
            f"The folders can't be paired by name; {'; '.join(problems)}. Pass a list of pairs instead."
        )
    return list_rows(
        {"reference": str(found[0][name][0]), "distorted": str(found[1][name][0])} for name in sorted(found[0])
    )


def list_rows(rows: Iterable[Mapping[str, Any]], folder: Path = Path()) -> PairList:
    """Make a list of rows in memory.

    Args:
        rows: Each with `reference`, `distorted` and columns of its own, JSON types; the same columns in all.
        folder: What relative names are relative to.

    Returns:
        The list.
    """
    listed = tuple(rows)
    digest = hashlib.sha256(json.dumps([str(folder), listed]).encode()).hexdigest()
    return PairList(None, listed, folder, "reference", "distorted", f"sha256:{digest}")


def _images_by_name(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise ArgumentError(f"No such folder: '{folder}'.")
    names: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file():
            names.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    if not names:
        raise ArgumentError(f"The folder '{folder}' holds no image ({', '.join(FORMATS)}).")
    return names


def _some(names: list[str]) -> str:
    more = f", ... {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
