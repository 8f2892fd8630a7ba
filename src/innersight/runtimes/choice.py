"""The runtimes by name, their one interface, and the choice among them."""

from __future__ import annotations

import importlib.util
from typing import Protocol

import torch

from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError, unknown_name
from innersight.runtimes.eager import Eager
from innersight.runtimes.openvino import OpenVINO

RUNTIMES = ("auto", "torch", "torch-compile", "openvino")

PRECISIONS = {"fp32": torch.float32, "fp64": torch.float64, "fp16": torch.float16, "bf16": torch.bfloat16}
"""What the network computes in. All else is computed in float32, and in float64 with `fp64`."""


class Runtime(Protocol):
    """Runs one backbone's network; called as `Backbone.outputs` is. In full precision scores are torch's within 1e-4.

    Differentiable whatever its kind: where a gradient is wanted, torch runs.
    """

    @property
    def name(self) -> str:
        """What runs, with its version where that is not torch's own."""
        ...

    @property
    def reduced(self) -> torch.dtype | None:
        """The 16-bit dtype that the network's products are computed in, or None."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow through it; where one is wanted and it does not, torch runs for both images."""
        ...

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network, see `Backbone.outputs`."""
        ...


def check_choice(name: str, precision: str) -> None:
    """Check that there are such a runtime and such a precision.

    Raises:
        ArgumentError: If not, with the nearest matches.
    """
    if not isinstance(name, str) or name not in RUNTIMES:
        raise unknown_name("runtime", name, RUNTIMES)
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def start_runtime(backbone: Backbone, name: str, precision: str, device: torch.device) -> Runtime:
    """Return what is to run a network.

    Args:
        backbone: The network.
        name: One of `RUNTIMES`. `auto` takes OpenVINO in fp32 on a CPU if it is installed and gives torch's numbers for
            this network, else torch.
        precision: A key of `PRECISIONS`.
        device: Where to compute.

    Returns:
        The runtime.

    Raises:
        ArgumentError: If a name is unknown, or OpenVINO is asked for and can't be had for this.

    Example:
        >>> from innersight.backbones.features import load_backbone
        >>> start_runtime(load_backbone("efficientnet-lite0"), "torch", "fp32", torch.device("cpu")).name
        'torch'
    """
    check_choice(name, precision)
    reduced = PRECISIONS[precision] if PRECISIONS[precision].itemsize == 2 else None
    fits = device.type == "cpu" and precision == "fp32"
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not (fits and installed):
        raise ArgumentError(
            f"Argument `runtime`: openvino computes in fp32 on a CPU here, but got {precision} on {device}; use torch."
            if not fits
            else "Argument `runtime`: openvino is not installed; run: pip install 'innersight[openvino]', or use torch."
        )
    if name == "openvino" or (name == "auto" and fits and installed):
        return OpenVINO(backbone, or_torch=name == "auto")
    return Eager(backbone, reduced, compiled=name == "torch-compile")
