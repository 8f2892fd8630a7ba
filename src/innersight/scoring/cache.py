"""Features on disk, for runs that see the same images again: bounded, whole or absent, never of another make."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import PIL
import safetensors
from safetensors.torch import save_file

from innersight import __version__
from innersight.backbones.features import Features
from innersight.errors import ArgumentError, first_line
from innersight.metric.contract import PairMetric
from innersight.metric.views import Views

_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")
_PARTIAL = re.compile(r"[0-9a-f]{64}\.\d+-\d+\.partial")
_LEFT_BEHIND = 3600.0  # seconds after which a partial file has no writer any more
_KEPT_SHARE = 0.9  # of the limit, once it was passed: not every further file needs a clearing


class FeatureCache:
    """A folder of features, each named by a digest of the image file, the metric's `sight`, the layers and the runtime.

    Several processes may use one folder. A file appears whole or not at all; one that can't be read is computed again.
    Where the limit is passed, those not used for longest go first.

    Args:
        folder: Made if it is not there; nothing in it but this cache's own files is ever touched.
        limit: What the files may take, bytes.

    Raises:
        ArgumentError: If the folder can't be made or written to.
    """

    def __init__(self, folder: str | Path, limit: int) -> None:
        self.folder = Path(folder)
        self.limit = limit
        self._lock = threading.Lock()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for used, _, partial in self._files(_PARTIAL):
                if time.time() - used > _LEFT_BEHIND:
                    partial.unlink(missing_ok=True)
            self._size = sum(size for _, size, _ in self._files(_NAME))
            if self._size > self.limit:
                self._clear_some()
        except OSError as error:
            raise ArgumentError(f"The cache can't use the folder '{folder}': {first_line(error)}") from error

    def key(self, content: bytes, metric: PairMetric, layers: tuple[int, ...], done: str = "") -> str:
        """Name what a metric's `look` at these layers sees of a file of this content, after what was done to it."""
        made = [__version__, PIL.__version__, metric.sight, metric.runtime.name, metric.device.type, list(layers), done]
        return hashlib.sha256(hashlib.sha256(content).digest() + json.dumps(made).encode()).hexdigest()

    def load(self, key: str) -> tuple[Views, dict[str, str]] | None:
        """Return what was saved by that name, or None."""
        path = self._path(key)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                said = file.metadata()
                layers = tuple(file.get_tensor(str(index)) for index in range(len(file.keys())))
            facts = json.loads(said["views"])
            grid = tuple(facts["grid"]) if facts["grid"] else None
            features = Features(facts["kind"], layers, grid)
            views = Views(features, tuple(facts["layers"]), 1, tuple(facts["size"]), facts["sight"])
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError):
            return None  # not there, or damaged: what is computed in its place replaces it
        with suppress(OSError):  # another user's file can be read but not be marked as used
            os.utime(path)
        return views, said

    def save(self, key: str, views: Views, facts: dict[str, str]) -> None:
        """Keep what was seen of one image, with facts of one's own; what is larger than the limit is not kept.

        Raises:
            ArgumentError: If the folder can't be written to, or its disk is full.
        """
        path = self._path(key)
        if views.nbytes > self.limit * _KEPT_SHARE:
            return
        tensors = {str(index): layer.contiguous().cpu() for index, layer in enumerate(views.features.layers)}
        said = {
            "kind": views.features.kind,
            "grid": views.features.grid,
            "layers": views.layers,
            "size": views.size,
            "sight": views.sight,
        }
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
        try:
            save_file(tensors, partial, {**facts, "views": json.dumps(said)})
            size = partial.stat().st_size
            partial.replace(path)
        except (OSError, safetensors.SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise ArgumentError(f"The cache '{self.folder}' can't be written to: {first_line(error)}") from error
        with self._lock:
            self._size += size
            if self._size > self.limit:
                self._clear_some()

    def _clear_some(self) -> None:
        files = sorted(self._files(_NAME))
        self._size = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._size <= self.limit * _KEPT_SHARE:
                return
            path.unlink(missing_ok=True)
            self._size -= size

    def _files(self, name: re.Pattern[str]) -> list[tuple[float, int, Path]]:
        """Return (last use, bytes, path) of each file of such a name."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if name.fullmatch(entry.name):
                    try:
                        stat = entry.stat()
                    except FileNotFoundError:  # another process cleared it
                        continue
                    found.append((stat.st_mtime, stat.st_size, Path(entry.path)))
        return found

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"
