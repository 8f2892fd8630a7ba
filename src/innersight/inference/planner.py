"""Planning of many pairs: grouped by reference, read and scored in parallel, within a memory limit."""

from __future__ import annotations

import os
import queue
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from innersight.errors import ArgumentError, InnersightError
from innersight.inference.extractor import FeatureExtractor, FileFeatures, RowScore
from innersight.inference.scorer import Scorer
from innersight.inference.scorers import as_scorers
from innersight.io.images import read_size

if TYPE_CHECKING:
    from innersight.inference.feature_cache import FeatureCache
    from innersight.metrics.base import FullReferenceMetric
    from innersight.preprocess.perturbation import Perturbation

Auto: TypeAlias = Literal["auto"]
Row: TypeAlias = tuple[int, Path, Path]
"""A row: its number in the list, its reference file and its distorted file."""

PLANNED_TOGETHER = 65_536
"""Rows that are planned together. They take some tens of megabytes."""

_BATCH_ON_GPU = 16
_MOST_GPU_WORKERS = 8
_BYTES_PER_PIXEL = 2 * 3 * 4  # of an image while it is read: its floats, and the decoded data
_EXTRACTION_COPIES = 2  # of features during extraction: those of the network and those that are kept
_ERROR_BYTES = 1 << 10
_IN_FLIGHT = 8  # chunks for each worker, so that no worker waits for the planner


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

    Yields:
        One result for each pair.

    Raises:
        ArgumentError: If a number is not a whole number from 1.

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
    rows = ((index, Path(reference), Path(distorted)) for index, (reference, distorted) in enumerate(pairs))
    engine = Engine(
        metrics,
        with_layers=with_layers,
        memory_limit=memory_limit,
        workers=workers,
        batch_size=batch_size,
        cache=cache,
        ahead=ahead,
    )
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
    ) -> None:
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
            self._backends, with_layers=with_layers, together=self._batch > 1, cache=cache, perturbation=perturbation
        )
        self._limit = memory_limit
        self._ahead = ahead
        self._warm = False

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
            run = _Run(pool, self._extractor, self._limit, self._workers)
            try:
                for chunk in self._plan(chain((first,), source), run):
                    yield from run.add(chunk)
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

    def _plan(self, rows: Iterator[Row], run: _Run) -> Iterator[list[Row]]:
        """Group rows by reference, references in memory first, and cut the groups into chunks."""
        while block := list(islice(rows, self._ahead)):
            by_reference: dict[Path, list[Row]] = {}
            for row in block:
                by_reference.setdefault(row[1], []).append(row)
            groups = sorted(by_reference.values(), key=lambda group: not run.keeps(group[0][1]))
            planned = chain.from_iterable(groups)
            while chunk := list(islice(planned, self._batch)):
                yield chunk


def _check_whole(name: str, number: object) -> None:
    if type(number) is not int or number < 1:
        raise ArgumentError(f"Argument `{name}` must be a whole number from 1, but got {number!r}.")


@dataclass
class _Kept:
    """A reference: its features, now or later, and the number of planned chunks that need it."""

    features: Future[FileFeatures | InnersightError]
    in_parts: bool
    size: tuple[int, int]
    nbytes: int
    needed_by: int = 0


@dataclass
class _Chunk:
    rows: list[Row]
    references: list[_Kept]  # one for each row
    work_bytes: int


