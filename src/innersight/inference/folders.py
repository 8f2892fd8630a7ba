"""Pairing of the images of two folders by their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from innersight.errors import ArgumentError
from innersight.inference.pair_lists import PairList, list_rows
from innersight.io.images import ALL_FORMATS
from innersight.io.suffixes import OTHER_SUFFIXES, READ_SUFFIXES

_NAMED = 5  # files that an error names


@dataclass(frozen=True)
class FolderMatch:
    """The images of two folders, paired by name.

    Attributes:
        pairs: By name, the relative path without suffix: the reference and the distorted image.
        only_reference: The images of the folder of references without a partner, by name.
        only_distorted: The images of the other folder without a partner, by name.
    """

    pairs: Mapping[str, tuple[Path, Path]]
    only_reference: Mapping[str, Path]
    only_distorted: Mapping[str, Path]


def match_folders(reference_folder: str | Path, distorted_folder: str | Path) -> FolderMatch:
    """Pair the images of two folders, and of the folders in them, by their relative path without the suffix.

    Names are compared in Unicode normalisation form C, so that a name that macOS has decomposed pairs with the same
    name on another system. Names that differ in case only are paired if exactly one image of each folder has them.
    Files that are no images are ignored, and so are hidden files: their name, or that of a folder, starts with a dot.

    Args:
        reference_folder: The folder of the references.
        distorted_folder: The folder of the distorted images.

    Returns:
        The pairs, sorted by name, and the images without a partner.

    Raises:
        ArgumentError: If a folder is missing or holds no image, two images of one folder have the same name without
            suffix, or the format of an image is not supported.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> for name in ("old/a.png", "old/b.png", "new/a.JPG"):
        ...     (folder / name).parent.mkdir(exist_ok=True)
        ...     (folder / name).touch()
        >>> found = match_folders(folder / "old", folder / "new")
        >>> list(found.pairs), list(found.only_reference)
        (['a'], ['b'])
    """
    folders = Path(reference_folder), Path(distorted_folder)
    found = [_images_by_name(folder) for folder in folders]
    problems = []
    for folder in folders:
        other_formats = [str(path.relative_to(folder)) for path in _files(folder, OTHER_SUFFIXES)]
        if other_formats:
            problems.append(f"not in a supported format ({ALL_FORMATS}) in '{folder}': {_some(other_formats)}")
    for folder, names in zip(folders, found, strict=True):
        doubled = [", ".join(str(path.relative_to(folder)) for path in paths) for paths in names.values() if paths[1:]]
        if doubled:
            problems.append(f"ambiguous in '{folder}': {_some(doubled)}")
    if problems:
        raise _not_paired(problems)
    first, second = ({name: paths[0] for name, paths in names.items()} for names in found)
    pairs = {name: (first.pop(name), second.pop(name)) for name in sorted(first.keys() & second.keys())}
    for name in list(first):
        like = [other for other in second if other.casefold() == name.casefold()]
        if len(like) == 1 and sum(other.casefold() == name.casefold() for other in first) == 1:
            pairs[name] = first.pop(name), second.pop(like[0])
    return FolderMatch(dict(sorted(pairs.items())), first, second)


def pair_folders(reference_folder: str | Path, distorted_folder: str | Path) -> PairList:
    """Pair the images of two folders as `match_folders`, and refuse an image without a partner.

    Args:
        reference_folder: The folder of the references.
        distorted_folder: The folder of the distorted images.

    Returns:
        A list sorted by name, with the columns `reference` and `distorted`.

    Raises:
        ArgumentError: As `match_folders`, or if an image has no partner in the other folder. No partner is guessed, and
            no image is left out.
    """
    found = match_folders(reference_folder, distorted_folder)
    problems = [
        f"in '{folder}' but not in '{other}': {_some([str(path.relative_to(folder)) for path in alone.values()])}"
        for folder, other, alone in (
            (reference_folder, distorted_folder, found.only_reference),
            (distorted_folder, reference_folder, found.only_distorted),
        )
        if alone
    ]
    if problems:
        raise _not_paired(problems)
    return list_rows({"reference": str(first), "distorted": str(second)} for first, second in found.pairs.values())


def _not_paired(problems: Sequence[str]) -> ArgumentError:
    return ArgumentError(f"The folders cannot be paired by name: {'; '.join(problems)}. Pass a list of pairs instead.")


def _images_by_name(folder: Path) -> dict[str, list[Path]]:
    try:
        exists = folder.is_dir()
    except OSError as error:  # a name that is too long, a folder of another user
        raise ArgumentError(f"The folder '{folder}' cannot be read: {error.strerror}.") from None
    if not exists:
        raise ArgumentError(f"No such folder: '{folder}'.")
    names: dict[str, list[Path]] = {}
    for path in _files(folder, READ_SUFFIXES):
        name = path.relative_to(folder).with_suffix("").as_posix()
        names.setdefault(unicodedata.normalize("NFC", name), []).append(path)
    if not names:
        raise ArgumentError(f"The folder '{folder}' holds no image ({ALL_FORMATS}).")
    return names


def _files(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in suffixes and not hidden and path.is_file():
            yield path


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
