"""Checks of the files that a report writes, before the work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from innersight.errors import ArgumentError


def check_destination(path: Path, inputs: Sequence[Path], what: str, suffixes: Sequence[str]) -> None:
    """Check that a file can be written, before its content is computed.

    Args:
        path: Path of the file.
        inputs: Files that it must not replace.
        what: What the file holds, a noun for the errors, such as `map`.
        suffixes: The suffixes that its name may have, in lower case.

    Raises:
        ArgumentError: If the suffix is another one, the path is a folder or an input, its folder does not exist, or the
            user may not write it.

    Example:
        >>> check_destination(Path("map.jpg"), [], "map", [".png"])
        Traceback (most recent call last):
        innersight.errors.ArgumentError: The name of a map must end in .png, but got 'map.jpg'. Use another name.
    """
    if path.suffix.lower() not in suffixes:
        allowed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise ArgumentError(f"The name of a {what} must end in {allowed}, but got '{path}'. Use another name.")
    if not path.parent.is_dir():
        raise ArgumentError(f"The folder '{path.parent}' of the {what} does not exist. Create it first.")
    if path.is_dir():
        raise ArgumentError(f"The {what} cannot be written to '{path}', which is a folder. Use the name of a file.")
    if any(path.exists() and path.samefile(other) for other in inputs if other.exists()):
        raise ArgumentError(f"The {what} would replace the input '{path}'. Use another name.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentError(f"This user may not write the {what} to '{path}' (permission denied). Use another folder.")
