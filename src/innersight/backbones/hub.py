"""The file of a backbone's weights: its search on this machine and its download from the Hugging Face hub.

A file is searched in this order: the file that the user names; the weights that an installed package contains; the
folder that the environment variable `INNERSIGHT_WEIGHTS_DIR` names; the local cache of the hub; the hub itself.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from innersight.backbones.entry import BackboneEntry, EmbeddedWeights
from innersight.errors import ArgumentError, WeightsError, first_line

FOLDER_VARIABLE = "INNERSIGHT_WEIGHTS_DIR"

Source = Literal["file", "embedded", "folder", "hub", "module"]

_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
# A repository of timm or OpenCLIP holds one of these files. safetensors comes first, since it cannot contain code.
_HUB_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
_CHUNK = 1 << 22  # bytes that are read at once
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Weights:
    """The origin of the tensors of a network.

    Attributes:
        path: The file, or None for a module of the user.
        source: `file` (named by the user), `embedded` (in an installed package), `folder` (`INNERSIGHT_WEIGHTS_DIR`),
            `hub` (the Hugging Face hub or its local cache) or `module` (a module of the user).
        digest: `sha256:` and a hexadecimal SHA-256. For a file it is the one that `sha256sum` prints. For a module see
            `innersight.backbones.user_module.backbone_of`.
    """

    path: Path | None
    source: Source
    digest: str


@dataclass(frozen=True)
class WeightsFile(Weights):
    """A file of weights on this machine; the attributes are those of `Weights`, and `path` is always a file."""

    path: Path

    @classmethod
    def of(cls, path: Path, source: Source) -> WeightsFile:
        """Make the record of a file; this reads the file once for its digest.

        Args:
            path: The file.
            source: Where the file was found.

        Raises:
            WeightsError: If the file cannot be read.
        """
        digest = hashlib.sha256()  # not hashlib.file_digest, which Python 3.10 lacks
        with _path_errors(path), path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return cls(path, source, f"sha256:{digest.hexdigest()}")


def find_weights(entry: BackboneEntry, file: str | os.PathLike[str] | None = None) -> WeightsFile:
    """Find the weights of a backbone, and download them if they are not on this machine.

    Args:
        entry: The backbone.
        file: A file to use instead of a search. Default: None, which searches.

    Returns:
        The file, its source and its digest.

    Raises:
        ArgumentError: If `file` is not a path.
        WeightsError: If there is no such file, or if the weights are not on this machine and cannot be downloaded.
    """
    if file is None:
        return find_local(entry) or pull_weights(entry)
    if not isinstance(file, (str, os.PathLike)) or not isinstance(os.fspath(file), str):
        raise ArgumentError(
            f"Argument `weights` must be a path (str or pathlib.Path) or None, but got {file!r} of type "
            f"{type(file).__name__}. Pass the path of a .safetensors or .pth file."
        )
    with _path_errors(file, "Argument `weights`: "):
        path = Path(file).expanduser()
        if not path.is_file():
            raise WeightsError(f"No weights file '{path}' was found (argument `weights`). Check the path.")
        return WeightsFile.of(path, "file")


def find_local(entry: BackboneEntry) -> WeightsFile | None:
    """Find the weights of a backbone on this machine, without any network.

    Args:
        entry: The backbone.

    Returns:
        The file, or None if the weights are not on this machine.

    Raises:
        WeightsError: If a file or a folder cannot be read, or if embedded weights are not the expected file.
    """
    if entry.embedded is not None:
        return _find_embedded(entry.embedded)
    folder = weights_folder()
    if folder is not None:
        with _path_errors(folder, f"{FOLDER_VARIABLE}: "):
            path = _in_folder(entry, folder) or _in_hub_cache(entry, folder)
        if path is not None:
            return WeightsFile.of(path, "folder")
    with _path_errors("the cache of the Hugging Face hub"):
        path = _in_hub_cache(entry, None)
    return WeightsFile.of(path, "hub") if path is not None else None


def weights_folder(*, create: bool = False) -> Path | None:
    """Return the folder that `INNERSIGHT_WEIGHTS_DIR` names, or None if the variable is not set.

    Args:
        create: Whether to create the folder if it does not exist. Default: False.

    Raises:
        WeightsError: If the variable does not name a folder, or if the folder cannot be read or created.
    """
    value = os.environ.get(FOLDER_VARIABLE)
    if not value:
        return None
    with _path_errors(value, f"{FOLDER_VARIABLE}: "):
        folder = Path(value).expanduser()
        if create and not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            raise WeightsError(
                f"{FOLDER_VARIABLE} must name a folder, but '{folder}' is none. Create the folder or unset the "
                "variable."
            )
    return folder


def pull_weights(entry: BackboneEntry) -> WeightsFile:
    """Download the weights of a backbone into `INNERSIGHT_WEIGHTS_DIR`, or into the hub's cache if that is not set.

    A file that is there and up to date is not downloaded again.

    Args:
        entry: The backbone.

    Returns:
        The file.

    Raises:
        WeightsError: If the hub cannot be reached or has no weights of the backbone, or if the file cannot be written.
    """
    if entry.embedded is not None:
        return _find_embedded(entry.embedded)
    if entry.hub_id is None:
        raise WeightsError(
            f"There is no repository on the Hugging Face hub for {entry.timm_name}. Pass its weights as a file "
            "(--weights FILE; weights=... in Python)."
        )
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    folder = weights_folder(create=True)
    for name in _HUB_FILES:
        try:
            get_hf_file_metadata(hf_hub_url(entry.hub_id, name))  # fails at once, where a download tries again
            path = hf_hub_download(entry.hub_id, name, cache_dir=folder)
        except RepositoryNotFoundError as error:
            raise WeightsError(
                f"The hub has no repository {entry.hub_id} for {entry.alias}, or it is private or gated. Log in with "
                "`hf auth login`, or pass the weights as a file (--weights FILE; weights=... in Python)."
            ) from error
        except EntryNotFoundError:
            continue
        except Exception as error:
            # The client of the hub also raises the errors of its HTTP library, which differs between its versions.
            raise _not_downloaded(entry, folder, error) from error
        return WeightsFile.of(Path(path), "folder" if folder else "hub")
    raise WeightsError(
        f"The hub's {entry.hub_id} holds none of ({', '.join(_HUB_FILES)}). Pass the weights of {entry.alias} as a "
        "file (--weights FILE; weights=... in Python)."
    )


def _not_downloaded(entry: BackboneEntry, folder: Path | None, error: Exception) -> WeightsError:
    reason = f"{type(error).__name__}: {first_line(error)}"
    # The client of the hub raises errors of the local disk too. Unlike errors of the network, they name a file.
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
        place = f"the folder '{folder}' ({FOLDER_VARIABLE})" if folder else "the cache of the Hugging Face hub"
        return WeightsError(
            f"The weights of {entry.alias} cannot be written to {place} ({reason}). Check the permissions and the free "
            f"space, or set {FOLDER_VARIABLE} to another folder."
        )
    return WeightsError(
        f"The weights of {entry.alias} (hub id {entry.hub_id}) are not on this machine, and the Hugging Face hub "
        f"cannot be reached ({reason}). Either run `innersight weights pull {entry.alias}` on a machine with a network "
        f"and with {FOLDER_VARIABLE} set to a folder, and copy that folder to this machine. Or pass a file with "
        "--weights FILE (weights=... in Python)."
    )


def _find_embedded(embedded: EmbeddedWeights) -> WeightsFile:
    try:
        path = Path(pkgutil.resolve_name(embedded.locate)())
    except Exception as error:
        # The package can be absent, of another version or defective. All of it needs the same step.
        raise WeightsError(
            f"The package {embedded.requirement} does not give its weights ({type(error).__name__}: "
            f"{first_line(error)}). Install it again."
        ) from error
    found = WeightsFile.of(path, "embedded")
    if found.digest != embedded.digest:
        raise WeightsError(
            f"The embedded weights '{path}' are not the expected file: the digest must be {embedded.digest}, but is "
            f"{found.digest}. Reinstall {embedded.requirement}."
        )
    return found


def _in_folder(entry: BackboneEntry, folder: Path) -> Path | None:
    names = [entry.alias]
    if entry.weights_of_timm_name:
        names.append(entry.timm_name)
    if entry.hub_id is not None:
        names.append(entry.hub_id)  # the layout of a whole repository that was downloaded
    for name in names:
        candidates = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
        candidates += [folder / name / file for file in _HUB_FILES]
        for path in candidates:
            if path.is_file():
                return path
    return None


def _in_hub_cache(entry: BackboneEntry, folder: Path | None) -> Path | None:
    if entry.hub_id is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    for name in _HUB_FILES:
        path = try_to_load_from_cache(entry.hub_id, name, cache_dir=folder)
        if isinstance(path, str):
            return Path(path)
    return None


@contextmanager
def _path_errors(path: object, prefix: str = "") -> Iterator[None]:
    """Turn the errors of a path into a WeightsError.

    Such errors are `~nobody` (RuntimeError), a NUL character (ValueError) and a name that is too long, a folder that
    cannot be created or a missing permission (OSError).

    Args:
        path: The path, for the message.
        prefix: What names the path: the argument or the variable.
    """
    try:
        yield
    except WeightsError:  # a RuntimeError too
        raise
    except (OSError, RuntimeError, ValueError) as error:
        shown = repr(path) if isinstance(path, str) else f"'{path}'"
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise WeightsError(f"{prefix}{shown} cannot be used: {reason}. Check the path and its permissions.") from error
