"""Extraction of features from images, as a view says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError
from innersight.metrics.feature_batch import ViewFeatures, layer_key
from innersight.metrics.terms.base import FeatureSource, PixelFeature
from innersight.metrics.view import View
from innersight.preprocess.chroma import halve_chroma
from innersight.preprocess.input_policy import WindowGrid
from innersight.preprocess.resize import resize
from innersight.preprocess.validation import check_images
from innersight.preprocess.windows import cut_windows
from innersight.runtimes.choice import Runtime

_WINDOWS_AT_ONCE = 16
"""Windows in one pass of the network. It limits the memory of a large image and does not change a score."""


class ViewExtractor:
    """Extracts the features of a view from images.

    Args:
        view: The configuration of the view.
        backbone: The network with its weights.
        runtime: The library that runs the network.
        validate: Check that pixel values are in [0, 1]. The check waits for the device.

    Attributes:
        source: The features that the view offers to terms.

    Raises:
        ArgumentError: If the backbone does not have the features of the view.
    """

    def __init__(self, view: View, backbone: Backbone, runtime: Runtime, *, validate: bool = True) -> None:
        self.view = view
        self.backbone = backbone
        self.runtime = runtime
        self.validate = validate
        kind = backbone.kind_of(view.features)
        self.source = FeatureSource(backbone.entry.alias, kind, 1 if kind == "embedding" else backbone.count)
        if view.token_norm != "none" and kind != "tokens":
            raise ArgumentError(
                f"Argument `views.{view.name}.token_norm` needs tokens, but {self.source.described} has {kind}: use "
                "token_norm='none'."
            )

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return self.backbone.mean.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of images and features."""
        return self.backbone.mean.dtype

    @property
    def window(self) -> int | None:
        """Side of the sliding windows, pixels; None where images are used whole."""
        return self.view.input.window

    @property
    def network_name(self) -> str:
        """Timm's name of the network, without the tag of the weights if the user gave a file of weights."""
        name = self.backbone.entry.timm_name
        return name.partition(".")[0] if self.backbone.weights.source == "file" else name

    @property
    def precision(self) -> str:
        """The dtype of the computation, and the shorter dtype of the network's products where there is one."""
        own = str(self.dtype).removeprefix("torch.")
        reduced = self.runtime.reduced
        if reduced is not None:
            return f"{own} ({str(reduced).removeprefix('torch.')} in the network)"
        tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        return f"{own} (TF32 in the network)" if self.device.type == "cuda" and own == "float32" and tf32 else own

    @property
    def extractor_id(self) -> str:
        """What decides the features. Metrics with one extractor id share their features."""
        view = self.view
        return (
            f"{self.network_name} {self.backbone.weights.digest}, {view.features}, input {view.input}, "
            f"chroma {view.chroma}, normalisation {view.normalisation}, token_norm {view.token_norm}, {self.precision}"
        )

    def extract(self, images: torch.Tensor, layers: Sequence[int], pixels: Sequence[PixelFeature]) -> ViewFeatures:
        """Extract the features of all windows at once; see `extract_in_parts`."""
        return ViewFeatures.join(list(self.extract_in_parts(images, layers, pixels)))

    def extract_in_parts(
        self, images: torch.Tensor, layers: Sequence[int], pixels: Sequence[PixelFeature]
    ) -> Iterator[ViewFeatures]:
        """Extract features, some windows at a time, for images whose features would fill the memory.

        Args:
            images: (N, 3, H, W), sRGB in [0, 1].
            layers: Indices of the layers, ascending.
            pixels: The pixel features.

        Yields:
            The features of the next windows, or of the whole images.

        Raises:
            ArgumentError: If the tensor's type, shape, dtype, device or range is wrong, or the images are smaller than
                a window.
        """
        check_images("images", images, dtype=self.dtype, device=self.device, check_range=self.validate)
        with own_precision(self.device):
            prepared = self.prepare(images)
        parts = self.walk(prepared, layers, pixels)
        while True:
            # The caller's autocast state is restored before each yield: a generator may be left at any of them.
            with own_precision(self.device):
                features = next(parts, None)
            if features is None:
                return
            yield features

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Resize (N, 3, H, W) images as the view says."""
        return resize(images, self.prepared_size(*size_of(images)))

    def grid(self, height: int, width: int) -> WindowGrid | None:
        """Return the windows over prepared images of a size; see `InputPolicy.grid`."""
        return self.view.input.grid(height, width, self.view.name)

    def walk(
        self, images: torch.Tensor, layers: Sequence[int], pixels: Sequence[PixelFeature]
    ) -> Iterator[ViewFeatures]:
        """Extract the features of prepared images, some windows at a time; nothing is checked."""
        grid = self.grid(*size_of(images))
        size, batch = size_of(images), images.shape[0]
        if grid is None:
            yield self.features(images, layers, pixels, size=size, batch=batch)
            return
        step = windows_at_once(batch)
        for first in range(0, len(grid), step):
            windows = cut_windows(images, grid.corners[first : first + step], grid.window)
            yield self.features(windows, layers, pixels, size=size, batch=batch)

    def features(
        self,
        windows: torch.Tensor,
        layers: Sequence[int],
        pixels: Sequence[PixelFeature],
        *,
        size: tuple[int, int],
        batch: int,
    ) -> ViewFeatures:
        """Extract the features of windows of prepared images, or of whole prepared images.

        Args:
            windows: (K * N, 3, rows, columns).
            layers: Indices of the layers, ascending.
            pixels: The pixel features.
            size: (height, width) of the prepared images.
            batch: N.
        """
        view = self.view
        shown = halve_chroma(windows) if view.chroma == "half" else windows
        tensors: dict[str, torch.Tensor] = {}
        grid = None
        if layers:
            seen = self.backbone.normalise(shown) if view.normalisation == "backbone" else shown
            if view.features == "embedding":
                found = self.backbone.embedding(seen, self.runtime)
            else:
                found = self.backbone.intermediate(seen, layers, self.runtime)
            grid = found.grid
            for index, layer in zip(layers, found.layers, strict=True):
                normed = layer
                if view.token_norm == "layernorm":
                    normed = nn.functional.layer_norm(layer, layer.shape[-1:], eps=1e-6)
                tensors[layer_key(index)] = normed
        for pixel in pixels:
            tensors[pixel.key] = pixel.compute(windows, shown)
        # One memory layout for all runtimes: sums run in one order, and a cached score equals the computed one.
        tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
        return ViewFeatures(self.source.kind, tensors, grid, batch, size, self.extractor_id)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the network gets of an image; a pixel in several windows counts several times.

        Args:
            height: Rows of the image, pixels.
            width: Columns of the image, pixels.

        Returns:
            A number to which the memory of the features is proportional.

        Raises:
            ArgumentError: If the image is smaller than a window.
        """
        height, width = self.prepared_size(height, width)
        grid = self.grid(height, width)
        return height * width if grid is None else len(grid) * grid.window**2

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of an image after the resize; see `InputPolicy.prepared_size`."""
        return self.view.input.prepared_size(height, width, self.backbone.multiple)


def size_of(images: torch.Tensor) -> tuple[int, int]:
    """Return (height, width)."""
    return images.shape[-2], images.shape[-1]


def windows_at_once(batch: int) -> int:
    """Return the number of windows of each image of a batch in one pass of the network."""
    return max(1, _WINDOWS_AT_ONCE // batch)


def own_precision(device: torch.device) -> AbstractContextManager[object]:
    """Disable a caller's autocast, which would change scores: the precision is an option of the metric."""
    if not torch.amp.is_autocast_available(device.type):  # the meta device
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
