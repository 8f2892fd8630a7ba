"""Innersight with the interface of the package lpips, for programs that call it."""

from __future__ import annotations

from typing import Any

from innersight.errors import ArgumentError
from innersight.extras import needed_for

with needed_for("innersight.integrations.lpips"):
    import torch
    from torch import nn

from innersight.metrics.loss import as_loss

_NETS = ("alex", "vgg", "squeeze")


class LPIPS(nn.Module):
    """A metric of Innersight with the calls, ranges and shapes of `lpips.LPIPS` (version 0.1.4).

    Change `import lpips` to `from innersight.integrations import lpips`. Values are not those of LPIPS. They are the
    linear scores of a preset: 0 for identical images, higher for larger differences, without an upper limit.

    Args:
        net: The metric, as for `innersight.create_metric`; `alex`, `vgg` and `squeeze`, the networks of lpips, mean
            `lite`. Default: `alex`, as in lpips.
        spatial: Whether to return maps. Default: False.
        **other: `pretrained`, `version`, `lpips`, `pnet_rand`, `pnet_tune`, `use_dropout`, `model_path`, `eval_mode`,
            `verbose` of lpips. They have no effect here.

    Raises:
        ArgumentError: If an argument is not one of lpips, or as `innersight.create_metric`.
        WeightsError: As `innersight.create_metric`.

    Example:
        >>> loss = LPIPS(net="alex")
        >>> image = torch.zeros(2, 3, 64, 64)  # in [-1, 1]
        >>> loss(image, image).shape
        torch.Size([2, 1, 1, 1])
    """

    _IGNORED = (
        *("pretrained", "version", "lpips", "pnet_rand", "pnet_tune", "use_dropout", "model_path", "eval_mode"),
        "verbose",
    )

    def __init__(self, net: str = "alex", *, spatial: bool = False, **other: Any) -> None:
        super().__init__()
        unknown = sorted(set(other) - set(self._IGNORED))
        if unknown:
            raise ArgumentError(
                f"Argument `{unknown[0]}` is not one of lpips.LPIPS, which has {', '.join(self._IGNORED)}."
            )
        self.spatial = spatial
        try:
            loss = as_loss("lite" if net in _NETS else net, reduction="none", pixels=0)
        except ArgumentError as error:
            raise ArgumentError(str(error).replace("Argument `metric`", "Argument `net`", 1)) from None
        self.metric = loss.metric

    def forward(
        self,
        in0: torch.Tensor,
        in1: torch.Tensor,
        retPerLayer: bool = False,  # noqa: N803 - the name of lpips
        normalize: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, list[torch.Tensor]]:
        """Compare two batches of images.

        Args:
            in0: The references, (N, 3, H, W) floats in [-1, 1]. Values outside are clamped.
            in1: The images, of the same shape.
            retPerLayer: Whether to return the parts of the layers too. Default: False.
            normalize: Whether the images are in [0, 1]. Default: False.

        Returns:
            (N, 1, 1, 1), or (N, 1, H, W) maps with `spatial`; with `retPerLayer` also a list of the layers' parts,
            each (N, 1, 1, 1).

        Raises:
            ArgumentError: If a tensor's type, shape or device is not as described, or the metric has no map for
                `spatial` or no layers for `retPerLayer`.
        """
        reference, distorted = (self._scaled(images, normalize=normalize) for images in (in0, in1))
        if self.spatial:
            value = self.metric.map(reference, distorted)[:, None]
        else:
            value = self.metric(reference, distorted)[:, None, None, None]
        if not retPerLayer:
            return value
        parts = self.metric.per_layer(reference, distorted)
        return value, [part[:, None, None, None] for part in parts.unbind(dim=1)]

    def _scaled(self, images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        if not isinstance(images, torch.Tensor) or not images.is_floating_point():
            return images  # the metric refuses it
        images = images.to(self.metric.dtype)
        return (images if normalize else (images + 1) / 2).clamp(0, 1)
