"""One run over planned rows: which references are in memory, which chunks wait, and what has been computed."""

from __future__ import annotations

import queue
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from innersight.errors import InnersightError
from innersight.inference.extractor import FeatureExtractor, FileFeatures, RowScore
from innersight.inference.regions import Region
from innersight.io.images import read_size

_BYTES_PER_PIXEL = 2 * (3 + 1) * 4  # of an image while it is read: its floats and those of alpha, and the decoded data
_EXTRACTION_COPIES = 2  # of features during extraction: those of the network and those that are kept
_ERROR_BYTES = 1 << 10
_IN_FLIGHT = 8  # chunks for each worker, so that no worker waits for the planner


class Row(NamedTuple):
    """A row of a list.

    Attributes:
        number: Its number in the list.
        reference: Its reference file.
        distorted: Its distorted file.
        region: What of the images is scored, or None for the whole images.
    """

    number: int
    reference: Path
    distorted: Path
    region: Region | None = None


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
    references: list[_Kept]  # one for each row; none for a row with a region
    work_bytes: int


class PlannedRun:
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

    def add_alone(self, row: Row) -> Iterator[tuple[int, RowScore]]:
        """Plan a row that shares no features; yield the results that are complete."""
        kept = self._measure(row.reference)
        work = 2 * self._work_bytes(kept)
        while self._used + work > self._limit and not self._make_room(work) and self._busy():
            self._submit_planned(0)
            yield from self._collect()
        self._used += work
        self._planned.append(_Chunk([row], [], work))
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
        if not chunk.references:
            return [
                self._extractor.score_alone(row.reference, row.distorted, row.region or Region()) for row in chunk.rows
            ]
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
