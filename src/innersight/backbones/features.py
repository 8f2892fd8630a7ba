"""A network's intermediate features by one contract, whatever its architecture, over timm's models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from innersight.backbones.catalogue import CATALOGUE, BackboneEntry, resolve
from innersight.backbones.hub import WeightsFile, find_weights, load_weights
from innersight.errors import ArgumentError, first_line

FeatureKind = Literal["tokens", "maps", "embedding"]

Run = Callable[[torch.Tensor, "tuple[int, ...] | None"], "tuple[torch.Tensor, ...]"]
"""What takes a batch of images to the outputs of some layers, or to the embedding (None): `Backbone.outputs`, or the
same on another engine."""


@dataclass(frozen=True)
class Features:
    """What a network saw in a batch of images.

    Attributes:
        kind: `tokens`: each layer is (N, T, D), tokens without a place (class, register) first. `maps`: each layer is
            (N, C, H, W). `embedding`: one layer, (N, T, D) of unit vectors, T = 1 for a projected embedding.
        layers: One tensor a layer, in the network's order.
        grid: (rows, columns) of the tokens that have a place, row by row at the end of T; None for the other kinds.
    """

    kind: FeatureKind
    layers: tuple[torch.Tensor, ...]
    grid: tuple[int, int] | None = None


def resolve_layers(layers: int | Sequence[int] | None, count: int, argument: str = "layers") -> tuple[int, ...]:
    """Turn a choice of layers into ascending indices.

    Args:
        layers: None for all, n for the last n, or indices, negative ones counted from the end.
        count: How many layers the network has.
        argument: What an error calls them.

    Returns:
        Ascending indices from 0 to count - 1.

    Raises:
        ArgumentError: If one lies outside the network, is named twice, or none is left; the message has the range.

    Example:
        >>> resolve_layers(None, 3), resolve_layers(2, 12), resolve_layers([-1, 0], 12)
        ((0, 1, 2), (10, 11), (0, 11))
    """
    if layers is None:
        return tuple(range(count))
    if isinstance(layers, int):
        if not 1 <= layers <= count:
            raise ArgumentError(f"Argument `{argument}`: the last n layers take n from 1 to {count}, but got {layers}.")
        return tuple(range(count - layers, count))
    outside = [index for index in layers if not -count <= index < count]
    if outside or not layers:
        raise ArgumentError(
            f"Argument `{argument}`: indices go from {-count} to {count - 1}, at least one of them, but got "
            f"{list(layers)}."
        )
    indices = sorted(index % count for index in layers)
    if len(set(indices)) < len(indices):
        raise ArgumentError(f"Argument `{argument}` names a layer twice: {list(layers)} of {count} layers.")
    return tuple(indices)


_DEVICE_FAILURES = ("CUDA error", "CUDA out of memory", "HIP error", "HIP out of memory", "MPS backend out of memory")


def is_device_failure(error: BaseException) -> bool:
    """Return whether an error is the device's, such as memory that runs out, and not a matter of the input.

    Args:
        error: What a forward or a backward pass raised.
    """
    accelerator_error = getattr(torch, "AcceleratorError", torch.OutOfMemoryError)  # older versions of torch lack it
    if isinstance(error, (MemoryError, torch.OutOfMemoryError, accelerator_error)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (text.startswith(_DEVICE_FAILURES) or "DefaultCPUAllocator" in text)


class Backbone(nn.Module):
    """A frozen pretrained network and its features: evaluation mode, no gradient on weights, no work but what is asked.

    Args:
        model: A timm model with its weights.
        entry: Its data.
        weights: The file the weights came from.

    Attributes:
        kind: What its intermediate features are, `tokens` or `maps`.
        count: How many layers it has: every block of a transformer or a ConvNeXt, the stem and four stages of CLIP's
            ResNets, timm's feature stages of any other network.
        multiple: What the sides of an image must divide by, pixels: a transformer's patch, else 1.
        fixed_size: The only (height, width) it takes, or None if it takes any (of that multiple).
    """

    def __init__(self, model: nn.Module, entry: BackboneEntry, weights: WeightsFile) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.entry = entry
        self.weights = weights
        self._tap = _find_tap(model, entry)
        self.kind: FeatureKind = self._tap.kind
        self.count = self._tap.count
        self.multiple, self.fixed_size = _size_rule(model)
        if self.kind == "maps":
            self.model.to(memory_format=torch.channels_last)  # convolutions up to 1.6 times faster on a CPU
        for name, values in (("mean", entry.mean), ("std", entry.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.eval()

    mean: torch.Tensor
    std: torch.Tensor

    def train(self, mode: bool = True) -> Backbone:  # noqa: ARG002
        """Stay in evaluation mode: dropout or batch statistics would make the scores random."""
        return super().train(False)

    def _network(self) -> Any:
        if self.model.training:  # somebody reached past `train` of this module
            self.model.eval()
        return self.model

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Subtract the channel means the network was trained with and divide by their deviations."""
        return (images - self.mean) / self.std

    def kind_of(self, features: str) -> FeatureKind:
        """Return the kind of `intermediate` or `embedding` features here.

        Raises:
            ArgumentError: If the catalogue gives the backbone no embedding.
        """
        if features == "intermediate":
            return self.kind
        if self.entry.embedding is None:
            defined = ", ".join(entry.alias for entry in CATALOGUE if entry.embedding)
            raise ArgumentError(
                f"Argument `features`: {self.entry.alias} has no embedding; use features='intermediate', or one "
                f"of ({defined})."
            )
        return "embedding"

    def check_size(self, height: int, width: int) -> None:
        """Check that the network takes images of this size.

        Raises:
            ArgumentError: With the sizes that it takes.
        """
        if self.fixed_size is not None and (height, width) != self.fixed_size:
            raise ArgumentError(
                f"{self.entry.alias} takes {self.fixed_size[0]} x {self.fixed_size[1]} pixels only, but would see "
                f"{height} x {width}: use windows of that size (input='window={self.fixed_size[0]},stride=...')."
            )
        if height % self.multiple or width % self.multiple:
            raise ArgumentError(
                f"{self.entry.alias} takes sides that divide by its patch of {self.multiple} pixels, but would see "
                f"{height} x {width} (height x width): use input='short=...', which rounds to the patch, or windows "
                "that divide by it."
            )

    def outputs(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network, without any check of what goes in or comes out.

        Args:
            images: (N, 3, H, W).
            layers: Ascending indices, or None for the embedding before it is normalised.

        Returns:
            One tensor a layer, or the embedding alone.
        """
        net = self._network()
        if layers is not None:
            return tuple(self._tap.read(net, images, list(layers)))
        vectors = net.forward_features(images)
        return (net.forward_head(vectors)[:, None] if self.entry.embedding == "projection" else vectors,)

    def intermediate(self, images: torch.Tensor, layers: Sequence[int], run: Run | None = None) -> Features:
        """Compute intermediate features; the forward stops after the last layer that is asked for.

        Args:
            images: (N, 3, H, W) in the range the weights expect; see `check_size` for sizes.
            layers: Ascending indices from 0 to count - 1, see `resolve_layers`.
            run: What runs the network in place of `outputs`.

        Returns:
            Features of kind `tokens` or `maps`.

        Raises:
            ArgumentError: If the network can't see images of this size.
        """
        height, width = images.shape[-2:]
        self.check_size(height, width)
        grid = (height // self.multiple, width // self.multiple) if self.kind == "tokens" else None
        try:
            outputs = (run or self.outputs)(images, tuple(layers))
        except (AssertionError, RuntimeError) as error:
            if is_device_failure(error):
                raise
            # Each architecture has its own rule for sizes and its own way to break it; check_size knows the usual two.
            native = " x ".join(str(side) for side in self.model.pretrained_cfg["input_size"][1:])  # type: ignore[index]
            raise ArgumentError(
                f"{self.entry.alias} can't see images of {height} x {width} (height x width): {first_line(error)} "
                f"Its own size is {native}: try windows of that size (input='window=...,stride=...')."
            ) from error
        if outputs[0].ndim != (3 if self.kind == "tokens" else 4):
            raise ArgumentError(
                f"{self.entry.alias} gives features of shape {tuple(outputs[0].shape)}, neither tokens with a "
                "place nor maps; take another backbone."
            )
        return Features(self.kind, outputs, grid)

    def embedding(self, images: torch.Tensor, run: Run | None = None) -> Features:
        """Compute the embedding: CLIP's projected vector, or all tokens after the final norm; unit vectors.

        Args:
            images: As for `intermediate`.
            run: What runs the network in place of `outputs`.

        Returns:
            Features of kind `embedding`.

        Raises:
            ArgumentError: If the catalogue gives the backbone no embedding.
        """
        kind = self.kind_of("embedding")
        self.check_size(*images.shape[-2:])
        (vectors,) = (run or self.outputs)(images, None)
        return Features(kind, (nn.functional.normalize(vectors, dim=-1),))


def load_backbone(name: str, *, weights: str | Path | None = None, window: int | None = None) -> Backbone:
    """Build a backbone and load its weights.

    Args:
        name: An alias of the catalogue, or any timm model name.
        weights: A file of weights to take instead of the usual places; see `innersight.backbones.hub`.
        window: Side of the windows the network will see, pixels; None for whole images of any size.

    Returns:
        The backbone, on the CPU, float32.

    Raises:
        ArgumentError: If the name is unknown, or the model gives no intermediate features.
        WeightsError: If the weights are nowhere, or not this model's.
    """
    entry = resolve(name)
    file = find_weights(entry, weights)
    with plain_defaults():
        model = _build(entry.timm_name, window)
        load_weights(model, file)
        return Backbone(model, entry, file)


@contextmanager
def plain_defaults() -> Iterator[None]:
    """Create tensors as float32, on the CPU and outside inference mode, whatever the caller's defaults are."""
    dtype = torch.get_default_dtype()
    with torch.inference_mode(False), torch.device("cpu"):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _build(timm_name: str, window: int | None) -> nn.Module:
    import timm

    config = timm.get_pretrained_cfg(timm_name)
    options: dict[str, Any] = {}
    if config is not None and config.fixed_input_size:
        # Position tables and attention windows are made for one size: for the windows', or interpolated as needed.
        options = {"img_size": window} if window else {"dynamic_img_size": True}
    try:
        model: nn.Module = timm.create_model(timm_name, pretrained=False, **options)
    except TypeError as error:  # timm's only answer to which of these options a model takes
        if not any(option in str(error) for option in options):
            raise
        model = timm.create_model(timm_name, pretrained=False)
    return model


def _size_rule(model: nn.Module) -> tuple[int, tuple[int, int] | None]:
    """Return what sides must divide by, and the only size taken, if any."""
    net: Any = model
    patch: Any = getattr(net, "patch_embed", None)
    # A hybrid's patches lie on the feature map of a convolutional stem: only the ratio counts the stem's stride too.
    size = patch.feat_ratio() if hasattr(patch, "feat_ratio") else getattr(patch, "patch_size", 1)
    multiple = int(size if isinstance(size, int) else size[0])
    # Built with dynamic_img_size, timm's transformers stop checking for the one size of their table.
    built_for = getattr(patch, "img_size", None)
    if net.pretrained_cfg.get("fixed_input_size") and getattr(patch, "strict_img_size", True) and built_for:
        return multiple, (int(built_for[0]), int(built_for[1]))
    return multiple, None


@dataclass(frozen=True)
class _Tap:
    """How one architecture gives its layers: what they are, how many, and the reading of some of them."""

    kind: FeatureKind
    count: int
    read: Callable[[Any, torch.Tensor, list[int]], list[torch.Tensor]]


def _find_tap(model: nn.Module, entry: BackboneEntry) -> _Tap:
    from timm.layers.attention_pool2d import AttentionPool2d
    from timm.models import ByobNet, ConvNeXt

    net: Any = model  # what is inside timm's models has no types
    if isinstance(model, ConvNeXt):
        return _Tap("maps", sum(len(stage.blocks) for stage in net.stages), _convnext_blocks)
    if isinstance(model, ByobNet) and isinstance(model.head, AttentionPool2d):
        return _Tap("maps", 1 + len(net.stages), _clip_resnet_stages)
    if not hasattr(model, "forward_intermediates"):
        raise ArgumentError(
            f"Argument `backbone`: timm's {entry.timm_name} ({type(model).__name__}) gives no intermediate features "
            "(it has no forward_intermediates); take another."
        )
    if "return_prefix_tokens" in inspect.signature(net.forward_intermediates).parameters:
        return _Tap("tokens", len(net.feature_info), _transformer_blocks)
    return _Tap("maps", len(net.feature_info), _stages)


def _transformer_blocks(model: Any, images: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
    """The residual stream after each block, before the final norm, prefix tokens first as in the stream itself."""
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


def _stages(model: Any, images: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
    outputs: list[torch.Tensor] = model.forward_intermediates(
        images, indices=layers, norm=False, stop_early=True, output_fmt="NCHW", intermediates_only=True
    )
    return outputs


def _convnext_blocks(model: Any, images: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
    """Every block of every stage; timm's own contract gives the stages' ends only."""
    outputs = []
    index = 0
    x = model.stem(images)
    for stage in model.stages:
        x = stage.downsample(x)
        for block in stage.blocks:
            x = block(x)
            if index in layers:
                outputs.append(x)
            if index == layers[-1]:
                return outputs
            index += 1
    return outputs


def _clip_resnet_stages(model: Any, images: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
    """The stem's output after its average pool, and the stages; timm's own contract takes the stem before the pool."""
    outputs = []
    x = model.stem(images)
    for index in range(layers[-1] + 1):
        if index:
            x = model.stages[index - 1](x)
        if index in layers:
            outputs.append(x)
    return outputs
