"""torch itself, operation by operation or compiled."""

from __future__ import annotations

import torch

from innersight.backbones.features import Backbone, Run


class Eager:
    """Runs a network with torch.

    Args:
        backbone: The network.
        reduced: A 16-bit dtype that torch's autocast takes matrix products and convolutions down to, or None.
        compiled: Whether `torch.compile` fuses its operations, at the cost of a minute at each new image size.

    Attributes:
        name: `torch` or `torch-compile`.
        reduced: As given.
        differentiable: True: gradients flow through it.
    """

    differentiable = True

    def __init__(self, backbone: Backbone, reduced: torch.dtype | None = None, *, compiled: bool = False) -> None:
        self.name = "torch-compile" if compiled else "torch"
        self.reduced = reduced
        self._backbone = backbone
        self._compile = compiled
        self._compiled: Run | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave out the compiled code, which can't be copied: a copy compiles for its own network."""
        return {**self.__dict__, "_compiled": None}

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network, see `Backbone.outputs`; the results have the images' dtype."""
        outputs: Run = self._backbone.outputs
        if self._compile:
            self._compiled = self._compiled or torch.compile(outputs)
            outputs = self._compiled
        if self.reduced is None:
            return outputs(images, layers)
        with torch.autocast(images.device.type, self.reduced):
            return tuple(output.to(images.dtype) for output in outputs(images, layers))
