"""A list of pairs to a file of scores, resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from innersight.errors import ImageError
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.journal import Journal, journal_of, read_record, write_record
from innersight.inference.pair_lists import PairList
from innersight.inference.planner import Auto, Engine
from innersight.inference.result_writer import check_output, result_columns, write_results
from innersight.metrics.combined import AnyMetric
from innersight.preprocess.perturbation import Perturbation


@dataclass(frozen=True)
class BatchOutcome:
    """What a run did.

    Attributes:
        rows: Rows in the output.
        resumed: How many of them an earlier run had done.
        failed: Rows with an error.
    """

    rows: int
    resumed: int
    failed: int


def score_list(
    pairs: PairList,
    metrics: Mapping[str, AnyMetric],
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
    on_row: Callable[[int], None] = lambda _: None,
) -> BatchOutcome:
    """Score a list and write its rows with `score` and `error`, in order, all columns kept.

    Rows are journaled as they are done. Killed or interrupted, the run goes on with `resume=True`, and its output
    equals that of a run that was not.

    Args:
        pairs: From `open_list` or `pair_folders`.
        metrics: Ready metrics by name; one gives `score`, several give `score_NAME`.
        out: A .csv, .jsonl or .parquet file; it appears when all rows are done, and `OUT.run.json` with it, which holds
            what decided the scores.
        resume: Go on from an earlier run of the same list, configuration and weights.
        overwrite: Drop an earlier run.
        with_layers: Write `per_layer` too.
        fail_fast: Stop at the first pair that can't be scored.
        memory_limit: See `innersight.score_pairs`, like all that follows.
        workers: See there.
        batch_size: See there.
        cache: See there.
        perturbation: What happens to the images once they are read.
        on_row: Called with the number of rows done after each.

    Returns:
        The counts.

    Raises:
        ArgumentError: If the list or the output won't do, or the run to resume was another.
        ImageError: With `fail_fast`, the first pair's error.
    """
    out = Path(out)
    check_output(out, pairs, result_columns(list(metrics), with_layers))
    engine = Engine(
        metrics,
        with_layers=with_layers,
        memory_limit=memory_limit,
        workers=workers,
        batch_size=batch_size,
        cache=cache,
        perturbation=perturbation,
    )
    engine.warm_up(pairs.paths(next(iter(pairs.rows())))[0])  # decides the runtime, which is part of the record
    run = {
        "list": pairs.digest,
        "metrics": {name: metric.describe() for name, metric in metrics.items()},
        "per_layer": with_layers,
        "perturbation": None if perturbation is None else str(perturbation),
    }
    if resume and not journal_of(out).exists() and (finished := read_record(out, run)) is not None:
        return BatchOutcome(finished[0], *finished)
    journal = Journal(out, run, resume=resume, overwrite=overwrite)
    resumed = journal.done
    try:
        rows = ((row, *pairs.paths(values)) for row, values in enumerate(pairs.rows()) if row not in journal)
        for row, result in engine.run(rows):
            if result.error is not None and fail_fast:
                raise ImageError(f"Row {row + 1}: {result.error}")
            journal.add(row, result)
            on_row(journal.done)
        failed = write_results(out, pairs, journal, list(metrics), with_layers)
        write_record(out, run, journal.done, failed)
    except BaseException:
        journal.close()
        raise
    journal.remove()
    return BatchOutcome(journal.done, resumed, failed)
