"""The table of runtimes, their common interface, and the choice of one.

A runtime registers itself in the module of its class, so that a new runtime is one new file.
"""

from __future__ import annotations

from typing import Protocol

import torch

from innersight.backbones.features import Backbone
from innersight.errors import unknown_name
from innersight.registry import Registry

PRECISIONS = {"fp32": torch.float32, "fp64": torch.float64, "fp16": torch.float16, "bf16": torch.bfloat16}
"""The dtypes that a network can compute in. The distances compute in float32, and in float64 for `fp64`."""


class Runtime(Protocol):
    """Runs the network of one backbone. Gradients flow through it."""

    @property
    def name(self) -> str:
        """Name of the runtime, with the version of its library if that is not torch."""
        ...

    @property
    def reduced(self) -> torch.dtype | None:
        """The 16-bit dtype of matrix products and convolutions, or None for the dtype of the images."""
        ...

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            images: (N, 3, H, W), normalised as the network expects.
            layers: Indices of the layers to return, ascending, or None for the embedding.

        Returns:
            The outputs of the layers, or the embedding alone, as `Backbone.outputs` returns them.
        """
        ...


class StartRuntime(Protocol):
    """Starts a runtime, as `RUNTIMES` holds it under the name of the runtime."""

    def __call__(self, backbone: Backbone, precision: str) -> Runtime:
        """Start the runtime.

        Args:
            backbone: The network.
            precision: A key of `PRECISIONS`.
        """
        ...


RUNTIMES: Registry[StartRuntime] = Registry("runtime", "innersight.runtimes")
"""The runtimes by name."""


def check_choice(name: str, precision: str) -> None:
    """Check that a runtime and a precision exist.

    Args:
        name: Name of the runtime.
        precision: Name of the precision.

    Raises:
        ArgumentError: If one of them does not exist. The message lists the nearest names.
    """
    RUNTIMES.find(name)
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def start_runtime(backbone: Backbone, name: str, precision: str) -> Runtime:
    """Start the runtime of a network.

    Args:
        backbone: The network.
        name: A name of `RUNTIMES`.
        precision: A key of `PRECISIONS`.

    Returns:
        The runtime.

    Raises:
        ArgumentError: If a name is unknown.

    Example:
        >>> from innersight.backbones.features import load_backbone
        >>> start_runtime(load_backbone("efficientnet-lite0"), "torch", "fp32").name
        'torch'
    """
    check_choice(name, precision)
    return RUNTIMES[name](backbone, precision)
