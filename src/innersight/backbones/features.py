"""Pretrained networks that give intermediate features or embeddings, with one interface for all architectures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from innersight.backbones.catalogue import CATALOGUE, resolve
from innersight.backbones.checkpoint import load_weights
from innersight.backbones.entry import BackboneEntry
from innersight.backbones.hub import Weights, find_weights
from innersight.backbones.layer_readers import LayerReader, find_reader, size_rule
from innersight.errors import ArgumentError, first_line

FeatureKind = Literal["tokens", "maps", "embedding"]

Run = Callable[[torch.Tensor, "tuple[int, ...] | None"], "tuple[torch.Tensor, ...]"]
"""A function with the arguments and results of `Backbone.outputs`. A runtime provides its own."""


@dataclass(frozen=True)
class Features:
    """The features of a batch of images.

    Attributes:
        kind: `tokens`: each layer has shape (N, T, D), and the class and register tokens come before those of the
            patches. `maps`: each layer has shape (N, C, H, W). `embedding`: there is one layer (N, T, D) of unit
            vectors, with T = 1 for a projected embedding.
        layers: One tensor for each layer, in the order of the network.
        grid: (rows, columns) of the patch tokens, which are the last rows * columns of the T tokens, row by row. None
            for maps and embeddings.
    """

    kind: FeatureKind
    layers: tuple[torch.Tensor, ...]
    grid: tuple[int, int] | None = None


def resolve_layers(layers: int | Sequence[int] | None, count: int, argument: str = "layers") -> tuple[int, ...]:
    """Convert a choice of layers to ascending indices.

    Args:
        layers: None for all layers, n for the last n, or a sequence of indices. Negative indices count from the end.
        count: The number of layers of the network.
        argument: The name of the argument, for the error. Default: `layers`.

    Returns:
        Ascending indices from 0 to count - 1.

    Raises:
        ArgumentError: If an index is out of range or occurs twice, or if there is none. The message has the range.

    Example:
        >>> resolve_layers(None, 3), resolve_layers(2, 12), resolve_layers([-1, 0], 12)
        ((0, 1, 2), (10, 11), (0, 11))
    """
    if layers is None:
        return tuple(range(count))
    if isinstance(layers, int):
        if not 1 <= layers <= count:
            raise ArgumentError(
                f"Argument `{argument}` must be from 1 to {count} as the number of last layers, but got {layers}."
            )
        return tuple(range(count - layers, count))
    outside = [index for index in layers if not -count <= index < count]
    if outside or not layers:
        raise ArgumentError(
            f"Argument `{argument}` must have one or more indices from {-count} to {count - 1}, but got {list(layers)}."
        )
    indices = sorted(index % count for index in layers)
    if len(set(indices)) < len(indices):
        raise ArgumentError(
            f"Argument `{argument}` must name each layer once, but got {list(layers)} for a network of {count} layers."
        )
    return tuple(indices)


_DEVICE_FAILURES = ("CUDA error", "CUDA out of memory", "HIP error", "HIP out of memory", "MPS backend out of memory")


def is_device_failure(error: BaseException) -> bool:
    """Return whether an error comes from the device, such as a lack of memory, and not from the input.

    Args:
        error: The error of a forward or a backward pass.
    """
    accelerator_error = getattr(torch, "AcceleratorError", torch.OutOfMemoryError)  # torch 2.6 lacks the first
    if isinstance(error, (MemoryError, torch.OutOfMemoryError, accelerator_error)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (text.startswith(_DEVICE_FAILURES) or "DefaultCPUAllocator" in text)


class Backbone(nn.Module):
    """A frozen pretrained network that gives features.

    It is always in evaluation mode, and its weights have no gradients. A forward pass ends after the last layer that
    is needed.

    Args:
        model: A timm model with its weights, or a module that `reader` can read.
        entry: The data of the backbone.
        weights: The origin of the weights.
        reader: The access to the layers. Default: None, which chooses it by the architecture of the timm model.

    Attributes:
        model: The network.
        entry: The data of the backbone.
        weights: The origin of the weights.
        kind: The kind of the intermediate features, `tokens` or `maps`.
        count: The number of layers: the blocks of a transformer or a ConvNeXt, the stem and the four stages of a ResNet
            of CLIP, and timm's feature stages of any other network.
        multiple: The number that must divide the sides of an image, in pixels. It is the patch size of a transformer,
            and 1 for other networks.
        fixed_size: The only (height, width) that the network takes, or None if it takes any multiple.
        mean: Channel means of the training, (1, 3, 1, 1).
        std: Channel standard deviations of the training, (1, 3, 1, 1).

    Raises:
        ArgumentError: If the timm model gives no intermediate features.
    """

    def __init__(
        self, model: nn.Module, entry: BackboneEntry, weights: Weights, reader: LayerReader | None = None
    ) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.entry = entry
        self.weights = weights
        self._reader = reader or find_reader(model, entry.timm_name)
        self.kind: FeatureKind = self._reader.kind
        self.count = self._reader.count
        self.multiple, self.fixed_size = size_rule(model)
        if self.kind == "maps" and all(tensor.ndim != 5 for tensor in (*model.parameters(), *model.buffers())):
            # Makes convolutions up to 1.6 times faster on a CPU. torch refuses this format for 5 dimensions.
            self.model.to(memory_format=torch.channels_last)
        for name, values in (("mean", entry.mean), ("std", entry.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.eval()

    mean: torch.Tensor
    std: torch.Tensor

    def train(self, mode: bool = True) -> Backbone:  # noqa: ARG002
        """Keep the evaluation mode, since dropout and batch statistics would make the scores random."""
        return super().train(False)

    def _network(self) -> Any:
        if self.model.training:  # a caller called `train` of the model itself
            self.model.eval()
        return self.model

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Subtract the channel means of the training and divide by the channel standard deviations.

        Args:
            images: (N, 3, H, W), RGB in [0, 1].
        """
        return (images - self.mean) / self.std

    def kind_of(self, features: str) -> FeatureKind:
        """Return the kind of the features that this backbone gives for a choice of `features`.

        Args:
            features: `intermediate` or `embedding`.

        Raises:
            ArgumentError: If the backbone has no embedding.
        """
        if features == "intermediate":
            return self.kind
        if self.entry.embedding is None:
            defined = ", ".join(entry.alias for entry in CATALOGUE if entry.embedding)
            raise ArgumentError(
                f"Argument `features`: {self.entry.alias} has no embedding. Use features='intermediate', or one of "
                f"({defined})."
            )
        return "embedding"

    def check_size(self, height: int, width: int) -> None:
        """Check that the network takes images of a size.

        Args:
            height: In pixels.
            width: In pixels.

        Raises:
            ArgumentError: If it does not. The message has the sizes that it takes.
        """
        if self.fixed_size is not None and (height, width) != self.fixed_size:
            raise ArgumentError(
                f"{self.entry.alias} takes {self.fixed_size[0]} x {self.fixed_size[1]} pixels only, but got {height} x "
                f"{width} (height x width). Use windows of that size (input='window={self.fixed_size[0]},stride=...')."
            )
        if height % self.multiple or width % self.multiple:
            raise ArgumentError(
                f"{self.entry.alias} takes sides that are multiples of its patch of {self.multiple} pixels, but got "
                f"{height} x {width} (height x width). Use input='short=...', which rounds to the patch, or windows "
                f"whose side is a multiple of {self.multiple}."
            )

    def outputs(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network without any check of its input and output.

        Args:
            images: (N, 3, H, W).
            layers: Ascending indices, or None for the embedding before it is normalised.

        Returns:
            One tensor for each layer, or the embedding alone.
        """
        net = self._network()
        if layers is not None:
            return tuple(self._reader.read(net, images, list(layers)))
        vectors = net.forward_features(images)
        return (net.forward_head(vectors)[:, None] if self.entry.embedding == "projection" else vectors,)

    def intermediate(self, images: torch.Tensor, layers: Sequence[int], run: Run | None = None) -> Features:
        """Compute intermediate features.

        Args:
            images: (N, 3, H, W), in the range of the training. `check_size` checks sizes.
            layers: Ascending indices from 0 to count - 1, as `resolve_layers` returns them.
            run: The function that runs the network. Default: None, which is `outputs`.

        Returns:
            Features of kind `tokens` or `maps`.

        Raises:
            ArgumentError: If the network does not take images of this size.
        """
        height, width = images.shape[-2:]
        self.check_size(height, width)
        grid = (height // self.multiple, width // self.multiple) if self.kind == "tokens" else None
        try:
            outputs = (run or self.outputs)(images, tuple(layers))
        except (AssertionError, RuntimeError) as error:
            if is_device_failure(error):
                raise
            # Each architecture has other rules for sizes and other errors. `check_size` knows the usual two rules.
            config: Any = getattr(self.model, "pretrained_cfg", None) or {}
            native = " x ".join(str(side) for side in config.get("input_size", ())[1:])
            hint = f" Its own size is {native}." if native else ""
            raise ArgumentError(
                f"{self.entry.alias} does not take images of {height} x {width} (height x width): "
                f"{first_line(error).rstrip('.')}.{hint} Use windows of a size that it takes "
                "(input='window=...,stride=...')."
            ) from error
        if outputs[0].ndim != (3 if self.kind == "tokens" else 4):
            raise ArgumentError(
                f"{self.entry.alias} gives features of shape {tuple(outputs[0].shape)}, which are neither patch tokens "
                "(N, T, D) nor maps (N, C, H, W). Use another backbone."
            )
        return Features(self.kind, outputs, grid)

    def embedding(self, images: torch.Tensor, run: Run | None = None) -> Features:
        """Compute the embedding: the projected vector of CLIP, or all tokens after the final norm, as unit vectors.

        Args:
            images: (N, 3, H, W), in the range of the training. `check_size` checks sizes.
            run: The function that runs the network. Default: None, which is `outputs`.

        Returns:
            Features of kind `embedding`.

        Raises:
            ArgumentError: If the backbone has no embedding or does not take images of this size.
        """
        kind = self.kind_of("embedding")
        self.check_size(*images.shape[-2:])
        (vectors,) = (run or self.outputs)(images, None)
        return Features(kind, (nn.functional.normalize(vectors, dim=-1),))


def load_backbone(name: str, *, weights: str | os.PathLike[str] | None = None, window: int | None = None) -> Backbone:
    """Build a backbone and load its weights.

    Args:
        name: An alias of the catalogue, or any timm model name.
        weights: A file of weights. Default: None, which searches as `innersight.backbones.hub` describes.
        window: The side of the windows that the network is used on, in pixels. Default: None, for images of any size.

    Returns:
        The backbone, on the CPU, in float32.

    Raises:
        ArgumentError: If the name is unknown, if the model gives no intermediate features, or if `weights` is no path.
        WeightsError: If the weights cannot be found, read or downloaded, or are not those of the model.
    """
    entry = resolve(name)
    file = find_weights(entry, weights)
    with plain_defaults():
        model = _build(entry.timm_name, window)
        load_weights(model, file, entry.embedded)
        return Backbone(model, entry, file)


@contextmanager
def plain_defaults() -> Iterator[None]:
    """Create tensors in float32, on the CPU and outside inference mode, independently of the caller's defaults."""
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
        # Position tables and attention windows fit one size: that of the windows, or they are interpolated later.
        options = {"img_size": window} if window else {"dynamic_img_size": True}
    try:
        model: nn.Module = timm.create_model(timm_name, pretrained=False, **options)
    except TypeError as error:  # the only way to learn from timm which of these options a model takes
        if not any(option in str(error) for option in options):
            raise
        model = timm.create_model(timm_name, pretrained=False)
    return model
