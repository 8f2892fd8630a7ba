"""The presets of Innersight as metrics of the package pyiqa (IQA-PyTorch)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from innersight.extras import needed_for

with needed_for("innersight.integrations.pyiqa"):
    import torch
    from torch import nn
    from typing_extensions import Unpack

from innersight.metrics.factory import Overrides, create_metric
from innersight.metrics.presets.registry import PRESETS


class InnersightNet(nn.Module):
    """A metric of Innersight with the calls of a network of pyiqa. `pyiqa.create_metric` makes it.

    Args:
        metric: As for `innersight.create_metric`. Default: `lite`.
        weights: As for `innersight.create_metric`.
        changes: As for `innersight.create_metric`, such as `{"scale": "linear"}`.
        **overrides: As for `innersight.create_metric`.

    Raises:
        ArgumentError: As `innersight.create_metric`.
        WeightsError: As `innersight.create_metric`.

    Example:
        >>> net = InnersightNet("lite")
        >>> image = torch.zeros(2, 3, 64, 64)
        >>> net(image, image)
        tensor([0., 0.])
    """

    def __init__(
        self,
        metric: str = "lite",
        *,
        weights: str | Path | None = None,
        changes: Mapping[str, object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        super().__init__()
        # pyiqa checks the range itself, except for losses.
        self.metric = create_metric(metric, weights=weights, changes=changes, validate=False, **overrides)

    def forward(self, distorted: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Score each pair. The distorted images are the first argument, as in pyiqa.

        Args:
            distorted: (N, 3, H, W) or (N, 1, H, W) floats, sRGB in [0, 1]. Values outside are clamped.
            reference: The same shape.

        Returns:
            (N,), from 0 (identical); lower is more similar.

        Raises:
            ArgumentError: If a tensor's type, shape or device is not as described.
        """
        scores: torch.Tensor = self.metric(self._converted(reference), self._converted(distorted))
        return scores

    def _converted(self, images: torch.Tensor) -> torch.Tensor:
        if images.is_floating_point():  # the metric refuses all others
            images = images.to(self.metric.dtype).clamp(0, 1)
        return images.expand(-1, 3, -1, -1) if images.dim() == 4 and images.shape[1] == 1 else images


def register() -> tuple[str, ...]:
    """Register each preset as a metric of pyiqa: `innersight-lite`, `innersight-vit`, `innersight-paper` and so on.

    After it, `pyiqa.create_metric("innersight-lite")` makes the metric, and `pyiqa.list_models()` lists it. The
    arguments `device`, `as_loss` and the others of `pyiqa.create_metric` work as for each metric of pyiqa; `weights`,
    `changes`, `backbone`, `features`, `input`, `layers` and `distance` are those of `innersight.create_metric`. pyiqa
    reads files as 8-bit RGB. Written for pyiqa 0.1.16.

    Returns:
        The names.

    Raises:
        ArgumentError: If pyiqa is not installed.

    Example:
        >>> "innersight-lite" in register()
        True
        >>> import pyiqa
        >>> metric = pyiqa.create_metric("innersight-lite", device="cpu")
        >>> distorted = reference = torch.zeros(1, 3, 64, 64)
        >>> metric(distorted, reference)
        tensor([0.])
        >>> metric.lower_better
        True
    """
    with needed_for("innersight.integrations.pyiqa"):
        from pyiqa.default_model_configs import DEFAULT_CONFIGS
        from pyiqa.utils.registry import ARCH_REGISTRY

    ARCH_REGISTRY.register(InnersightNet, override=True)
    names = {f"innersight-{preset}": preset for preset in PRESETS}
    for name, preset in names.items():
        DEFAULT_CONFIGS[name] = {
            "metric_opts": {"type": InnersightNet.__name__, "metric": preset},
            "metric_mode": "FR",
            "lower_better": True,
            "score_range": "0, ~",
        }
    return tuple(names)
