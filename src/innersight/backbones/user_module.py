"""A backbone made of a module of the user."""

from __future__ import annotations

import copy
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from innersight.backbones.checkpoint import why_unusable
from innersight.backbones.entry import IMAGENET_MEAN, IMAGENET_STD, RGB, BackboneEntry
from innersight.backbones.features import Backbone, plain_defaults
from innersight.backbones.hub import Weights
from innersight.backbones.layer_readers import (
    LayerKind,
    LayerReader,
    gives_tokens,
    read_maps,
    read_tokens,
    size_rule,
    special_reader,
)
from innersight.errors import ArgumentError, first_line

_PROBE_SIDE = 224  # pixels: the usual size of pretrained networks, which those of one size take too
_PROBE_COUNT = 2  # more than one image, so that a missing batch dimension shows


def backbone_of(
    module: nn.Module,
    name: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Backbone:
    """Make a backbone of a module of your own.

    A module that is a `Backbone` already is copied. Any other module gives its layers in one of two ways:

    * It has a method `forward_intermediates` with the arguments of timm's: `indices`, `norm`, `stop_early`,
      `output_fmt` and `intermediates_only`. It is used as for a model of timm.
    * Its `forward` takes images (N, 3, H, W) and returns a list, a tuple or a dictionary of maps, each a
      floating-point tensor (N, C, h, w). The number of maps must not depend on the images. All of them are computed,
      even if a metric uses only some.

    The backbone has a deep copy of the module, in float32, on the CPU and in evaluation mode, without gradients of the
    weights. Later changes of the module, such as further training, do not change it. The copy is tried once with two
    images of about 224 x 224 pixels, which the module must accept.

    The digest of `Backbone.weights` is the SHA-256 of what determines the features: the class, the printed form, and
    the name, dtype, shape and bytes of every tensor of the copy (its state dictionary and its other buffers), and
    `mean` and `std`. Other attributes of the module have no influence on it. If two modules differ only in such
    attributes, give them different names, since cached features are found by name and digest.

    Args:
        module: The module.
        name: A name for results and caches. Default: the name of the class. The alias is `module:` and this name.
        mean: Three channel means of the training, of RGB in [0, 1]. Default: those of ImageNet.
        std: Three channel standard deviations of the training, of RGB in [0, 1]. Default: those of ImageNet.

    Returns:
        The backbone. It has no embedding, unless the module is a `Backbone` that has one.

    Raises:
        ArgumentError: If an argument has the wrong type or range, if the module cannot be copied or has tensors that
            are not ordinary ones, or if it does not give its layers in one of these ways.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.first, self.second = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 8, 3, stride=2)
        ...
        ...     def forward(self, images):
        ...         x = self.first(images).relu()
        ...         return [x, self.second(x)]
        >>> backbone = backbone_of(Net())
        >>> backbone.entry.alias, backbone.kind, backbone.count
        ('module:Net', 'maps', 2)
    """
    if not isinstance(module, nn.Module):
        raise ArgumentError(
            f"Argument `module` must be a torch.nn.Module, but got {module!r} of type {type(module).__name__}. Pass an "
            "instance of your network."
        )
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ArgumentError(f"Argument `name` must be a string that is not empty, or None, but got {name!r}.")
    if isinstance(module, Backbone):
        if (name, mean, std) != (None, None, None):
            raise ArgumentError(
                "Arguments `name`, `mean` and `std` must be None if `module` is a Backbone, which has its own, but got "
                f"{name!r}, {mean!r} and {std!r}. Pass the original module to change them."
            )
        with plain_defaults():
            return copy.deepcopy(module).to("cpu", torch.float32)
    means = _three("mean", IMAGENET_MEAN if mean is None else mean)
    stds = _three("std", IMAGENET_STD if std is None else std)
    if min(stds) <= 0:
        raise ArgumentError(f"Argument `std` must have three numbers above 0, but got {std!r}.")
    alias = f"module:{name or type(module).__name__}"
    with plain_defaults():
        copied = _copy(module)
        weights = Weights(None, "module", _digest(copied, (*means, *stds)))
        entry = BackboneEntry(
            alias=alias,
            timm_name=alias,
            hub_id=None,
            family="module",
            licence="unknown",
            mean=means,
            std=stds,
            embedding=None,
        )
        return Backbone(copied, entry, weights, _reader(copied))


def read_forward(model: Any, images: torch.Tensor, layers: list[int] | None) -> list[torch.Tensor]:
    """Return maps of a module whose `forward` returns all of them."""
    outputs = model(images)
    maps = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
    return [maps[layer] for layer in (range(len(maps)) if layers is None else layers)]


def _three(argument: str, values: object) -> RGB:
    try:
        first, second, third = (float(value) for value in values)  # type: ignore[attr-defined]  # checked here
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"Argument `{argument}` must be three numbers, but got {values!r}.") from error
    if not all(math.isfinite(value) for value in (first, second, third)):
        raise ArgumentError(f"Argument `{argument}` must be three finite numbers, but got {values!r}.")
    return first, second, third


