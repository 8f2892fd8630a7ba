"""Lists of image pairs: the rows of a CSV, JSON Lines or Parquet file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError
from innersight.inference.regions import Region
from innersight.io.confinement import Root
from innersight.io.tables import TableRow, checked_row, read_table

MASK_COLUMN = "mask"
"""The column with the path of a mask, see `innersight.inference.regions`. The list need not have it."""


@dataclass(frozen=True)
class PairList:
    """A list of pairs that can be read several times. One row is in memory at a time.

    Attributes:
        source: The file of the list, or None if the rows are in memory.
        listed: The rows in memory, or None if the list is a file.
        folder: The folder that relative paths start from.
        reference_column: The column with the path of the reference.
        distorted_column: The column with the path of the distorted image.
        digest: The SHA-256 of the file or of the rows, and of the two column names: `sha256:...`.
        count: The number of rows.
        columns: The names of all columns, in order. Each row of a JSON Lines file can add columns.
        first: The files of the first row that can be scored.
        root: The folder that all files must be in, or None.
    """

    source: Path | None
    listed: tuple[Mapping[str, Any], ...] | None
    folder: Path
    reference_column: str
    distorted_column: str
    digest: str
    count: int = 0
    columns: tuple[str, ...] = ()
    first: tuple[Path, Path] = (Path(), Path())
    root: Root | None = None

    def rows(self) -> Iterator[TableRow]:
        """Read all rows with all their columns. A row that cannot be scored carries its error.

        Yields:
            The rows in order. `TableRow.error` is set if the row cannot be read, if one of the two paths is missing,
            empty or not text, if a path holds a NUL byte, or if it is outside `root`.

        Raises:
            ArgumentError: If the file cannot be parsed as a whole, see `innersight.io.tables.read_table`.
        """
        if self.source is not None:
            for row in read_table(self.source):
                yield self._with_paths_checked(row, f"'{self.source}', line {row.number}")
        else:
            for number, values in enumerate(self.listed or (), start=1):
                where = f"Row {number}"
                yield self._with_paths_checked(checked_row(number, values, where), where)

    def paths(self, row: TableRow) -> tuple[Path, Path]:
        """Return the files of the reference and of the distorted image of a row without an error."""
        return self.file(row.values[self.reference_column]), self.file(row.values[self.distorted_column])

    def file(self, path: str) -> Path:
        """Return the file of a path in the list."""
        return self.folder / path

    def _place(self, path: str) -> str:
        return path if "://" in path else str(self.folder / path)

    @property
    def has_masks(self) -> bool:
        """Whether the list has the column `mask`."""
        return MASK_COLUMN in self.columns

    def region(self, row: TableRow, common: Region) -> Region | None:
        """Return what of a row without an error is scored; None for the whole images.

        Args:
            row: The row.
            common: What is scored of all rows. The mask of the row takes the place of its mask.
        """
        own = row.values.get(MASK_COLUMN)
        found = replace(common, mask=self.file(own)) if own else common
        return None if found.is_everything else found

    def files(self, row: TableRow) -> tuple[Path, ...]:
        """Return all files that a row without an error names: both images, and its mask if it has one."""
        own = row.values.get(MASK_COLUMN)
        return (*self.paths(row), *((self.file(own),) if own else ()))

    def scanned(self) -> PairList:
        """Return the list with the number of its rows, its columns and its first pair, from one pass over the rows.

        Raises:
            ArgumentError: If the list has no rows, or none that can be scored; then with the error of its first row.
        """
        each_row_adds = self.source is not None and self.source.suffix.lower() == ".jsonl"
        count, columns, first, first_error = 0, dict[str, None](), None, None
        for row in self.rows():
            if each_row_adds or not count:
                columns |= dict.fromkeys(row.values)
            if row.error is None:
                first = first or self.paths(row)
            first_error = first_error or row.error
            count += 1
        if first is None:
            name = "" if self.source is None else f" '{self.source}'"
            raise ArgumentError(first_error or f"The list{name} has no rows. Add at least one pair.")
        return replace(self, count=count, columns=tuple(columns), first=first)

    def refuse_changed(self) -> None:
        """Check that the file still has the content that `open_list` read.

        Raises:
            ArgumentError: If the content has changed.
        """
        if self.source is not None and _digest_of_file(self.source, self._columns_of_paths()) != self.digest:
            raise ArgumentError(
                f"The list '{self.source}' changed while its pairs were scored. Use --overwrite to score it again."
            )

    def _columns_of_paths(self) -> tuple[str, str]:
        return self.reference_column, self.distorted_column

    def _with_paths_checked(self, row: TableRow, where: str) -> TableRow:
        if row.error is not None:
            return row
        for column in (*self._columns_of_paths(), MASK_COLUMN):
            path = row.values.get(column)
            if column == MASK_COLUMN and path in (None, ""):
                continue
            if not isinstance(path, str) or not path:
                names = ", ".join(map(str, row.values))
                return replace(
                    row,
                    error=f"{where}: no path in the column {column!r}. The columns are ({names}). Name the columns "
                    "with --reference-column and --distorted-column.",
                )
            if "\0" in path:
                return replace(
                    row,
                    error=f"{where}: a path must not hold a NUL byte, but {column!r} does. Correct that path.",
                )
            refusal = None if self.root is None else self.root.refusal(self._place(path))
            if refusal is not None:
                return replace(row, error=f"{where}: {refusal}. Name only files in the root.")
        return row


def open_list(
    path: str | Path,
    reference_column: str = "reference",
    distorted_column: str = "distorted",
    *,
    root: Root | None = None,
) -> PairList:
    r"""Open a list of pairs in a file.

    Args:
        path: A .csv file with a header line, a .jsonl file with one JSON object per line, or a .parquet file.
        reference_column: The column with the path of the reference. Relative paths start from the folder of the list.
        distorted_column: The column with the path of the distorted image. Relative paths start from the same folder.
        root: The folder that all images and masks must be in. A row that names another file gets an error. Default:
            None, any file.

    Returns:
        The list. At least one of its rows can be scored.

    Raises:
        ArgumentError: If the file is missing, has another suffix or cannot be parsed, or if no row can be scored.

    Example:
        >>> path = getfixture("tmp_path") / "list.csv"
        >>> _ = path.write_text("reference,distorted,kind\na.png,b.png,blur\n")
        >>> open_list(path).columns
        ('reference', 'distorted', 'kind')
    """
    path = Path(path)
    opened = PairList(path, None, path.parent, reference_column, distorted_column, "", root=root).scanned()
    return replace(opened, digest=_digest_of_file(path, (reference_column, distorted_column)))


def list_rows(rows: Iterable[Mapping[str, Any]], folder: Path = Path()) -> PairList:
    """Make a list from rows in memory.

    Args:
        rows: Mappings with `reference`, `distorted` and any other columns, whose values are JSON types. All rows have
            the same columns.
        folder: The folder that relative paths start from.

    Returns:
        The list. At least one of its rows can be scored.

    Raises:
        ArgumentError: If no row can be scored.

    Example:
        >>> pairs = list_rows([{"reference": "a.png", "distorted": "b.png"}], Path("photos"))
        >>> [path.as_posix() for path in pairs.first]
        ['photos/a.png', 'photos/b.png']
    """
    listed = tuple(rows)
    digest = hashlib.sha256(json.dumps([str(folder), listed]).encode()).hexdigest()
    return PairList(None, listed, folder, "reference", "distorted", f"sha256:{digest}").scanned()


def _digest_of_file(path: Path, columns: tuple[str, str]) -> str:
    digest = hashlib.sha256("".join(f"{column}\n" for column in columns).encode())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
