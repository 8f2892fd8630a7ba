"""Files in any place that fsspec reads and writes: folders of this machine, s3, gs, hdfs and others."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, first_line
from innersight.extras import needed_for
from innersight.io.confinement import find_special

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_FETCHED_TOGETHER = 16
_LOCK = ".lock"  # readers of a folder of Parquet files pass over it
# A file appears in these stores complete or not at all; elsewhere it is written under another name first.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}


def is_url(place: str) -> bool:
    """Return whether a place has a scheme, such as `s3://bucket/list.csv`.

    Example:
        >>> is_url("s3://bucket/list.csv"), is_url("lists/a.csv"), is_url("C:/a.csv")
        (True, False, False)
    """
    return "://" in place


@dataclass(frozen=True)
class Folder:
    """A folder: a path of this machine, or a URL of fsspec.

    Attributes:
        url: The path or the URL, without a slash at its end.

    Raises:
        ArgumentError: If the scheme is unknown, or its library is not installed.
    """

    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", self.url.rstrip("/") or "/")
        if not is_url(self.url):
            object.__setattr__(self, "url", str(Path(self.url).absolute()))
        self._open()

    def _open(self) -> tuple[Any, str]:
        with needed_for(f"The place '{self.url}'"):
            import fsspec
        try:
            system, path = fsspec.url_to_fs(self.url)  # type: ignore[no-untyped-call]
        except (ValueError, ImportError) as error:
            raise ArgumentError(
                f"'{self.url}' cannot be opened: {first_line(error)} Use a path, or a URL whose scheme fsspec knows."
            ) from error
        return system, str(path)

    def join(self, name: str) -> str:
        """Return the place of a name in the folder. A name with a scheme or from the root stays as it is.

        Example:
            >>> Folder("memory://lists").join("a/b.png"), Folder("memory://lists").join("s3://bucket/b.png")
            ('memory://lists/a/b.png', 's3://bucket/b.png')
        """
        if is_url(name):
            return name
        if name.startswith("/"):
            scheme, mark, _ = self.url.partition("://")
            return f"{scheme}{mark}{name}" if mark and scheme != "file" else name
        return f"{self.url}/{name}"

    def names(self) -> set[str]:
        """Return the names of the files in the folder; none if there is no such folder."""
        system, path = self._open()
        try:
            system.invalidate_cache()
            return {str(found).rsplit("/", 1)[-1] for found in system.ls(path, detail=False)}
        except FileNotFoundError:
            return set()

    def read(self, name: str) -> bytes:
        """Read a file of the folder."""
        system, path = self._open()
        content: bytes = system.cat_file(f"{path}/{name}")
        return content

    def write(self, name: str, source: Path | bytes) -> None:
        """Write a file of the folder, so that it is complete or not there.

        Raises:
            ArgumentError: If it cannot be written.
        """
        system, path = self._open()
        protocols = _protocols(system)
        final = f"{path}/{name}"
        partial = final if protocols & _OBJECT_STORES else f"{path}/.{name}.{uuid.uuid4().hex}"
        try:
            system.makedirs(path, exist_ok=True)
            if isinstance(source, bytes):
                system.pipe_file(partial, source)
            else:
                system.put_file(str(source), partial)
            if partial != final:
                os.replace(partial, final) if "file" in protocols else system.mv(partial, final)  # noqa: PTH105
        except OSError as error:
            raise ArgumentError(
                f"'{self.join(name)}' cannot be written: {first_line(error)} Check the path and its permissions."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run, until the end of the block or of the process.

        Only a folder of this machine is held, and only on systems with `flock`. Object stores have no locks.

        Raises:
            ArgumentError: If another run holds it, or it cannot be written.
        """
        system, path = self._open()
        if fcntl is None or "file" not in _protocols(system):
            yield
            return
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
            file = (Path(path) / _LOCK).open("w")
        except OSError as error:
            raise ArgumentError(
                f"'{self.url}' cannot be written: {first_line(error)} Check the path and its permissions."
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise in_use(self.url) from None
            except OSError:
                pass  # this file system has no such locks
            yield

    def remove(self, names: Iterable[str]) -> None:
        """Delete files of the folder."""
        system, path = self._open()
        for name in names:
            system.rm_file(f"{path}/{name}")


def in_use(url: str) -> ArgumentError:
    """Return the error of an output that another run writes to."""
    return ArgumentError(f"'{url}' is in use: one run at a time. Wait for its end, or name another output.")


def _protocols(system: Any) -> set[str]:
    return {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)


def fetch(places: Iterable[str], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Copy files to a folder of this machine, several at a time. A path of this machine is not copied.

    Args:
        places: Paths or URLs.
        folder: The folder.

    Returns:
        The local file of each place, and the reasons why places could not be read. The local file of such a place does
        not exist.
    """
    files: dict[str, Path] = {}
    for place in dict.fromkeys(places):
        name = f"{len(files)}{Path(place.partition('?')[0]).suffix}"
        files[place] = folder / name if is_url(place) else Path(place)
    remote = [place for place in files if is_url(place)]
    errors: dict[str, str] = {}

    def copy(place: str) -> None:
        import fsspec

        try:
            system, path = fsspec.url_to_fs(place)  # type: ignore[no-untyped-call]
            # The copy of a pipe has no end, and fsspec would wait for its writer.
            special = find_special([Path(path)]) if "file" in _protocols(system) else None
            if special is None:
                system.get_file(path, str(files[place]))
            else:
                errors[place] = special
        except FileNotFoundError:
            errors[place] = f"No such file: '{place}'."
        except MemoryError:  # it says nothing about the file: the run stops, and --resume continues it
            raise
        except Exception as error:  # noqa: BLE001 - each store has errors of its own; the row gets the reason
            errors[place] = f"'{place}' cannot be read: {first_line(error)}"
        if place in errors:
            files[place].unlink(missing_ok=True)

    with ThreadPoolExecutor(_FETCHED_TOGETHER, "innersight-fetch") as pool:
        list(pool.map(copy, remote))
    return files, errors
