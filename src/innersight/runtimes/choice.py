"""The table of runtimes, their common interface, and the choice of one.

A runtime registers itself in the module of its class, so that a new runtime is one new file. `auto` takes the runtimes
of `_PREFERRED` first.
"""

from __future__ import annotations

from typing import Protocol

import torch

from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError, unknown_name
from innersight.registry import Registry

PRECISIONS = {"fp32": torch.float32, "fp64": torch.float64, "fp16": torch.float16, "bf16": torch.bfloat16}
"""The dtypes that a network can compute in. The distances compute in float32, and in float64 for `fp64`."""

_PREFERRED = ("openvino",)
"""The runtimes that `auto` takes if they can run the network, in this order. Otherwise it takes torch."""


class Runtime(Protocol):
    """Runs the network of one backbone.

    Without reduced precision, the scores differ from those of torch by less than 1e-4 relative.
    """

    @property
    def name(self) -> str:
        """Name of the runtime, with the version of its library if that is not torch."""
        ...

    @property
    def reduced(self) -> torch.dtype | None:
        """The 16-bit dtype of matrix products and convolutions, or None for the dtype of the images."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow through the network. If not, torch runs the pairs that need a gradient."""
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

    def __call__(self, backbone: Backbone, precision: str, device: torch.device, *, fallback: bool) -> Runtime:
        """Start the runtime.

        Args:
            backbone: The network.
            precision: A key of `PRECISIONS`.
            device: Where to compute.
            fallback: Whether torch runs the network if the runtime fails later. Otherwise a failure is an error.

        Raises:
            ArgumentError: If the runtime is not installed or does not support the precision or the device.
        """
        ...


RUNTIMES: Registry[StartRuntime] = Registry("runtime", "innersight.runtimes")
"""The runtimes by name, and `auto`."""


@RUNTIMES.register("auto")
def _start_auto(backbone: Backbone, precision: str, device: torch.device, *, fallback: bool) -> Runtime:  # noqa: ARG001 - auto always falls back
    for name in _PREFERRED:
        try:
            return RUNTIMES[name](backbone, precision, device, fallback=True)
        except ArgumentError:  # this runtime is not installed or does not fit
            continue
    return RUNTIMES["torch"](backbone, precision, device, fallback=True)


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


def start_runtime(backbone: Backbone, name: str, precision: str, device: torch.device) -> Runtime:
    """Start the runtime of a network.

    Args:
        backbone: The network.
        name: A name of `RUNTIMES`. `auto` takes OpenVINO for fp32 on a CPU if it is installed and gives the numbers of
            torch for this network. Otherwise it takes torch.
        precision: A key of `PRECISIONS`.
        device: Where to compute.

    Returns:
        The runtime.

    Raises:
        ArgumentError: If a name is unknown, or the runtime is not installed or does not support the precision or the
            device.

    Example:
        >>> from innersight.backbones.features import load_backbone
        >>> start_runtime(load_backbone("efficientnet-lite0"), "torch", "fp32", torch.device("cpu")).name
        'torch'
    """
    check_choice(name, precision)
    return RUNTIMES[name](backbone, precision, device, fallback=False)
