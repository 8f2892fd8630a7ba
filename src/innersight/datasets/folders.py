"""Search for the files of a data set on disk, independent of the case of their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from innersight.datasets.dataset import RatedPair
from innersight.errors import ArgumentError

_MAX_LISTED = 8  # names of files that an error lists


@dataclass(frozen=True)
class Images:
    """An index of image files by name.

    Attributes:
        files: Paths relative to the root, with `/` as separator. The keys are the names in lower case, and also
            `folder/name` in lower case for data sets that use one name in several folders.
    """

    files: Mapping[str, str]

    def find(self, name: str) -> str | None:
        """Return the path of a file.

        Args:
            name: Name of the file as the data set lists it, in any case. If it ends with .bmp and there is no such
                file, the .png file of the same name is used, because lossless copies are common.

        Returns:
            The path relative to the root, or None if there is no such file.

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
    """Index all files in some folders and their subfolders.

    Args:
        root: The folder of the data set.
        folders: Patterns of the names of folders in the root, in lower case, such as `distortion*`. All folders that
            match are indexed.

    Returns:
        The index. If several files have the same name, it holds the first one in the order of the paths.
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
    """Find the folder that contains a data set: the root, or one of its subfolders.

    Args:
        title: Name of the data set, for errors.
        root: The folder that the user passed.
        folders: For each folder that the data set needs, the patterns of its possible names, in lower case.
        opinions: Name of the opinion file, for errors.

    Returns:
        The folder.

    Raises:
        ArgumentError: If the folder is not found, or if several subfolders contain the data set.
    """
    expected = f"the folders ({', '.join(' or '.join(names) for names in folders)}) and the file '{opinions}'"
    if not root.is_dir():
        state = "it is a file" if root.exists() else "there is no such folder"
        raise ArgumentError(f"Argument `root` of {title} must be a folder with {expected}, but got '{root}': {state}.")
    matching = [folder for folder in (root, *subfolders(root)) if _contains(folder, folders)]
    if not matching:
        names = sorted(entry.name for entry in root.iterdir())
        more = f", and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        raise ArgumentError(
            f"'{root}' does not contain {title}: expected {expected} in it or in one of its subfolders, "
            f"but found ({', '.join(names[:_MAX_LISTED])}{more}). Pass the folder that contains them as `root`."
        )
    if len(matching) > 1 and matching[0] != root:
        raise ArgumentError(
            f"'{root}' contains {title} more than once: in {', '.join(folder.name for folder in matching)}. "
            "Pass one of these folders as `root`."
        )
    return matching[0]


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file in a folder, independent of the case of its name.

    Returns:
        The path, or None if there is no such file or the folder cannot be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.name.lower() == name.lower() and path.is_file())
    except PermissionError:
        return None
    return found[0] if found else None


def require_opinions(title: str, folder: Path, name: str) -> Path:
    """Find the opinion file of a data set.

    Args:
        title: Name of the data set, for errors.
        folder: The folder of the data set.
        name: Name of the opinion file, in any case.

    Returns:
        The path.

    Raises:
        ArgumentError: If there is no such file.
    """
    found = find_file(folder, name)
    if found is None:
        raise ArgumentError(
            f"'{folder}' contains the images of {title}, but not their opinions, '{name}'. "
            "Copy this file there from the archive of the data set."
        )
    return found


def match_images(
    title: str, root: Path, rated: Iterable[RatedPair], references: Images, distorted: Images
) -> tuple[RatedPair, ...]:
    """Select the pairs whose images are on disk.

    Args:
        title: Name of the data set, for errors.
        root: The folder of the data set.
        rated: The pairs, with the names of the opinion file.
        references: Index of the reference images.
        distorted: Index of the distorted images.

    Returns:
        The pairs with both images, with their paths on disk, in the same order.

    Raises:
        ArgumentError: If no pair has both images.
    """
    first: RatedPair | None = None
    pairs = []
    for pair in rated:
        first = first or pair
        reference, image = references.find(pair.reference), distorted.find(pair.distorted)
        if reference is not None and image is not None:
            pairs.append(replace(pair, reference=reference, distorted=image))
    if first is None:
        raise ArgumentError(f"The opinion file of {title} in '{root}' lists no images. Use the original file.")
    if not pairs:
        raise ArgumentError(
            f"No pair of {title} has both images in '{root}': expected files such as '{first.reference}' and "
            f"'{first.distorted}'. Unpack the images of the data set there."
        )
    return tuple(pairs)


def subfolders(folder: Path) -> list[Path]:
    """Return the sorted subfolders of a folder. A folder without read permission, such as `lost+found`, has none."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError:
        return []


def _contains(folder: Path, wanted: Sequence[Sequence[str]]) -> bool:
    there = [path.name for path in subfolders(folder)]
    return all(any(_matches(name, patterns) for name in there) for patterns in wanted)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)
