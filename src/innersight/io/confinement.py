"""The folder that all paths of a list must be in, and the files that a list can name."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from innersight.errors import ArgumentError


@dataclass(frozen=True)
class Root:
    """A folder of this machine, or the URL of one, that all images of a list must be in.

    Symbolic links and `..` of paths are resolved before the comparison. The check and the reading of the file are two
    steps: it does not protect against somebody who changes links in the folder during the run.

    Attributes:
        place: A path, or a URL such as `s3://bucket/photos`. `file://PATH` is the path.

    Raises:
        ArgumentError: If it is a path of no folder, or a URL with `..` or `::`.

    Example:
        >>> Root("s3://bucket/photos").refusal("s3://bucket/photos-of-others/a.png")
        "'s3://bucket/photos-of-others/a.png' is outside the root 's3://bucket/photos'"
    """

    place: str

    def __post_init__(self) -> None:
        place = self.place.removeprefix("file://")
        if "://" in place:
            if _climbs(place):
                raise ArgumentError(f"The root must be a URL without '..' and '::', but got '{place}'. Write it out.")
            object.__setattr__(self, "place", place.rstrip("/"))
            return
        if not place or not Path(place).is_dir():
            raise ArgumentError(f"The root must be an existing folder or a URL, but got '{place}'. Name a folder.")
        object.__setattr__(self, "place", str(Path(place).resolve()))

    def refusal(self, place: str) -> str | None:
        """Return why an image is not in the root, or None if it is.

        Args:
            place: A path, which starts from the current folder if it is relative, or a URL. A URL, also `file://`, is
                outside a folder of this machine.
        """
        outside = f"'{place}' is outside the root '{self.place}'"
        if "://" in self.place:
            return None if place.startswith(f"{self.place}/") and not _climbs(place) else outside
        if "://" in place:
            return outside
        try:
            found = Path(place).resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links, or no valid name
            return f"'{place}' cannot be resolved, so it is not in the root '{self.place}'"
        return None if found.is_relative_to(self.place) else outside


def find_special(paths: Iterable[Path]) -> str | None:
    """Return why the first path that is a pipe, a device or a socket is not read from a list, or None.

    A pipe has one reader and no size. A list that names one could stop the run for as long as its writer wants.

    Args:
        paths: The files. One that does not exist is no problem here: its reading gives the reason.

    Example:
        >>> find_special([Path("/dev/null")])
        "'/dev/null' is a pipe, a device or a socket, not a file. Name regular files in lists."
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return f"'{path}' is a pipe, a device or a socket, not a file. Name regular files in lists."
    return None


def _climbs(url: str) -> bool:
    return "::" in url or ".." in unquote(unquote(url)).replace("\\", "/").split("/")
