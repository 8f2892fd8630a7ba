"""The loading of a file of weights into a timm model."""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from innersight.backbones.entry import EmbeddedWeights
from innersight.backbones.hub import WeightsFile
from innersight.errors import WeightsError, first_line

StateDict = dict[str, torch.Tensor]

# Training heads, which the checkpoints of DINO and DINOv2 hold beside the backbone.
_DINO_HEADS = ("head.", "dino_head.", "ibot_head.")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LISTED_KEYS = 12


def load_weights(model: torch.nn.Module, file: WeightsFile, embedded: EmbeddedWeights | None = None) -> None:
    """Load a file into a timm model. Every tensor of the model is replaced.

    The file can have these layouts beside the one of timm: whole checkpoints of OpenAI's CLIP and of OpenCLIP
    (`visual.`), checkpoints of DINO and DINOv2 (`teacher`, `backbone.`), the containers `state_dict` and `model`, and
    the prefixes `module.` and `_orig_mod.`. Position embeddings of another grid are interpolated as timm does.

    Args:
        model: The model. It is changed in place, and only if the file is valid.
        file: The file.
        embedded: The embedded weights of the backbone, or None. They tell how that file is laid out.

    Raises:
        WeightsError: If the file cannot be read safely or has changed since its digest was computed; if its tensors
            are not those of the model (the message lists missing and unexpected keys and wrong shapes); or if a tensor
            is not an ordinary floating-point tensor of finite numbers.
    """
    state = _unwrap(_read(file))
    _refuse(file, "tensors that cannot be weights", [f"{key} ({why})" for key, why in _unusable(state)])
    state = _to_timm_layout(state, model, file, embedded)
    expected = model.state_dict()
    _compare(state, expected, model, file)
    floats = {key for key, tensor in expected.items() if tensor.is_floating_point()}
    _refuse(
        file,
        "numbers of another type than float16, bfloat16, float32 and float64",
        [f"{key} ({_name(tensor.dtype)})" for key, tensor in state.items() if key in floats and not _is_float(tensor)],
    )
    # A finite float64 can be infinite in the model's float32: the converted number counts.
    converted = {key: tensor.to(expected[key].dtype) for key, tensor in state.items()}
    _refuse(file, "numbers that are not finite", [key for key in converted if not converted[key].isfinite().all()])
    model.load_state_dict(converted)


def why_unusable(tensor: torch.Tensor) -> str | None:
    """Return why a tensor cannot be a weight, such as `sparse_coo`, or None if it can.

    Args:
        tensor: Any tensor.

    Example:
        >>> why_unusable(torch.ones(2, 2).to_sparse()), why_unusable(torch.ones(2, device="meta"))
        ('sparse_coo', 'meta')
        >>> why_unusable(torch.ones(2, 2)) is None
        True
    """
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return _name(tensor.layout).lstrip("_")
    if tensor.is_meta:
        return "meta"
    if tensor.is_quantized:
        return "quantized"
    return "complex" if tensor.is_complex() else None


def _unusable(state: StateDict) -> list[tuple[str, str]]:
    return [(key, why) for key, tensor in state.items() if (why := why_unusable(tensor)) is not None]


def _is_float(tensor: torch.Tensor) -> bool:
    return tensor.dtype in _FLOATS


def _name(constant: torch.dtype | torch.layout) -> str:
    return str(constant).removeprefix("torch.")


def _refuse(file: WeightsFile, what: str, found: list[str]) -> None:
    if found:
        raise WeightsError(
            f"'{file.path}' holds {what}, in {len(found)}: {_listed(found)}. Save ordinary floating-point tensors of "
            "finite numbers instead."
        )


def _compare(state: StateDict, expected: Mapping[str, torch.Tensor], model: torch.nn.Module, file: WeightsFile) -> None:
    """Raise a WeightsError that lists the differences of keys and shapes, if there are any."""
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
            for key, tensor in expected.items()
            if key in state and state[key].shape != tensor.shape
        ],
    }
    if any(problems.values()):
        lists = "; ".join(f"{len(keys)} {kind}: {_listed(keys)}" for kind, keys in problems.items() if keys)
        raise WeightsError(
            f"'{file.path}' does not hold the weights of timm's {type(model).__name__} as this backbone uses it. "
            f"{lists}. Pass the file of this backbone, or choose the backbone of this file."
        )


def _listed(keys: list[str]) -> str:
    more = len(keys) - _LISTED_KEYS
    return ", ".join(keys[:_LISTED_KEYS]) + (f" and {more} more" if more > 0 else "")


def _read(file: WeightsFile) -> Mapping[str, Any]:
    path = file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read: {first_line(error)}. Check the path.") from error
    # These bytes are parsed below. The file itself could change again between this check and its parsing, which is why
    # timm.models.load_state_dict, which takes a path, does not fit.
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest != file.digest:
        raise WeightsError(
            f"'{path}' changed while it was being loaded (it was {file.digest}, and is {digest} now). Run again."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return cast("Mapping[str, Any]", load(content))
        # The checkpoints of DINO hold their options as a Namespace, a plain record that runs no code.
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"'{path}' holds something else than tensors. It is not read, since reading it could run code from the "
            "file. Convert it to safetensors if you trust it."
        ) from error
    except MemoryError:  # it says nothing about the file
        raise
    except Exception as error:
        # Both readers raise many types for a damaged file, some of them their own. All mean the same here.
        if "TorchScript" in str(error):
            raise WeightsError(
                f"'{path}' is a TorchScript archive, as OpenAI's CLIP files are. Such a file contains code and is not "
                "read. Load it with torch.jit.load, save the state_dict() of the module, and pass that file."
            ) from error
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise WeightsError(
            f"'{path}' cannot be read as weights ({reason}). Pass a .safetensors file, or a file that torch.save wrote."
        ) from error
    if not isinstance(loaded, Mapping):
        raise WeightsError(
            f"'{path}' must hold a dictionary of tensors, but holds a {type(loaded).__name__}. Save the "
            "state_dict() of the network."
        )
    return loaded


def _unwrap(checkpoint: Mapping[str, Any]) -> StateDict:
    """Return the tensors of the backbone, without the containers and prefixes of training programs."""
    from timm.models import clean_state_dict

    for container in ("teacher", "state_dict", "model"):
        inner = checkpoint.get(container)
        if isinstance(inner, Mapping):
            checkpoint = inner
    named = {
        key: tensor for key, tensor in checkpoint.items() if isinstance(key, str) and isinstance(tensor, torch.Tensor)
    }
    state: StateDict = clean_state_dict(named)
    if any(key.startswith("backbone.") for key in state):
        state = {
            key.removeprefix("backbone."): tensor for key, tensor in state.items() if not key.startswith(_DINO_HEADS)
        }
    return state


def _to_timm_layout(
    state: StateDict, model: torch.nn.Module, file: WeightsFile, embedded: EmbeddedWeights | None
) -> StateDict:
    names = tuple(model.state_dict())
    if embedded is not None and embedded.by_position and file.digest == embedded.digest and len(names) == len(state):
        return dict(zip(names, state.values(), strict=True))
    # timm keeps the converter of an architecture (OpenCLIP's and DINO's names, position grids) in the model's module.
    convert: Callable[[StateDict, torch.nn.Module], StateDict] | None
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(state, model))
    except (KeyError, IndexError, AttributeError, RuntimeError, ValueError, TypeError, AssertionError):
        # The converter fails on the file of another network. The comparison of the keys then gives a clearer error.
        return state
