"""Planning of many pairs: grouped by reference, read and scored in parallel, within a memory limit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from innersight.errors import ArgumentError, InnersightError
from innersight.inference.extractor import FeatureExtractor, RowScore
from innersight.inference.planned_run import PlannedRun, Row
from innersight.inference.regions import Region
from innersight.inference.scorer import Scorer
from innersight.inference.scorers import as_scorers
from innersight.io.images import read_size
from innersight.io.limits import DecodingLimits
from innersight.io.pictures import Colour, check_background

if TYPE_CHECKING:
    from innersight.inference.feature_cache import FeatureCache
    from innersight.metrics.base import FullReferenceMetric
    from innersight.preprocess.perturbation import Perturbation

Auto: TypeAlias = Literal["auto"]


PLANNED_TOGETHER = 65_536
"""Rows that are planned together. They take some tens of megabytes."""

_BATCH_ON_GPU = 16
_MOST_GPU_WORKERS = 8


def score_pairs(
    pairs: Iterable[tuple[str | Path, str | Path]],
    metrics: Mapping[str, Scorer | FullReferenceMetric],
    *,
    with_layers: bool = False,
    memory_limit: int = 2 << 30,
    workers: int | Auto = "auto",
    batch_size: int | Auto = "auto",
    cache: FeatureCache | None = None,
    ahead: int = 1024,
    region: Region | None = None,
    background: Colour | None = None,
    limits: DecodingLimits | None = None,
) -> Iterator[RowScore]:
    """Score pairs of files: one result for each pair, in their order.

    A pair that cannot be read or compared gets an error as its result; the other pairs are scored. The features of a
    reference are extracted once for all its pairs, as long as they fit the memory limit. Metrics with one extractor id
    share an extraction. Within 1e-5, a score depends on its pair only.

    Args:
        pairs: Reference and distorted file of each pair.
        metrics: Scorers by the names of their scores; see `innersight.create_scorers`. Metrics of
            `innersight.create_metrics` are taken too.
        with_layers: Whether to compute `per_layer`. Default: False.
        memory_limit: Memory for images and features, beside the networks, bytes. Features that exceed it are compared
            a few windows at a time. One pair of images is always held. Default: 2 GiB.
        workers: Number of threads that read and score, each one pair at a time. `auto`, the default: one for each
            core, or for each thread that torch uses on a CPU.
        batch_size: Number of images in one pass of the network. `auto`, the default: 1 on a CPU, where a larger batch
            is not faster and can change scores by rounding; 16 on a GPU.
        cache: A cache of features. Default: none.
        ahead: Number of pairs that are taken from `pairs` at a time and planned together. Default: 1024.
        region: What of each pair is scored. Such pairs share no features. Default: the whole images.
        background: The background of transparent pixels, three numbers in [0, 1]. Default: white and black; the larger
            difference counts.
        limits: Limits of the decoding of each image, which other processes then decode, see `Decoder`. Default: this
            process decodes, with the limit of pixels of `innersight.read_image`.

    Yields:
        One result for each pair.

    Raises:
        ArgumentError: If a number is not a whole number from 1, or a metric accepts no mask and `region` needs one.

    Example:
        >>> from PIL import Image
        >>> from innersight import create_scorers
        >>> folder = getfixture("tmp_path")
        >>> Image.new("RGB", (64, 64), (200, 30, 30)).save(folder / "a.png")
        >>> pairs = [(folder / "a.png", folder / "a.png"), (folder / "a.png", folder / "b.png")]
        >>> for result in score_pairs(pairs, create_scorers(["lite"])):
        ...     print(dict(result.scores), result.error)
        {'lite': 0.0} None
        {} No such file: '...b.png'.
    """
    part = None if region is None or region.is_everything else region
    rows = (Row(index, Path(reference), Path(distorted), part) for index, (reference, distorted) in enumerate(pairs))
    engine = Engine(
        metrics,
        with_layers=with_layers,
        memory_limit=memory_limit,
        workers=workers,
        batch_size=batch_size,
        cache=cache,
        ahead=ahead,
        background=background,
        limits=limits,
    )
    if part is not None:
        engine.require_region(part)
    waiting: dict[int, RowScore] = {}
    following = 0
    for index, result in engine.run(rows):
        waiting[index] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


class Engine:
    """Scores rows in an order that reuses features; its arguments are those of `score_pairs`.

    One thread plans and accounts for the memory. `workers` other threads read, extract and compare.
    """

    def __init__(
        self,
        metrics: Mapping[str, Scorer | FullReferenceMetric],
        *,
        with_layers: bool = False,
        memory_limit: int = 2 << 30,
        workers: int | Auto = "auto",
        batch_size: int | Auto = "auto",
        cache: FeatureCache | None = None,
        ahead: int = PLANNED_TOGETHER,
        perturbation: Perturbation | None = None,
        background: Colour | None = None,
        limits: DecodingLimits | None = None,
    ) -> None:
        if background is not None:
            check_background(background)
        self._backends = {name: scorer.backend for name, scorer in as_scorers(metrics).items()}
        for name, number in (("workers", workers), ("batch_size", batch_size)):
            if number != "auto":
                _check_whole(name, number)
        _check_whole("memory_limit", memory_limit)
        _check_whole("ahead", ahead)
        on_gpu = any(backend.on_gpu for backend in self._backends.values())
        threads = max((backend.threads for backend in self._backends.values()), default=1)
        most = min(os.cpu_count() or 1, _MOST_GPU_WORKERS) if on_gpu else threads
        self._workers: int = most if workers == "auto" else workers
        self._batch: int = (_BATCH_ON_GPU if on_gpu else 1) if batch_size == "auto" else batch_size
        self._threads_each = 1 if on_gpu else max(1, threads // self._workers)
        self._extractor = FeatureExtractor(
            self._backends,
            with_layers=with_layers,
            together=self._batch > 1,
            cache=cache,
            perturbation=perturbation,
            background=background,
            limits=limits,
        )
        self._limit = memory_limit
        self._ahead = ahead
        self._warm = False

    def require_region(self, region: Region, *, masks: bool = False) -> None:
        """Check that all metrics can be limited to a region.

        Args:
            region: The region.
            masks: Whether rows have masks of their own.

        Raises:
            ArgumentError: If a metric accepts no mask, and one is needed.
        """
        for backend in self._backends.values():
            backend.require(per_layer=False, map=False, mask=masks or region.needs_mask)

    def warm_up(self, first: Path) -> None:
        """Prepare for images of the size of a file: runtimes are chosen and compiled, the memory is estimated."""
        size = read_size(first)
        with self._pool(1) as pool:  # in a worker, since a runtime can be prepared for a number of threads
            try:
                pool.submit(self._extractor.warm_up, size).result()
            except InnersightError:
                if size is None:
                    raise
                pool.submit(self._extractor.warm_up, None).result()  # no metric accepts this image; its row says why
        self._warm = True

    def run(self, rows: Iterable[Row]) -> Iterator[tuple[int, RowScore]]:
        """Score rows.

        Args:
            rows: Rows with different numbers; `ahead` of them are taken at a time.

        Yields:
            The number of a row and its result, in the order of completion.
        """
        source = iter(rows)
        first = next(source, None)
        if first is None:
            return
        if not self._warm:
            self.warm_up(first[1])
        with self._pool(self._workers) as pool:
            run = PlannedRun(pool, self._extractor, self._limit, self._workers)
            try:
                for chunk in self._plan(chain((first,), source), run):
                    yield from run.add(chunk) if chunk[0].region is None else run.add_alone(chunk[0])
                yield from run.finish()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _pool(self, workers: int) -> Iterator[ThreadPoolExecutor]:
        """Start worker threads that share the cores."""
        with ExitStack() as stack:
            starts = [stack.enter_context(backend.workers(self._threads_each)) for backend in self._backends.values()]

            def start() -> None:
                for each in starts:
                    each()

            yield stack.enter_context(ThreadPoolExecutor(workers, "innersight", initializer=start))

    def _plan(self, rows: Iterator[Row], run: PlannedRun) -> Iterator[list[Row]]:
        """Group rows by reference, references in memory first, and cut the groups into chunks.

        A row with a region is a chunk of its own.
        """
        while block := list(islice(rows, self._ahead)):
            by_reference: dict[Path, list[Row]] = {}
            for row in block:
                if row.region is not None:
                    yield [row]
                    continue
                by_reference.setdefault(row[1], []).append(row)
            groups = sorted(by_reference.values(), key=lambda group: not run.keeps(group[0][1]))
            planned = chain.from_iterable(groups)
            while chunk := list(islice(planned, self._batch)):
                yield chunk


def _check_whole(name: str, number: object) -> None:
    if type(number) is not int or number < 1:
        raise ArgumentError(f"Argument `{name}` must be a whole number from 1, but got {number!r}.")
