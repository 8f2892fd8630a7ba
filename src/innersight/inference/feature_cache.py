"""Features on disk, for runs that see the same images again: bounded, whole or absent, never of another make."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from safetensors.torch import save_file

from innersight._version import __version__
from innersight.backbones.features import Features
from innersight.errors import ArgumentError, first_line
from innersight.metrics.contract import PairMetric
from innersight.metrics.views import Views

_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")
_PARTIAL = re.compile(r"[0-9a-f]{64}\.\d+-\d+\.partial")
_LEFT_BEHIND = 3600.0  # seconds after which a partial file has no writer any more
_KEPT_SHARE = 0.9  # of the limit, once it was passed: not every further file needs a clearing
_DECIDING = ("torch", "timm", "Pillow", "imagecodecs", "tifffile")  # they run the networks and decode the images


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Return (distribution, version) of all that decides the features of an image."""
    found = [("innersight", __version__)]
    for name in _DECIDING:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # another distribution has the same module, as pillow-simd does
            found.append((name, "unknown"))
    return tuple(found)


class FeatureCache:
    """A folder of features, each named by a digest of the image file, the metric's `sight`, the layers and the runtime.

    Several processes may use one folder. A file appears whole or not at all. It holds a checksum of all that is in it
    and of its key; one that can't be read or doesn't match its checksum is computed again. Where the files of all the
    processes together pass the limit, those not used for longest go first.

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
            self._hold_limit()
        except OSError as error:
            raise ArgumentError(f"The cache can't use the folder '{folder}': {first_line(error)}") from error

    def key(self, content: bytes, metric: PairMetric, layers: tuple[int, ...], done: str = "") -> str:
        """Name what a metric's `look` at these layers sees of a file of this content, after what was done to it."""
        made = [versions(), metric.sight, metric.runtime.name, metric.device.type, list(layers), done]
        return hashlib.sha256(hashlib.sha256(content).digest() + json.dumps(made).encode()).hexdigest()

    def load(self, key: str) -> tuple[Views, dict[str, str]] | None:
        """Return what was saved by that name, or None where nothing was, or where the file is damaged."""
        path = self._path(key)
        try:
            content = self._content(path)
            tensors = safetensors.torch.load(content)
            head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            said: dict[str, str] = head["__metadata__"]
            if said.pop("checksum") != _checksum(key, tensors, said):
                return None
            layers = tuple(tensors[str(index)] for index in range(len(tensors)))
            facts = json.loads(said["views"])
            grid = tuple(facts["grid"]) if facts["grid"] else None
            features = Features(facts["kind"], layers, grid)
            views = Views(features, tuple(facts["layers"]), 1, tuple(facts["size"]), facts["sight"])
        except Exception:  # noqa: BLE001 - damage raises anything; what is computed in its place replaces it
            return None
        with suppress(OSError):  # another user's file can be read but not be marked as used
            os.utime(path)
        return views, said

    def save(self, key: str, views: Views, facts: dict[str, str]) -> None:
        """Keep what was seen of one image, with facts of one's own.

        What is larger than the limit is not kept, and nothing is where a folder has the file's name.

        Raises:
            ArgumentError: If the folder can't be written to, or its disk is full.
        """
        path = self._path(key)
        if views.nbytes > self.limit * _KEPT_SHARE:
            return
        tensors = {str(index): layer.detach().contiguous().cpu() for index, layer in enumerate(views.features.layers)}
        seen = {
            "kind": views.features.kind,
            "grid": views.features.grid,
            "layers": views.layers,
            "size": views.size,
            "sight": views.sight,
        }
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
        said = {name: fact for name, fact in facts.items() if name != "checksum"} | {"views": json.dumps(seen)}
        try:
            if path.is_dir():
                return
            save_file(tensors, partial, {**said, "checksum": _checksum(key, tensors, said)})
            partial.replace(path)
        except (OSError, safetensors.SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise ArgumentError(f"The cache '{self.folder}' can't be written to: {first_line(error)}") from error
        with self._lock:
            self._hold_limit()

    def _content(self, path: Path) -> bytes:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > self.limit:
                raise OSError(f"'{path}' is not a file of this cache")
            return file.read(status.st_size)

    def _hold_limit(self) -> None:
        files = self._files(_NAME)  # counted each time: other processes add files too
        total = sum(size for _, size, _ in files)
        if total <= self.limit:
            return
        for _, size, path in sorted(files):
            if total <= self.limit * _KEPT_SHARE:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _files(self, name: re.Pattern[str]) -> list[tuple[float, int, Path]]:
        """Return (last use, bytes, path) of each regular file of such a name."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if name.fullmatch(entry.name):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # another process cleared it
                        continue
                    if stat.S_ISREG(status.st_mode):
                        found.append((status.st_mtime, status.st_size, Path(entry.path)))
        return found

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def _checksum(key: str, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> str:
    named = sorted(tensors.items())
    shapes = [(name, str(tensor.dtype), list(tensor.shape)) for name, tensor in named]
    digest = hashlib.sha256(json.dumps([key, shapes, sorted(facts.items())]).encode())
    for _, tensor in named:
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO that nobody writes to is opened at once too."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