class _Run:
    """The state of one run. Only the planning thread accounts for memory; workers compute.

    References are submitted when their first chunk is planned, chunks a few places later, so that no worker waits for a
    reference. Both start in the order of submission, so there is no deadlock.
    """

    def __init__(self, pool: ThreadPoolExecutor, extractor: FeatureExtractor, limit: int, workers: int) -> None:
        self._pool = pool
        self._extractor = extractor
        self._limit = limit
        self._workers = workers
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()
        self._planned: deque[_Chunk] = deque()
        self._done: queue.SimpleQueue[tuple[_Chunk, Future[list[RowScore]]]] = queue.SimpleQueue()
        self._running = 0
        self._used = 0

    def keeps(self, reference: Path) -> bool:
        """Tell whether a reference is in memory."""
        return reference in self._kept

    def add(self, rows: list[Row]) -> Iterator[tuple[int, RowScore]]:
        """Plan a chunk of rows; yield the results that are complete."""
        new = [path for path in dict.fromkeys(row[1] for row in rows) if path not in self._kept]
        measured = [self._measure(path) for path in new]
        needed = sum(kept.nbytes for kept in measured)
        sizes = [(self._kept.get(row[1]) or measured[new.index(row[1])]) for row in rows]
        work = sum(self._work_bytes(kept) for kept in sizes)
        # This chunk needs the references in memory: they must not be dropped for the others.
        for row in rows:
            if row[1] in self._kept:
                self._kept.move_to_end(row[1])
                self._kept[row[1]].needed_by += 1
        while self._used + needed + work > self._limit and not self._make_room(needed + work) and self._busy():
            self._submit_planned(0)
            yield from self._collect()
        self._used += needed + work
        for in_parts in (False, True):
            group = [(path, kept) for path, kept in zip(new, measured, strict=True) if kept.in_parts == in_parts]
            if group:
                self._submit_references([path for path, _ in group], [kept for _, kept in group], in_parts)
        references = []
        for row in rows:
            kept = self._kept.get(row[1])
            if kept is None:
                kept = self._kept[row[1]] = measured[new.index(row[1])]
            if row[1] in new:
                kept.needed_by += 1
            references.append(kept)
        self._planned.append(_Chunk(rows, references, work))
        self._submit_planned(self._workers)
        while self._running > _IN_FLIGHT * self._workers:
            yield from self._collect()

    def finish(self) -> Iterator[tuple[int, RowScore]]:
        """Yield all remaining results."""
        self._submit_planned(0)
        while self._running:
            yield from self._collect()

    def _busy(self) -> bool:
        return bool(self._running or self._planned)

    def _measure(self, path: Path) -> _Kept:
        """Estimate the memory of a reference, and whether its features fit."""
        height, width = size = read_size(path) or (0, 0)
        pixels = 3 * 4 * height * width
        try:
            features = self._extractor.feature_bytes(height, width) if height else _ERROR_BYTES
        except InnersightError:  # no metric accepts this size: the extraction gives the reason
            features = _ERROR_BYTES
        in_parts = 2 * _EXTRACTION_COPIES * features + _BYTES_PER_PIXEL * height * width > self._limit
        return _Kept(Future(), in_parts, size, pixels if in_parts else features)

    def _work_bytes(self, kept: _Kept) -> int:
        """Estimate the memory that is used while a row is scored."""
        height, width = kept.size
        reading = _BYTES_PER_PIXEL * height * width
        return reading if kept.in_parts else reading + _EXTRACTION_COPIES * kept.nbytes

    def _make_room(self, wanted: int) -> bool:
        """Drop references that no planned chunk needs, the least recently used first, until so many bytes fit."""
        for path in list(self._kept):
            if self._used + wanted <= self._limit:
                break
            if self._kept[path].needed_by == 0:
                self._used -= self._kept.pop(path).nbytes
        return self._used + wanted <= self._limit

    def _submit_references(self, paths: Sequence[Path], kept: Sequence[_Kept], in_parts: bool) -> None:
        def extract() -> None:
            try:
                found = self._extractor.extract(paths, in_parts=in_parts)
            except BaseException as error:
                for one in kept:
                    one.features.set_exception(error)
                raise
            for one, features in zip(kept, found, strict=True):
                one.features.set_result(features)

        self._pool.submit(extract)

    def _submit_planned(self, leave: int) -> None:
        while len(self._planned) > leave:
            chunk = self._planned.popleft()
            future = self._pool.submit(self._score, chunk)
            future.add_done_callback(lambda future, chunk=chunk: self._done.put((chunk, future)))  # type: ignore[misc]
            self._running += 1

    def _collect(self) -> Iterator[tuple[int, RowScore]]:
        """Wait for one chunk."""
        if not self._running:
            return
        chunk, future = self._done.get()
        self._running -= 1
        self._used -= chunk.work_bytes
        for kept in chunk.references:
            kept.needed_by -= 1
        yield from zip((row[0] for row in chunk.rows), future.result(), strict=True)

    def _score(self, chunk: _Chunk) -> list[RowScore]:
        """Read and score a chunk; in a worker."""
        references = [kept.features.result() for kept in chunk.references]
        results: dict[int, RowScore] = {}
        for in_parts in (False, True):
            good = [
                (index, features)
                for index, (features, kept) in enumerate(zip(references, chunk.references, strict=True))
                if isinstance(features, FileFeatures) and kept.in_parts == in_parts
            ]
            paths = [chunk.rows[index][2] for index, _ in good]
            extracted = self._extractor.extract(paths, in_parts=in_parts, like=[features for _, features in good])
            for (index, reference), distorted in zip(good, extracted, strict=True):
                if isinstance(distorted, InnersightError):
                    results[index] = RowScore({}, {}, str(distorted))
                else:
                    results[index] = self._extractor.compare(reference, distorted)
        for index, features in enumerate(references):
            if isinstance(features, InnersightError):
                results[index] = RowScore({}, {}, str(features))
        return [results[index] for index in range(len(chunk.rows))]
