"""Score many pairs: each reference is seen once while it fits the memory, files are decoded ahead of the network."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from innersight.errors import ImageError, InnersightError
from innersight.images.checking import check_same_size
from innersight.images.reading import read_image
from innersight.metric.module import Metric
from innersight.metric.views import Views

_AHEAD = 4
"""Pairs that are decoded ahead, for each worker."""

_PROBE_SIDE = 224  # a multiple of every usual patch


@dataclass(frozen=True)
class RowScore:
    """What came of one pair of a list.

    Attributes:
        scores: By metric, from 0, lower is more alike; empty if the pair could not be scored.
        per_layer: By metric, the distance of each layer alone; empty unless asked for.
        error: Why the pair could not be scored, or None.
    """

    scores: Mapping[str, float]
    per_layer: Mapping[str, list[float]]
    error: str | None


def score_pairs(
    pairs: Iterable[tuple[Path, Path]],
    metrics: Mapping[str, Metric],
    *,
    with_layers: bool = False,
    memory_limit: int = 2 << 30,
    workers: int = 2,
) -> Iterator[RowScore]:
    """Score pairs of files, one result for each, in their order.

    A pair that can't be read or compared gets its error and the rest goes on. Each image goes through the network by
    itself (its windows together), so a score depends on nothing but its pair. Metrics that share what the network sees
    (`Metric.sight`) share its work.

    Args:
        pairs: Reference and distorted file of each; walked through once, a few rows ahead.
        metrics: The metrics by the names their scores are to have.
        with_layers: Whether to compute `per_layer`; the network's work is then not shared.
        memory_limit: What the kept references may take, bytes; the one that has not been used for longest goes first.
        workers: Threads that read files.

    Yields:
        One result a pair.
    """
    references = _References(metrics, memory_limit)
    waiting: deque[tuple[Path, Path, Future[torch.Tensor]]] = deque()
    source = iter(pairs)
    with ThreadPoolExecutor(workers, thread_name_prefix="innersight-read") as pool:
        try:
            while True:
                for reference, distorted in islice(source, workers * _AHEAD - len(waiting)):
                    references.read_ahead(pool, reference)
                    waiting.append((reference, distorted, pool.submit(read_image, distorted)))
                if not waiting:
                    return
                yield _score_row(*waiting.popleft(), references, metrics, with_layers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@torch.inference_mode()
def _score_row(
    reference: Path,
    distorted: Path,
    reading: Future[torch.Tensor],
    references: _References,
    metrics: Mapping[str, Metric],
    with_layers: bool,
) -> RowScore:
    try:
        original, seen = references.of(reference)
        image = reading.result()
        check_same_size(original, image, (str(reference), str(distorted)))
        scores, per_layer = {}, {}
        looks: dict[str, Views] = {}
        for name, metric in metrics.items():
            if metric.sight in seen:
                if metric.sight not in looks:
                    looks[metric.sight] = references.look(metric, image)
                scores[name] = metric.compare(seen[metric.sight], looks[metric.sight]).item()
            else:
                scores[name] = metric(_batch(original, metric), _batch(image, metric)).item()
            if with_layers:
                per_layer[name] = metric.per_layer(_batch(original, metric), _batch(image, metric))[0].tolist()
            if not math.isfinite(scores[name]):
                raise ImageError(f"The score of {name} is {scores[name]}: the network's features are not finite here.")
    except InnersightError as error:
        return RowScore({}, {}, str(error))
    return RowScore(scores, per_layer, None)


class _References:
    """The references in memory: their pixels and what each sight saw of them, the least recently used going first."""

    def __init__(self, metrics: Mapping[str, Metric], memory_limit: int) -> None:
        self._limit = memory_limit
        self._layers: dict[str, set[int]] = {}
        self._lookers: dict[str, Metric] = {}
        for metric in metrics.values():
            self._lookers.setdefault(metric.sight, metric)
            self._layers.setdefault(metric.sight, set()).update(metric.layers)
        self._bytes_per_pixel: dict[str, float] = {}
        self._reading: dict[Path, Future[torch.Tensor]] = {}
        self._kept: OrderedDict[Path, tuple[torch.Tensor, dict[str, Views]]] = OrderedDict()
        self._size = 0

    def read_ahead(self, pool: ThreadPoolExecutor, path: Path) -> None:
        """Begin to read a reference that is neither kept nor being read."""
        if path not in self._kept and path not in self._reading:
            self._reading[path] = pool.submit(read_image, path)

    def look(self, metric: Metric, image: torch.Tensor) -> Views:
        """See an image for all metrics of this sight."""
        return metric.look(_batch(image, metric), tuple(sorted(self._layers[metric.sight])))

    def of(self, path: Path) -> tuple[torch.Tensor, dict[str, Views]]:
        """Return a reference's pixels, and what each sight saw of it where that fits the memory.

        Raises:
            InnersightError: If it can't be read, or seen.
        """
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        reading = self._reading.pop(path, None)
        image = reading.result() if reading is not None else read_image(path)
        seen = {sight: self.look(metric, image) for sight, metric in self._lookers.items() if self._fits(metric, image)}
        self._kept[path] = (image, seen)
        self._size += _nbytes(image, seen)
        while self._size > self._limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= _nbytes(*dropped)
        return image, seen

    def _fits(self, metric: Metric, image: torch.Tensor) -> bool:
        """Guess whether reference and distorted features fit; else the pair is compared window by window."""
        if metric.sight not in self._bytes_per_pixel:
            side = metric.config.input.window or _PROBE_SIDE
            seen = self.look(metric, torch.zeros(3, side, side))
            self._bytes_per_pixel[metric.sight] = seen.nbytes / metric.seen_pixels(side, side)
        pixels = metric.seen_pixels(image.shape[-2], image.shape[-1])
        return 2 * self._bytes_per_pixel[metric.sight] * pixels <= self._limit


def _nbytes(image: torch.Tensor, seen: Mapping[str, Views]) -> int:
    return image.nbytes + sum(views.nbytes for views in seen.values())


def _batch(image: torch.Tensor, metric: Metric) -> torch.Tensor:
    return image[None].to(device=metric.device, dtype=metric.dtype)
