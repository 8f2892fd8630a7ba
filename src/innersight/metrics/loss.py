"""A metric as a loss for training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from typing_extensions import Unpack

from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.factory import Overrides, create_metric, resolve
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.values import check_number

_REDUCTIONS = ("mean", "sum", "none")
_MAX_SHARE = 0.99
_NOISE_MSE = 1e-3
"""Mean squared error of white noise of PSNR 30 dB."""


class MetricLoss(nn.Module):
    """The scores of a metric, and a share of mean squared error, as a loss. `innersight.as_loss` makes it.

    It is frozen, has no parameters and adds nothing to a checkpoint. A step does not wait for the device.

    Args:
        metric: A differentiable metric of which a lower score means more similar images.
        reduction: `mean` or `sum` over the batch, or `none`.
        jitter: Largest random shift of both images for the metric, pixels, from 0.
        pixels: Share of the squared error in the loss of white noise of PSNR 30 dB, from 0 to 0.99.

    Attributes:
        metric: The metric.
        pixel_weight: Weight of the mean squared error, rounded to two digits. It is 0 if `pixels` is 0.
        clamped: Number of values of the outputs that were outside [0, 1] so far, a tensor on the device.
        values: Number of values of the outputs so far, a tensor on the device.

    Raises:
        ArgumentError: If `reduction` is unknown, `jitter` is not an integer from 0, `pixels` is not a number from 0 to
            0.99, or the metric is not differentiable, has higher scores for more similar images, or does not respond
            to white noise.
    """

    clamped: torch.Tensor
    values: torch.Tensor

    def __init__(
        self, metric: FullReferenceMetric, *, reduction: str = "mean", jitter: int = 0, pixels: float = 0.2
    ) -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ArgumentError(f"Argument `reduction` must be one of {_REDUCTIONS}, but got {reduction!r}.")
        if not isinstance(jitter, int) or isinstance(jitter, bool) or jitter < 0:
            raise ArgumentError(f"Argument `jitter` must be an integer of pixels from 0, but got {jitter!r}.")
        check_number("pixels", pixels, 0, _MAX_SHARE)
        if not metric.is_differentiable or metric.higher_is_better:
            why = "has no gradient" if not metric.is_differentiable else "is higher for more similar images"
            raise ArgumentError(f"Argument `metric` cannot be a loss: {metric.name} {why}. Use 'lite'.")
        self.metric = metric
        self.reduction = reduction
        self.jitter = jitter
        self.pixel_weight = _pixel_weight(metric, pixels) if pixels else 0.0
        for name in ("clamped", "values"):
            self.register_buffer(name, torch.zeros((), dtype=torch.long, device=metric.device), persistent=False)

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compute the loss.

        Args:
            output: The images of a model, (N, 3, H, W) floats, sRGB in [0, 1]. Values outside are clamped, which gives
                them a gradient of 0, and counted. float16 and bfloat16 are converted to the dtype of the metric.
            target: The images that they should be, of the same shape.

        Returns:
            The loss, from 0 (identical): a scalar, or (N,) for `reduction="none"`.

        Raises:
            ArgumentError: If a tensor's type, shape or device is not as described.
        """
        output, target = self._converted(output), self._converted(target)
        if output.is_floating_point():  # the metric refuses all others
            with torch.no_grad():
                self.clamped += ((output < 0) | (output > 1)).sum()
                self.values += output.numel()
            output, target = output.clamp(0, 1), target.clamp(0, 1)
        seen, expected = self._shifted(output, target) if self.jitter else (output, target)
        scores: torch.Tensor = self.metric(expected, seen)
        if self.pixel_weight:
            scores = scores + self.pixel_weight * (output - target).square().mean((1, 2, 3))
        if self.reduction == "none":
            return scores
        return scores.mean() if self.reduction == "mean" else scores.sum()

    def clamped_share(self) -> float:
        """Return the share of the outputs' values that were outside [0, 1] so far. It waits for the device."""
        return float(self.clamped / self.values.clamp(min=1))

    def extra_repr(self) -> str:
        """Describe the loss in `print(model)`."""
        return (
            f"metric={self.metric.name}, reduction={self.reduction}, jitter={self.jitter}, "
            f"pixel_weight={self.pixel_weight:g}"
        )

    def _converted(self, images: torch.Tensor) -> torch.Tensor:
        is_float = isinstance(images, torch.Tensor) and images.is_floating_point()
        return images.to(self.metric.dtype) if is_float else images

    def _shifted(self, output: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Shift both images by the same random number of pixels. What leaves on one side comes in on the other."""
        for dimension in (-2, -1):
            size = output.shape[dimension]
            # Indices on the device: a shift that is read as a number would make the step wait.
            shift = torch.randint(0, self.jitter + 1, (), device=output.device)
            places = (torch.arange(size, device=output.device) + shift) % size
            output, target = (images.index_select(dimension, places) for images in (output, target))
        return output, target


def _pixel_weight(metric: FullReferenceMetric, share: float) -> float:
    """Compute the weight that gives the mean squared error a share of the loss of white noise of PSNR 30 dB.

    The noise is on an image of smooth random colours. A grey image would not do: on it, the scores of transformers are
    many times those on photographs.
    """
    views = metric.config.active_views if isinstance(metric, FeatureMetric) else ()
    # A resize to a smaller side would remove a part of the noise, and an image must not be smaller than a window.
    windows = [view.input.window for view in views if view.input.window and not view.input.short_side]
    side = max([min((view.input.short_side or 256 for view in views), default=256), *windows])
    draw = torch.Generator().manual_seed(0)
    colours = torch.rand(1, 3, 16, 16, generator=draw)
    smooth = nn.functional.interpolate(colours, size=(side, side), mode="bicubic")
    image = smooth.clamp(0.1, 0.9)  # leaves the noise room
    noisy = image + math.sqrt(_NOISE_MSE) * torch.randn(image.shape, generator=draw)
    with torch.no_grad():
        score = float(metric(*(each.clamp(0, 1).to(metric.device, metric.dtype) for each in (image, noisy))))
    if not score > 0:
        raise ArgumentError(
            f"Argument `metric`: {metric.name} has a score of {score:g} for white noise, which does not scale the "
            "error of pixels. Use pixels=0."
        )
    # Two digits: the weight is the same on all devices, although their scores differ by rounding.
    return float(f"{share / (1 - share) * score / _NOISE_MSE:.2g}")


def as_loss(
    metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    jitter: int = 0,
    pixels: float = 0.2,
    scale: Literal["linear", "log"] = "linear",
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> MetricLoss:
    r"""Make a loss of a metric.

    The loss of a batch with the targets :math:`y` and the outputs :math:`x`, clamped to [0, 1], is

    .. math:: \frac{1}{N} \sum_i \left( s(y_i, x_i) + \mu\, \mathrm{MSE}(y_i, x_i) \right)

    With the scale `linear` the terms :math:`d_t` of a preset count as they are,
    :math:`s = \sum_t w_t d_t / \sum_t w_t`. The scale `log` of the scores gives small differences large gradients.

    The score :math:`s` alone is nearly 0 for some large errors, such as patterns that the filters of the network
    cancel, also of luma and of period 2. The mean squared error of the pixels excludes them. Each image of loss L has

    .. math:: \mathrm{PSNR} \ge 10 \log_{10}(\mu / L)

    :math:`\mu` is such that the squared error is the share `pixels` of the loss of white noise of PSNR 30 dB. With the
    scale `linear`, an image then has a PSNR of at most :math:`10 \log_{10}(1 / \mathrm{pixels})` dB below that of white
    noise of the same loss, within the variation of the share between images: 7 dB for the default.

    Args:
        metric: As for `create_metric`, or a metric that it made, whose scale is then kept. Default: `lite`.
        reduction: `mean` (default) or `sum` over the batch, or `none` for the loss of each image.
        jitter: For the metric, both images are shifted by 0 to this number of pixels, at random in each step, in both
            directions. What leaves on one side comes in on the other. So the loss does not always see an image on the
            same grid of the strides of a network. It does not prevent patterns that the network does not see at any
            shift. Default: 0, no shift.
        pixels: Share of the squared error in the loss of white noise of PSNR 30 dB, from 0 (the score alone) to 0.99.
            One image is scored for it here. A higher share gives a higher PSNR, and counts more of what people do not
            see. Default: 0.2.
        scale: `linear` (default) or `log`. A metric of another library, such as `gmsd`, refuses `log`.
        weights: As for `create_metric`.
        device: The device of the images. Default: `cpu`.
        precision: As for `create_metric`. Default: `fp32`.
        runtime: As for `create_metric`. Default: `torch`.
        changes: As for `create_metric`.
        **overrides: As for `create_metric`.

    Returns:
        The loss, a torch module: `loss(output, target)`.

    Raises:
        ArgumentError: As `MetricLoss` and `create_metric`.
        WeightsError: As `create_metric`.

    Example:
        >>> loss = as_loss("lite")
        >>> target = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> output = (target + 0.1).requires_grad_()
        >>> loss(output, target).backward()
        >>> bool(output.grad.abs().max() > 0), 0 < loss.clamped_share() < 0.2
        (True, True)
        >>> loss.pixel_weight
        320.0
    """
    if isinstance(metric, FullReferenceMetric):
        made = metric
    else:
        # A metric of another library has no configuration, so `create_metric` refuses any change, also of the scale.
        scaled = {"scale": scale} if scale != "linear" or resolve(metric) is not None else {}
        made = create_metric(
            metric,
            weights=weights,
            device=device,
            precision=precision,
            runtime=runtime,
            validate=False,  # the check waits for the device, and values are clamped
            changes={**scaled, **(changes or {})},
            **overrides,
        )
    return MetricLoss(made, reduction=reduction, jitter=jitter, pixels=pixels)
