"""Finding a data set's files on the disk, whatever the case of their names and wherever an archive unpacked them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from innersight.datasets.dataset import RatedPair
from innersight.errors import ArgumentError

_NAMED = 8


@dataclass(frozen=True)
class Images:
    """Files indexed once.

    Attributes:
        files: Lower-case name -> path relative to the root, with `/`; also lower-case `folder/name`, for sets that use
            a name in several folders.
    """

    files: Mapping[str, str]

    def find(self, name: str) -> str | None:
        """Return the path of a file by its listed name, or None.

        Args:
            name: In any case. A .png stands in for a .bmp that isn't there: lossless copies are common.

        Example:
            >>> Images({"i01.png": "images/I01.PNG"}).find("i01.BMP")
            'images/I01.PNG'
        """
        name = name.lower()
        found = self.files.get(name)
        if found is None and name.endswith(".bmp"):
            found = self.files.get(f"{name[:-4]}.png")
        return found


def index_images(root: Path, folders: Sequence[str]) -> Images:
    """Index all files of some folders, those of the folders in them included.

    Args:
        root: The data set's folder.
        folders: Lower-case patterns of the names of folders in it; all that match are taken.

    Returns:
        The index. Of files of one name the first in the order of their paths counts.
    """
    files: dict[str, str] = {}
    for top in subfolders(root):
        if not _matches(top.name, folders):
            continue
        for folder, inner, names in os.walk(top):
            inner.sort()
            path = Path(folder).relative_to(root).as_posix()
            for name in sorted(names):
                files.setdefault(name.lower(), f"{path}/{name}")
                files.setdefault(f"{top.name}/{name}".lower(), f"{path}/{name}")
    return Images(files)


def find_layout(title: str, root: Path, folders: Sequence[Sequence[str]], opinions: str) -> Path:
    """Find the folder that holds a data set: the root, or one folder in it.

    Args:
        title: The data set as its authors write it.
        root: What the user named.
        folders: For each folder the set needs, the lower-case patterns of the names it may have.
        opinions: The file of opinions, only to be named in the error.

    Returns:
        The folder.

    Raises:
        ArgumentError: If it isn't there; it says what was expected and what was found.
    """
    expected = f"the folders ({', '.join(' or '.join(names) for names in folders)}) and the file '{opinions}'"
    if not root.is_dir():
        state = "it is a file" if root.exists() else "there is no such folder"
        raise ArgumentError(f"The root of {title} must be a folder with {expected}, but got '{root}': {state}.")
    holding = [folder for folder in (root, *subfolders(root)) if _holds(folder, folders)]
    if not holding:
        names = sorted(entry.name for entry in root.iterdir())
        more = f", ... {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise ArgumentError(
            f"'{root}' doesn't hold {title}: expected {expected} in it or in one folder below, "
            f"but found ({', '.join(names[:_NAMED])}{more}). Pass the folder that holds them as the root."
        )
    if len(holding) > 1 and holding[0] != root:
        raise ArgumentError(
            f"'{root}' holds {title} more than once: in {', '.join(folder.name for folder in holding)}. "
            "Pass one of these folders as the root."
        )
    return holding[0]


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file in a folder by its name in any case."""
    try:
        found = sorted(path for path in folder.iterdir() if path.name.lower() == name.lower() and path.is_file())
    except PermissionError:
        return None
    return found[0] if found else None


def require_opinions(title: str, folder: Path, name: str) -> Path:
    """Find the file of opinions.

    Raises:
        ArgumentError: If it isn't there.
    """
    found = find_file(folder, name)
    if found is None:
        raise ArgumentError(
            f"'{folder}' has the images of {title}, but not '{name}', which holds what people said of them. "
            "It is in the set's archive: put it there."
        )
    return found


def place_pairs(
    title: str, root: Path, listed: Iterable[RatedPair], references: Images, distorted: Images
) -> tuple[RatedPair, ...]:
    """Keep the pairs whose images are there.

    Args:
        title: The data set as its authors write it.
        root: Its folder.
        listed: The pairs, with the names as they are listed.
        references: The references that are there.
        distorted: The distorted images that are there.

    Returns:
        Those with both images, with their paths on the disk, in the same order.

    Raises:
        ArgumentError: If there are none.
    """
    first: RatedPair | None = None
    pairs = []
    for pair in listed:
        first = first or pair
        reference, image = references.find(pair.reference), distorted.find(pair.distorted)
        if reference is not None and image is not None:
            pairs.append(replace(pair, reference=reference, distorted=image))
    if first is None:
        raise ArgumentError(f"The file of opinions of {title} in '{root}' lists no images. Take the archive's own.")
    if not pairs:
        raise ArgumentError(
            f"'{root}' has the folders of {title}, but no listed pair's two images; "
            f"expected e.g. '{first.reference}' and '{first.distorted}'. Unpack the set's images there."
        )
    return tuple(pairs)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it may not be read, as `lost+found`."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError:
        return []


def _holds(folder: Path, wanted: Sequence[Sequence[str]]) -> bool:
    there = [path.name for path in subfolders(folder)]
    return all(any(_matches(name, patterns) for name in there) for patterns in wanted)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)
