"""torch as the runtime, operation by operation or compiled."""

from __future__ import annotations

import torch

from innersight.backbones.features import Backbone, Run
from innersight.runtimes.choice import PRECISIONS, RUNTIMES


class Eager:
    """Runs a network with torch.

    Args:
        backbone: The network.
        reduced: The 16-bit dtype of matrix products and convolutions, by torch's autocast. Default: None, the dtype of
            the images.
        compiled: Whether `torch.compile` fuses the operations. It takes about a minute for each new image size.
            Default: False.

    Attributes:
        name: `torch` or `torch-compile`.
        reduced: The 16-bit dtype of matrix products and convolutions, or None for the dtype of the images.
    """

    def __init__(self, backbone: Backbone, reduced: torch.dtype | None = None, *, compiled: bool = False) -> None:
        self.name = "torch-compile" if compiled else "torch"
        self.reduced = reduced
        self._backbone = backbone
        self._compile = compiled
        self._compiled: Run | None = None

    def __getstate__(self) -> dict[str, object]:
        """Return the state without the compiled code, which cannot be copied. A copy compiles its own network."""
        return {**self.__dict__, "_compiled": None}

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            images: (N, 3, H, W), normalised as the network expects.
            layers: Indices of the layers to return, ascending, or None for the embedding.

        Returns:
            The outputs of the layers, or the embedding alone, in the dtype of the images.
        """
        outputs: Run = self._backbone.outputs
        if self._compile:
            self._compiled = self._compiled or torch.compile(outputs)
            outputs = self._compiled
        if self.reduced is None:
            return outputs(images, layers)
        with torch.autocast(images.device.type, self.reduced):
            return tuple(output.to(images.dtype) for output in outputs(images, layers))


@RUNTIMES.register("torch")
def _start_torch(backbone: Backbone, precision: str) -> Eager:
    return Eager(backbone, _reduced(precision))


@RUNTIMES.register("torch-compile")
def _start_compiled(backbone: Backbone, precision: str) -> Eager:
    return Eager(backbone, _reduced(precision), compiled=True)


def _reduced(precision: str) -> torch.dtype | None:
    dtype = PRECISIONS[precision]
    return dtype if dtype.itemsize == 2 else None
