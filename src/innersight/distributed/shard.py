"""The scores of one shard. It is written complete or not at all, so a shard can be scored again at any time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from innersight.distributed.plan import ERROR_COLUMN, ROW_COLUMN, Plan
from innersight.distributed.storage import Folder, fetch
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import MASK_COLUMN, PairList
from innersight.inference.regions import Region
from innersight.inference.scorer import Scorer
from innersight.io.confinement import Root
from innersight.io.limits import DecodingLimits
from innersight.io.pictures import Colour
from innersight.io.tables import TableRow, read_table


@dataclass(frozen=True)
class ShardOptions:
    """How rows are scored, see `innersight.inference.batch.score_list`.

    Attributes:
        with_layers: Whether to write the part of each layer in the score. Default: False.
        memory_limit: Memory for images and features of one worker, bytes. Default: 2 GiB.
        region: What of each pair is scored. Default: everything.
        background: The background of transparent pixels. Default: white and black.
        root: The folder or the URL that all images and masks must be in. Default: any.
        limits: Limits of the decoding of each image. Default: that of the number of pixels only.
    """

    with_layers: bool = False
    memory_limit: int = 2 << 30
    region: Region = field(default_factory=Region)
    background: Colour | None = None
    root: Root | None = None
    limits: DecodingLimits | None = None


@dataclass(frozen=True)
class ShardResult:
    """A finished shard.

    Attributes:
        number: The number of the shard.
        rows: Its number of rows.
        failed: Its number of rows with an error.
    """

    number: int
    rows: int
    failed: int


@dataclass(frozen=True)
class _ShardList(PairList):
    """The list of a shard, whose files were copied to this machine."""

    files_of_places: Mapping[str, Path] = field(default_factory=dict)
    images: Folder = field(default_factory=lambda: Folder("."))

    def rows(self) -> Iterator[TableRow]:
        if self.source is None:
            return
        for row in read_table(self.source):
            values = dict(row.values)
            error = values.pop(ERROR_COLUMN) or self._refusal(values)
            yield TableRow(values[ROW_COLUMN] + 1, values, error)

    def _refusal(self, values: Mapping[str, Any]) -> str | None:
        names = (self.reference_column, self.distorted_column, MASK_COLUMN)
        places = [self.images.join(path) for name in names if (path := values.get(name))]
        found = [reason for place in places if self.root is not None and (reason := self.root.refusal(place))]
        return f"Row {values[ROW_COLUMN] + 1}: {found[0]}. Name only files in the root." if found else None

    def refuse_changed(self) -> None:
        """Do nothing: the file is a copy that nothing else writes."""

    def file(self, path: str) -> Path:
        return self.files_of_places[self.images.join(path)]


def _open_shard(list_file: Path, plan: Plan, folder: Path, root: Root | None) -> tuple[_ShardList, dict[str, str]]:
    """Open the list of a shard and copy its images. Return the list, and why files could not be copied."""
    images = Folder(plan.images)
    found = _ShardList(list_file, None, list_file.parent, *plan.columns, "", root=root, images=images)
    rows = list(found.rows())
    columns = tuple(rows[0].values)
    paths = [*plan.columns, *([MASK_COLUMN] if MASK_COLUMN in columns else [])]
    places = [
        images.join(path) for row in rows if row.error is None for name in paths if (path := row.values.get(name))
    ]
    files, errors = fetch(places, folder)
    found = replace(found, count=len(rows), columns=columns, files_of_places=files)
    valid = next((row for row in rows if row.error is None), None)
    return (found if valid is None else replace(found, first=found.paths(valid))), errors


def score_shard(
    number: int, plan: Plan, scorers: Mapping[str, Scorer], options: ShardOptions, out: Folder
) -> ShardResult:
    """Score one shard and write its output to the output folder.

    Args:
        number: The number of the shard.
        plan: The plan, whose lists are in the output folder.
        scorers: The scorers by name.
        options: How rows are scored.
        out: The output folder.

    Returns:
        The counts.
    """
    with tempfile.TemporaryDirectory(prefix="innersight-") as name:
        folder = Path(name)
        (folder / "list.parquet").write_bytes(out.read(plan.list_of(number)))
        (folder / "images").mkdir()
        pairs, errors = _open_shard(folder / "list.parquet", plan, folder / "images", options.root)
        result = folder / "part.parquet"
        outcome = score_list(
            pairs,
            scorers,
            result,
            with_layers=options.with_layers,
            memory_limit=options.memory_limit,
            workers=1,
            region=options.region,
            background=options.background,
            limits=options.limits,
        )
        if outcome.failed:
            _name_places(result, pairs.files_of_places, errors)
        out.write(plan.output_of(number), result)
    return ShardResult(number, outcome.rows, outcome.failed)


def _name_places(result: Path, files: Mapping[str, Path], errors: Mapping[str, str]) -> None:
    """Name the places in the errors, and not the copies of their files."""
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(result)
    index = table.schema.get_field_index("error")
    texts = table.column(index).to_pylist()
    copies = {str(file): place for place, file in files.items() if str(file) != place}

    def named(text: str | None) -> str | None:
        for copy, place in copies.items():
            if text is not None and f"'{copy}'" in text:
                text = errors.get(place) or text.replace(copy, place)
        return text

    column = pyarrow.array([named(text) for text in texts], pyarrow.string())
    parquet.write_table(table.set_column(index, table.schema.field(index), column), result)
