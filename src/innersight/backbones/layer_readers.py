"""The layers of a network by architecture: how many there are, what they are, and how to compute some of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from innersight.errors import ArgumentError

LayerKind = Literal["tokens", "maps"]


@dataclass(frozen=True)
class LayerReader:
    """The access to the layers of one architecture.

    Attributes:
        kind: `tokens` for layers of shape (N, T, D), `maps` for layers of shape (N, C, H, W).
        count: The number of layers.
        read: The function that computes layers, from the model, the images (N, 3, H, W) and ascending indices. None
            in place of the indices computes all layers.
    """

    kind: LayerKind
    count: int
    read: Callable[[Any, torch.Tensor, list[int] | None], list[torch.Tensor]]


def find_reader(model: nn.Module, name: str) -> LayerReader:
    """Return the access to the layers of a timm model.

    A layer is a block of a transformer or of a ConvNeXt, the stem or a stage of a ResNet of CLIP, and a feature stage
    of timm for any other network.

    Args:
        model: The model.
        name: Its name, for the error.

    Raises:
        ArgumentError: If the model gives no intermediate features.
    """
    reader = special_reader(model)
    if reader is not None:
        return reader
    if not hasattr(model, "forward_intermediates"):
        raise ArgumentError(
            f"Argument `backbone` must name a model with intermediate features, but timm's {name} "
            f"({type(model).__name__}) has no method forward_intermediates. Use another backbone."
        )
    net: Any = model
    if gives_tokens(model):
        return LayerReader("tokens", len(net.feature_info), read_tokens)
    return LayerReader("maps", len(net.feature_info), read_maps)


def special_reader(model: nn.Module) -> LayerReader | None:
    """Return the access to the layers of an architecture whose layers are not those of `forward_intermediates`.

    Args:
        model: The model.

    Returns:
        The access for a ConvNeXt or a ResNet of CLIP, and None for any other model.
    """
    from timm.layers.attention_pool2d import AttentionPool2d
    from timm.models import ByobNet, ConvNeXt

    net: Any = model  # timm declares no types for the parts of its models
    if isinstance(model, ConvNeXt):
        return LayerReader("maps", sum(len(stage.blocks) for stage in net.stages), _convnext_blocks)
    if isinstance(model, ByobNet) and isinstance(model.head, AttentionPool2d):
        return LayerReader("maps", 1 + len(net.stages), _clip_resnet_stages)
    return None


def gives_tokens(model: nn.Module) -> bool:
    """Return whether `forward_intermediates` of a model can return prefix tokens, as that of transformers can."""
    method: Any = model.forward_intermediates
    return "return_prefix_tokens" in inspect.signature(method).parameters


def size_rule(model: nn.Module) -> tuple[int, tuple[int, int] | None]:
    """Return the patch size in pixels, 1 if there are no patches, and the only (height, width) the model takes, if any.

    Args:
        model: A timm model, or a module with the same attributes `patch_embed` and `pretrained_cfg`.
    """
    patch: Any = getattr(model, "patch_embed", None)
    # The patches of a hybrid lie on the output of a convolutional stem. Only `feat_ratio` includes the stem's stride.
    size = patch.feat_ratio() if hasattr(patch, "feat_ratio") else getattr(patch, "patch_size", 1)
    multiple = int(size if isinstance(size, int) else size[0])
    # A transformer of timm that is built with dynamic_img_size takes other sizes than that of its position table.
    built_for = getattr(patch, "img_size", None)
    config: Any = getattr(model, "pretrained_cfg", None) or {"fixed_input_size": True}
    if config.get("fixed_input_size") and getattr(patch, "strict_img_size", True) and built_for:
        height, width = (built_for, built_for) if isinstance(built_for, int) else built_for
        return multiple, (int(height), int(width))
    return multiple, None


def read_tokens(model: Any, images: torch.Tensor, layers: list[int] | None) -> list[torch.Tensor]:
    """Compute the residual stream after each block, before the final norm; class and register tokens come first."""
    outputs = model.forward_intermediates(
        images,
        indices=layers,
        return_prefix_tokens=True,
        norm=False,
        stop_early=True,
        output_fmt="NLC",
        intermediates_only=True,
    )
    return [out if isinstance(out, torch.Tensor) else torch.cat((out[1], out[0]), dim=1) for out in outputs]


def read_maps(model: Any, images: torch.Tensor, layers: list[int] | None) -> list[torch.Tensor]:
    """Compute the feature stages of a network that gives maps."""
    outputs: list[torch.Tensor] = model.forward_intermediates(
        images, indices=layers, norm=False, stop_early=True, output_fmt="NCHW", intermediates_only=True
    )
    return outputs


def _convnext_blocks(model: Any, images: torch.Tensor, layers: list[int] | None) -> list[torch.Tensor]:
    """Compute blocks of every stage; `forward_intermediates` of timm gives only the last block of each stage."""
    outputs = []
    index = 0
    x = model.stem(images)
    for stage in model.stages:
        x = stage.downsample(x)
        for block in stage.blocks:
            x = block(x)
            if layers is None or index in layers:
                outputs.append(x)
            if layers is not None and index == layers[-1]:
                return outputs
            index += 1
    return outputs


def _clip_resnet_stages(model: Any, images: torch.Tensor, layers: list[int] | None) -> list[torch.Tensor]:
    """Compute the stem after its average pool, and stages; timm's own method gives the stem before the pool."""
    outputs = []
    x = model.stem(images)
    for index in range(1 + (len(model.stages) if layers is None else layers[-1])):
        if index:
            x = model.stages[index - 1](x)
        if layers is None or index in layers:
            outputs.append(x)
    return outputs
