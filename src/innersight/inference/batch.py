"""Score a list of pairs into a file. An interrupted run can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from innersight.errors import ArgumentError, ImageError
from innersight.inference.extractor import RowScore
from innersight.inference.journal import FileStates, Journal, file_states, write_record
from innersight.inference.pair_lists import PairList
from innersight.inference.planned_run import Row
from innersight.inference.planner import Auto, Engine
from innersight.inference.regions import Region
from innersight.inference.result_writer import StatesDigest, check_output, result_columns, write_results
from innersight.inference.scorer import Scorer
from innersight.inference.scorers import as_scorers
from innersight.io.confinement import find_special
from innersight.io.limits import DecodingLimits
from innersight.io.pictures import Colour
from innersight.io.tables import TableRow

if TYPE_CHECKING:
    from innersight.inference.feature_cache import FeatureCache
    from innersight.metrics.base import FullReferenceMetric
    from innersight.preprocess.perturbation import Perturbation


@dataclass(frozen=True)
class BatchOutcome:
    """Row counts of a finished run.

    Attributes:
        rows: Number of rows in the output.
        resumed: Number of rows whose result comes from an earlier run.
        failed: Number of rows with an error.
        transparent: Number of rows of this run, earlier ones left out, with transparent pixels in an image.
    """

    rows: int
    resumed: int
    failed: int
    transparent: int = 0


def score_list(
    pairs: PairList,
    metrics: Mapping[str, Scorer | FullReferenceMetric],
    out: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    with_layers: bool = False,
    fail_fast: bool = False,
    memory_limit: int = 2 << 30,
    workers: int | Auto = "auto",
    batch_size: int | Auto = "auto",
    cache: FeatureCache | None = None,
    perturbation: Perturbation | None = None,
    region: Region | None = None,
    background: Colour | None = None,
    limits: DecodingLimits | None = None,
    on_row: Callable[[int], None] = lambda _: None,
) -> BatchOutcome:
    """Score a list and write its rows with `score` and `error`, in order, with all columns of the list.

    A row that cannot be scored gets its reason in `error`, and the run continues. Each finished row is kept in a
    journal beside the output. After a kill or an interruption, `resume=True` continues the run.

    A resumed run compares the size and the modification time of the two images of each finished row with those that
    they had when the row was started. If one of them has changed, the row is scored again. So an image that was
    missing or damaged can be repaired before the run is resumed. The output is the same file that an uninterrupted run
    with the same settings writes. `workers` and `batch_size` can differ between the two: they change a score by
    rounding only, by less than 1e-5. Images must not change while a run is active.

    If the run to resume is already complete, its output stays as it is. If an image has changed since, that is an
    error.

    Args:
        pairs: The list, from `open_list`, `list_rows` or `pair_folders`.
        metrics: Scorers by name; metrics of `innersight.create_metrics` are taken too. One metric gives the column
            `score`, several give `score_NAME` each.
        out: A .csv, .jsonl or .parquet file. It appears when all rows are finished, with `OUT.run.json`, which holds
            everything that decided the scores. See `write_results` for what each format can hold.
        resume: Continue an earlier run of the same list, settings and weights.
        overwrite: Delete an earlier run and its output.
        with_layers: Also write `per_layer`, the part of each layer in the score.
        fail_fast: Stop at the first row that cannot be scored.
        memory_limit: Memory for images and features, in bytes; 2 GiB by default. The networks come on top.
        workers: Number of threads that read and score. `auto`: one for each core.
        batch_size: Number of images that go through the network together. `auto`: 1 on a CPU, 16 on a GPU.
        cache: On-disk cache of features from earlier runs, or None.
        perturbation: Change of the images after they are read, or None.
        region: What of each pair is scored. The column `mask` of the list, if it has one, names the mask of a row: the
            path of an image, relative to the folder of the list. An empty cell leaves the mask of `region`.
        background: The background of transparent pixels, three numbers in [0, 1]. Default: white and black; the larger
            difference counts.
        limits: As for `innersight.score_pairs`.
        on_row: Called with the number of finished rows after each row.

    Returns:
        The counts.

    Raises:
        ArgumentError: If the list or the output cannot be used, or if the run to resume had other settings, another
            list or, when complete, other images.
        ImageError: With `fail_fast`, the error of the first row that cannot be scored.
    """
    out = Path(out)
    scorers = as_scorers(metrics)
    check_output(out, pairs, result_columns(list(scorers), with_layers))
    engine = Engine(
        scorers,
        with_layers=with_layers,
        memory_limit=memory_limit,
        workers=workers,
        batch_size=batch_size,
        cache=cache,
        perturbation=perturbation,
        background=background,
        limits=limits,
    )
    region = region or Region()
    engine.require_region(region, masks=pairs.has_masks)
    engine.warm_up(pairs.first[0])  # it chooses the runtime, which is part of the record
    run = {
        "list": pairs.digest,
        "metrics": {name: scorer.describe() for name, scorer in scorers.items()},
        "per_layer": with_layers,
        "perturbation": None if perturbation is None else str(perturbation),
        "region": region.describe(),
        "root": None if pairs.root is None else pairs.root.place,
        "background": None if background is None else list(background),
        "limits": None if limits is None else limits.describe(),
    }
    journal = Journal(out, run, resume=resume, overwrite=overwrite)
    if (finished := journal.finished) is not None:
        journal.remove()
        if finished.files != _digest_of_states(pairs):
            raise ArgumentError(
                f"Images of the list changed since '{out}' was written. Use --overwrite to score them again."
            )
        return BatchOutcome(finished.rows, finished.rows, finished.failed)
    started: dict[int, FileStates] = {}  # of the rows that the engine has taken

    transparent = 0

    def finish(row: int, result: RowScore) -> None:
        nonlocal transparent
        transparent += result.transparent
        if result.error is not None and fail_fast:
            raise ImageError(f"Row {row + 1}: {result.error}")
        journal.add(row, result, started.pop(row))
        on_row(journal.done)

    def rows() -> Iterator[Row]:
        for row, listed in enumerate(pairs.rows()):
            if row in journal:
                continue
            started[row] = _states(pairs, listed)  # before the images are read, so that no change is missed
            error = listed.error or find_special(pairs.files(listed))
            if error is None:
                yield Row(row, *pairs.paths(listed), pairs.region(listed, region))
            else:
                finish(row, RowScore({}, {}, error))

    try:
        for row, listed in enumerate(pairs.rows() if journal.done else ()):
            if row in journal and journal.files_of(row) != _states(pairs, listed):
                journal.drop(row)
        resumed = journal.done
        for row, result in engine.run(rows()):
            finish(row, result)
        record = write_results(out, pairs, journal, list(scorers), with_layers)
        write_record(out, run, record)
    except BaseException:
        journal.close()
        raise
    journal.remove()
    return BatchOutcome(record.rows, resumed, record.failed, transparent)


def _states(pairs: PairList, row: TableRow) -> FileStates:
    return () if row.error is not None else file_states(pairs.files(row))


def _digest_of_states(pairs: PairList) -> str:
    digest = StatesDigest()
    for row in pairs.rows():
        digest.add(_states(pairs, row))
    return digest.hexdigest()
