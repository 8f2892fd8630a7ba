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
    """

    def __init__(self, backbone: Backbone, reduced: torch.dtype | None = None, *, compiled: bool = False) -> None:
        self.name = "torch-compile" if compiled else "torch"
        self.reduced = reduced
        self._outputs: Run = torch.compile(backbone.outputs) if compiled else backbone.outputs

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network, see `Backbone.outputs`; the results have the images' dtype."""
        if self.reduced is None:
            return self._outputs(images, layers)
        with torch.autocast(images.device.type, self.reduced):
            return tuple(output.to(images.dtype) for output in self._outputs(images, layers))
