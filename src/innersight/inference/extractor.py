"""What several metrics see of image files: one look for all that look alike, and their scores from it."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch

from innersight.errors import ImageError, InnersightError
from innersight.inference.feature_cache import FeatureCache
from innersight.io.images import read_image
from innersight.metrics.combined import AnyMetric, members_of, shares_of
from innersight.metrics.contract import PairMetric
from innersight.metrics.views import Views
from innersight.preprocess.perturbation import Perturbation
from innersight.preprocess.validation import check_same_size

_PROBE_SIZE = (384, 512)


@dataclass(frozen=True)
class RowScore:
    """What came of one pair of a list.

    Attributes:
        scores: By metric; ours from 0, lower is more alike; empty if the pair could not be scored.
        per_layer: By metric, each layer's part of the score; empty unless asked for.
        error: Why the pair could not be scored, or None.
    """

    scores: Mapping[str, float]
    per_layer: Mapping[str, list[float]]
    error: str | None


@dataclass(frozen=True)
class Seen:
    """One image file: what each sight saw of it, or its pixels where that would fill the memory.

    Attributes:
        path: The file.
        size: (height, width), pixels.
        views: By sight; empty where the pixels stand in.
        image: (3, H, W), or None where the views are there.
        fingerprint: A digest of the pixels, or None where none is needed.
    """

    path: Path
    size: tuple[int, int]
    views: Mapping[str, Views]
    image: torch.Tensor | None
    fingerprint: bytes | None


@dataclass
class _Sight:
    """Metrics that look alike: one of them looks, at all layers that any of them compares."""

    lead: PairMetric
    members: list[tuple[str, int, PairMetric]] = field(default_factory=list)
    """Name of the metric asked for, which of its members this is, and the member."""
    layers: tuple[int, ...] = ()
    bytes_per_pixel: float = 0.0


class Sights:
    """Looks at image files for several metrics, each file once for all metrics of one sight, and compares.

    Safe to use from several threads.

    Args:
        metrics: By the names their scores are to have.
        with_layers: Whether to compute `per_layer`.
        together: Whether several images go through the network at once. Images of a batch can differ by rounding, so
            that equal ones are then found by their pixels, and score as the reference with itself.
        cache: Where features may lie from an earlier run.
        perturbation: What happens to the images once they are read.
    """

    def __init__(
        self,
        metrics: Mapping[str, AnyMetric],
        *,
        with_layers: bool,
        together: bool,
        cache: FeatureCache | None,
        perturbation: Perturbation | None = None,
    ) -> None:
        self._members = {name: members_of(metric) for name, metric in metrics.items()}
        self._shares = {name: shares_of(metric) for name, metric in metrics.items()}
        self._with_layers = with_layers
        self._fingerprints = together or cache is not None
        self._cache = cache
        self._perturbation = perturbation
        self._sights: dict[str, _Sight] = {}
        for name, members in self._members.items():
            for index, member in enumerate(members):
                sight = self._sights.setdefault(member.sight, _Sight(member))
                sight.members.append((name, index, member))
                sight.layers = tuple(sorted({*sight.layers, *member.layers}))
        # A GPU's memory is for one batch at a time; reading goes on beside it.
        on_gpu = any(metric.device.type == "cuda" for metric in metrics.values())
        self._turn: AbstractContextManager[object] = threading.Lock() if on_gpu else nullcontext()

    @torch.inference_mode()
    def warm_up(self, size: tuple[int, int] | None) -> None:
        """Look at something of a size that will come, so that the runtimes are ready and the memory can be foreseen.

        Args:
            size: (height, width), or None where none is known.
        """
        draw = torch.Generator().manual_seed(0)
        for sight in self._sights.values():
            shape = size or _PROBE_SIZE
            window = sight.lead.window
            if window is not None:
                shape = (window, window)
            image = torch.rand(3, *shape, generator=draw)
            seen = next(sight.lead.look_in_parts(_batch([image], sight.lead), sight.layers))
            sight.bytes_per_pixel = seen.nbytes / sight.lead.seen_pixels(*shape)

    def feature_bytes(self, height: int, width: int) -> int:
        """Foresee what the features of an image of this size take, bytes.

        Raises:
            ArgumentError: If a metric can't see images of this size.
        """
        sights = self._sights.values()
        return int(sum(sight.bytes_per_pixel * sight.lead.seen_pixels(height, width) for sight in sights))

    @torch.inference_mode()
    def see(
        self, paths: Sequence[Path], *, in_parts: bool, like: Sequence[Seen] | None = None
    ) -> list[Seen | InnersightError]:
        """Look at files.

        Args:
            paths: The files; those of one size go through the network together.
            in_parts: Only read them, as `compare` is to look a few windows at a time.
            like: The reference of each file, whose size it must have.

        Returns:
            For each file what was seen, or why it can't be.
        """
        found: dict[int, Seen | InnersightError] = {}
        read: dict[tuple[int, int], list[tuple[int, torch.Tensor, dict[str, str]]]] = {}
        for index, path in enumerate(paths):
            try:
                keys = {} if self._cache is None or in_parts else self._keys(path, self._cache, like is None)
                image = self._from_cache(path, keys) or self._read(path, like is None)
                size = image.size if isinstance(image, Seen) else (image.shape[-2], image.shape[-1])
                if like is not None:
                    check_same_size(like[index].size, size, (str(like[index].path), str(path)))
            except InnersightError as error:
                found[index] = error
                continue
            if isinstance(image, Seen):
                found[index] = image
            else:
                read.setdefault(size, []).append((index, image, keys))
        for size, group in read.items():
            indices = [index for index, _, _ in group]
            images = [image for _, image, _ in group]
            if in_parts:
                found.update(
                    (index, Seen(paths[index], size, {}, image, None))
                    for index, image in zip(indices, images, strict=True)
                )
                continue
            try:
                with self._turn:
                    looks = self._look(images)
            except InnersightError as error:
                found.update((index, error) for index in indices)
                continue
            for (index, image, keys), views in zip(group, looks, strict=True):
                seen = Seen(paths[index], size, views, None, self._fingerprint(image))
                self._to_cache(seen, keys)
                found[index] = seen
        return [found[index] for index in range(len(paths))]

    @torch.inference_mode()
    def compare(self, reference: Seen, distorted: Seen) -> RowScore:
        """Score one pair of what was seen, both in parts or neither, of one size."""
        try:
            if reference.fingerprint is not None and reference.fingerprint == distorted.fingerprint:
                distorted = reference
            with self._turn:
                scores, per_layer = self._score(reference, distorted)
            for name, score in scores.items():
                if not math.isfinite(score):
                    raise ImageError(f"The score of {name} is {score}: the network's features are not finite here.")
        except InnersightError as error:
            return RowScore({}, {}, str(error))
        return RowScore(scores, per_layer, None)

    def _score(self, reference: Seen, distorted: Seen) -> tuple[dict[str, float], dict[str, list[float]]]:
        parts: dict[tuple[str, int], tuple[float, list[float]]] = {}
        for key, sight in self._sights.items():
            totals = [0.0] * len(sight.members)
            layers = [[0.0] * len(member.layers) for _, _, member in sight.members]
            windows = 0
            for r, d in self._pairs_of_views(key, reference, distorted):
                windows += r.windows
                for place, (_, _, member) in enumerate(sight.members):
                    totals[place] += member.compare(r, d).item() * r.windows
                    if self._with_layers:
                        values = member.compare_layers(r, d)[0].tolist()
                        layers[place] = [
                            total + value * r.windows for total, value in zip(layers[place], values, strict=True)
                        ]
            for place, (name, index, _) in enumerate(sight.members):
                parts[name, index] = totals[place] / windows, [total / windows for total in layers[place]]
        scores, per_layer = {}, {}
        for name, shares in self._shares.items():
            own = [(share, *parts[name, index]) for index, share in enumerate(shares)]
            scores[name] = sum(share * score for share, score, _ in own)
            if self._with_layers:
                per_layer[name] = [share * value for share, _, values in own for value in values]
        return scores, per_layer

    def _pairs_of_views(self, key: str, reference: Seen, distorted: Seen) -> Iterator[tuple[Views, Views]]:
        if key in reference.views and key in distorted.views:
            yield reference.views[key], distorted.views[key]
            return
        if reference.image is None or distorted.image is None:
            raise ValueError("one side was read to be seen in parts, the other was not")
        sight = self._sights[key]
        parts = (
            sight.lead.look_in_parts(_batch([image], sight.lead), sight.layers)
            for image in (reference.image, distorted.image)
        )
        yield from zip(*parts, strict=True)

    def _look(self, images: Sequence[torch.Tensor]) -> list[dict[str, Views]]:
        looks: list[dict[str, Views]] = [{} for _ in images]
        for key, sight in self._sights.items():
            views = sight.lead.look(_batch(images, sight.lead), sight.layers)
            for index, look in enumerate(looks):
                look[key] = views.one(index) if len(looks) > 1 else views
        return looks

    def _fingerprint(self, image: torch.Tensor) -> bytes | None:
        return hashlib.blake2b(image.numpy().data, digest_size=16).digest() if self._fingerprints else None

    def _read(self, path: Path, is_reference: bool) -> torch.Tensor:
        image = read_image(path)
        if self._perturbation is None:
            return image
        perturb = self._perturbation.of_reference if is_reference else self._perturbation.of_distorted
        return perturb(image).contiguous()

    def _keys(self, path: Path, cache: FeatureCache, is_reference: bool) -> dict[str, str]:
        try:
            content = path.read_bytes()
        except OSError:
            return {}  # to read it as an image will tell why
        done = "" if self._perturbation is None else f"{self._perturbation} of {'r' if is_reference else 'd'}"
        return {key: cache.key(content, sight.lead, sight.layers, done) for key, sight in self._sights.items()}

    def _from_cache(self, path: Path, keys: Mapping[str, str]) -> Seen | None:
        views: dict[str, Views] = {}
        facts: dict[str, str] = {}
        for sight, key in keys.items():
            kept = self._cache.load(key) if self._cache is not None else None
            if kept is None:
                return None
            views[sight], facts = kept[0].to(self._sights[sight].lead.device), kept[1]
        if not views:
            return None
        try:
            size = int(facts["height"]), int(facts["width"])
            return Seen(path, size, views, None, bytes.fromhex(facts["fingerprint"]))
        except (KeyError, ValueError):  # damaged, like any file that the cache can't read
            return None

    def _to_cache(self, seen: Seen, keys: Mapping[str, str]) -> None:
        if self._cache is None or seen.fingerprint is None:
            return
        facts = {
            "height": str(seen.size[0]),
            "width": str(seen.size[1]),
            "fingerprint": seen.fingerprint.hex(),
        }
        for sight, key in keys.items():
            self._cache.save(key, seen.views[sight], facts)


def _batch(images: Sequence[torch.Tensor], metric: PairMetric) -> torch.Tensor:
    stacked = images[0][None] if len(images) == 1 else torch.stack(list(images))
    return stacked.to(device=metric.device, dtype=metric.dtype)