def _tensors(module: nn.Module) -> dict[str, Any]:
    """Return the state dictionary and the buffers that it leaves out, by name in alphabetical order."""
    return dict(sorted({**dict(module.named_buffers(remove_duplicate=False)), **module.state_dict()}.items()))


def _copy(module: nn.Module) -> nn.Module:
    tensors = {key: tensor for key, tensor in _tensors(module).items() if isinstance(tensor, torch.Tensor)}
    lazy = [key for key, tensor in tensors.items() if is_lazy(tensor)]
    if lazy:
        raise ArgumentError(
            f"Argument `module` must have all of its tensors, but {lazy[0]} has no shape yet. Run "
            "its forward once first."
        )
    for key, tensor in tensors.items():
        why = why_unusable(tensor)
        if why is not None:
            raise ArgumentError(
                f"Argument `module` must have ordinary real tensors, but {key} is {why}. Pass the network before that "
                "conversion."
            )
    try:
        copied = copy.deepcopy(module)
    except Exception as error:
        # Any attribute of the module can refuse to be copied, with any type of error.
        raise ArgumentError(
            f"Argument `module` must be a module that copy.deepcopy can copy, but {type(module).__name__} cannot be "
            f"copied: {type(error).__name__}: {first_line(error)}. Remove the attribute that cannot be copied."
        ) from error
    return copied.to("cpu", torch.float32).eval().requires_grad_(False)


def _digest(module: nn.Module, normalisation: tuple[float, ...]) -> str:
    digest = hashlib.sha256()
    kind = type(module)
    printed = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module))  # an address in memory differs between runs
    digest.update(repr((kind.__module__, kind.__qualname__, printed, normalisation)).encode())
    for key, value in _tensors(module).items():
        if isinstance(value, torch.Tensor):
            digest.update(repr((key, str(value.dtype), tuple(value.shape))).encode())
            digest.update(value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:  # what `get_extra_state` of a module returns
            digest.update(repr((key, value)).encode())
    return f"sha256:{digest.hexdigest()}"


def _reader(module: nn.Module) -> LayerReader:
    """Return the access to the layers of the module, after a trial with images."""
    reader = special_reader(module)
    if reader is None:
        if not hasattr(module, "forward_intermediates"):
            reader = LayerReader("maps", 0, read_forward)
        elif gives_tokens(module):
            reader = LayerReader("tokens", 0, read_tokens)
        else:
            reader = LayerReader("maps", 0, read_maps)
    multiple, fixed_size = size_rule(module)
    side = multiple * max(1, round(_PROBE_SIDE / multiple))
    height, width = fixed_size or (side, side)
    images = torch.rand(_PROBE_COUNT, 3, height, width, generator=torch.Generator().manual_seed(0))
    place = f"{type(module).__name__} for images of shape {tuple(images.shape)}"
    try:
        with torch.no_grad():
            outputs = module(images) if reader.read is read_forward else reader.read(module, images, None)
    except Exception as error:
        # The code of the user can raise anything. The chained error shows where.
        raise ArgumentError(
            f"Argument `module` must accept a batch of images, but {place} raised {type(error).__name__}: "
            f"{first_line(error)}. Pass a module whose forward returns a list of maps (N, C, H, W), or one with timm's "
            "method forward_intermediates."
        ) from error
    layers = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
    if not isinstance(layers, (list, tuple)) or not layers:
        raise ArgumentError(
            f"Argument `module` must return a list of maps (N, C, H, W), one a layer, but {place} returned "
            f"{_shown(layers)}. Wrap the module in one whose forward returns the list."
        )
    for index, layer in enumerate(layers):
        _check_layer(layer, index, reader.kind, (height // multiple) * (width // multiple), place)
    return LayerReader(reader.kind, len(layers), reader.read)


def _check_layer(layer: object, index: int, kind: LayerKind, patches: int, place: str) -> None:
    wanted = "(N, C, H, W)" if kind == "maps" else f"(N, T, D) with T of at least {patches}, one token a patch"
    right = isinstance(layer, torch.Tensor) and layer.is_floating_point() and layer.shape[:1] == (_PROBE_COUNT,)
    if right and isinstance(layer, torch.Tensor):
        right = layer.ndim == 4 if kind == "maps" else layer.ndim == 3 and layer.shape[1] >= patches
    if not right:
        raise ArgumentError(
            f"Argument `module` must give layers of shape {wanted}, floating-point, but layer {index} of {place} is "
            f"{_shown(layer)}. Change what the module returns."
        )


def _shown(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {value.dtype}"
    empty = " without items" if isinstance(value, (list, tuple)) and not value else ""
    return f"an object of type {type(value).__name__}{empty}"
