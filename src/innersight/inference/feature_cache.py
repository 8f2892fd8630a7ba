"""Size-limited, atomic on-disk cache of features, keyed by content and configuration."""

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
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
from safetensors.numpy import save_file

from innersight.errors import ArgumentError, first_line

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]

_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")
_PARTIAL = re.compile(r"[0-9a-f]{64}\.\d+-\d+\.partial")
_LEFT_BEHIND = 3600.0  # seconds after which no process writes to a partial file any more
_KEPT_SHARE = 0.9  # of the limit: after the limit is exceeded, files are removed down to this share


class FeatureCache:
    """A folder of features. Each file is named by a digest of the image file, the extraction and the software.

    Several processes may use one folder. A file is complete or absent. It holds a checksum of its content and its key;
    a file that cannot be read or does not match its checksum is ignored, and its features are computed again. If the
    files of all processes together exceed the limit, the least recently used files are removed.

    Args:
        folder: The folder. It is created if absent. Only files of the cache in it are read, written or removed.
        limit: Largest total size of the files, bytes.

    Raises:
        ArgumentError: If the folder cannot be created or written to.
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
            raise ArgumentError(f"The cache cannot use the folder '{folder}': {first_line(error)}") from error

    def key(self, content: bytes, extraction: str, software: Mapping[str, str]) -> str:
        """Return the key of the features of a file.

        Args:
            content: The bytes of the file.
            extraction: What decides the features beside the file and the versions of the software.
            software: The version of each distribution that decides the features, see `innersight.provenance.versions`.

        Returns:
            A SHA-256, hexadecimal.
        """
        made = [dict(software), extraction]
        return hashlib.sha256(hashlib.sha256(content).digest() + json.dumps(made).encode()).hexdigest()

    def load(self, key: str) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]] | None:
        """Return the arrays and facts that were saved under a key; None if there are none, or the file is damaged."""
        path = self._path(key)
        try:
            content = self._content(path)
            arrays = safetensors.numpy.load(content)
            head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            said: dict[str, str] = head["__metadata__"]
            if said.pop("checksum") != _checksum(key, arrays, said):
                return None
            # safetensors sorts arrays; their order is part of the features.
            ordered = {name: arrays[name] for name in json.loads(said.pop("order"))}
        except Exception:  # noqa: BLE001 - a damaged file raises any error; the features are then computed again
            return None
        with suppress(OSError):  # another user's file can be readable but not writable
            os.utime(path)
        return ordered, said

    def save(self, key: str, arrays: Arrays, facts: Mapping[str, str]) -> None:
        """Save the features of one image.

        Features larger than the limit are not saved. Nothing is saved where a folder has the file's name, or if
        another process clears the partial file.

        Args:
            key: Their key.
            arrays: The features.
            facts: Further texts by name, which `load` returns; not `checksum` and `order`.

        Raises:
            ArgumentError: If the folder cannot be written to, or its disk is full.
        """
        path = self._path(key)
        if sum(array.nbytes for array in arrays.values()) > self.limit * _KEPT_SHARE:
            return
        tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
        said = {**facts, "order": json.dumps(list(tensors))}
        try:
            if path.is_dir():
                return
            save_file(tensors, partial, {**said, "checksum": _checksum(key, tensors, said)})
            try:
                partial.replace(path)
            except FileNotFoundError:  # the clock jumped, and another process took the file for one left behind
                return
        except (OSError, safetensors.SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise ArgumentError(f"The cache '{self.folder}' cannot be written to: {first_line(error)}") from error
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
            try:
                path.unlink(missing_ok=True)
            except PermissionError:  # on Windows, while another process reads the file
                continue
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


def _checksum(key: str, arrays: Arrays, facts: Mapping[str, str]) -> str:
    named = sorted(arrays.items())
    shapes = [(name, str(array.dtype), list(array.shape)) for name, array in named]
    digest = hashlib.sha256(json.dumps([key, shapes, sorted(facts.items())]).encode())
    for _, array in named:
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO that nobody writes to is opened at once too."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
