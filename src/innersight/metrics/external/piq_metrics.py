"""The metrics of the library piq."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from innersight.backbones.features import is_device_failure, plain_defaults
from innersight.errors import ArgumentError, ImageError, WeightsError, first_line
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.external.registry import METRICS, MetricEntry
from innersight.preprocess.validation import check_pair
from innersight.provenance import TORCH, version_of, versions


class PiqMetric(FullReferenceMetric):
    """A metric of piq: its scores are piq's, with piq's defaults, on RGB in [0, 1].

    Args:
        name: Its name.
        function: Its name in piq.
        score: (distorted, reference), each (N, 3, H, W) in [0, 1], to (N,).
        higher_is_better: Whether a higher score means more similar images.
        device: The device of the computation.

    Example:
        >>> psnr = METRICS["psnr"].create(torch.device("cpu"))
        >>> psnr(torch.full((1, 3, 16, 16), 0.1), torch.zeros(1, 3, 16, 16))
        tensor([20.])
    """

    is_differentiable = True

    def __init__(
        self,
        name: str,
        function: str,
        score: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *,
        higher_is_better: bool,
        device: torch.device,
    ) -> None:
        super().__init__()
        self._name = name
        self._function = function
        self.__dict__["_score"] = score  # no submodule: weights of LPIPS must not enter a parent's checkpoint
        self._higher_is_better = higher_is_better
        self._device = device

    _score: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> PiqMetric:
        """Move the metric to another device; its precision stays float32."""
        self._device = fn(torch.zeros(1, device=self._device)).device
        if isinstance(self._score, nn.Module):
            self._score._apply(lambda tensor: tensor.to(self._device), recurse)  # type: ignore[no-untyped-call]
        return self

    def train(self, mode: bool = True) -> PiqMetric:  # noqa: ARG002
        """Stay in evaluation mode, also as a part of a model in training."""
        return super().train(False)

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self._name

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""
        return self._higher_is_better

    @property
    def device(self) -> torch.device:
        """The device of the computation."""
        return self._device

    @property
    def runtime_name(self) -> str:
        """`piq` and its version."""
        return f"piq {version_of('piq')}"

    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Score each pair.

        Args:
            reference: (N, 3, H, W), sRGB in [0, 1], float32.
            distorted: The same shape.

        Returns:
            (N,), in the units of the metric.

        Raises:
            ArgumentError: If a tensor's type, shape, dtype, device or range is not as described.
            ImageError: If piq refuses the images, such as those smaller than its windows.
        """
        check_pair(reference, distorted, dtype=self.dtype, device=self.device)
        try:
            return self._score(distorted, reference).reshape(distorted.shape[0])
        except (AssertionError, ValueError, RuntimeError) as error:
            if is_device_failure(error):
                raise
            height, width = distorted.shape[-2:]
            raise ImageError(
                f"{self.name} of {self.runtime_name} cannot score images of {height} x {width} (height x width): "
                f"{first_line(error)}"
            ) from error

    @property
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""
        return f"{self.name} by {self.runtime_name}, RGB in [0, 1], the library's defaults"

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""
        return {
            "name": self.name,
            "versions": {**versions(TORCH), "piq": version_of("piq")},
            "library": self.runtime_name,
            "function": self._function,
            "higher_is_better": self.higher_is_better,
            "precision": "float32",
            "runtime": self.runtime_name,
            "device": str(self.device),
            "citation": self.citation,
        }


def _create(device: torch.device, *, name: str, function: str, higher_is_better: bool, trained: bool) -> PiqMetric:
    if importlib.util.find_spec("piq") is None:
        raise ArgumentError(
            f"The metric {name!r} needs piq, which is not installed: pip install 'innersight[baselines]'."
        )
    made = getattr(importlib.import_module("piq"), function)
    if not trained:
        score = partial(made, data_range=1.0, reduction="none")
        return PiqMetric(name, function, score, higher_is_better=higher_is_better, device=device)
    try:
        with plain_defaults():  # weights in float32 that the caller's defaults do not reach
            network = made(reduction="none").to(device).eval()
    except (OSError, RuntimeError) as error:
        if is_device_failure(error):
            raise
        raise WeightsError(
            f"The weights of {name!r}, which piq downloads, are not available: {first_line(error)}"
        ) from error
    return PiqMetric(name, function, network, higher_is_better=higher_is_better, device=device)


# Name, function of piq, whether higher is better, whether it has weights fitted to opinions, summary.
for _name, _function, _higher, _trained, _summary in (
    ("psnr", "psnr", True, False, "peak signal-to-noise ratio of RGB, at most 80 dB"),
    ("ssim", "ssim", True, False, "structural similarity, mean of R, G and B, Wang et al. 2004"),
    ("ms-ssim", "multi_scale_ssim", True, False, "SSIM on five scales, Wang et al. 2003"),
    ("fsim", "fsim", True, False, "phase congruency and gradients, with chroma, Zhang et al. 2011"),
    ("vsi", "vsi", True, False, "visual saliency, Zhang et al. 2014"),
    ("gmsd", "gmsd", False, False, "deviation of gradient similarity, Xue et al. 2014"),
    ("haarpsi", "haarpsi", True, False, "Haar wavelets, Reisenhofer et al. 2018"),
    ("mdsi", "mdsi", False, False, "deviation of gradients and chroma, Ziaei Nafchi et al. 2016"),
    ("lpips", "LPIPS", False, True, "VGG16 features, weights fitted to opinions, Zhang et al. 2018"),
    ("dists", "DISTS", False, True, "VGG16 structure and texture, weights fitted to opinions, Ding et al. 2020"),
):
    METRICS.add(
        _name,
        MetricEntry(
            f"{_summary} (piq)",
            _higher,
            partial(_create, name=_name, function=_function, higher_is_better=_higher, trained=_trained),
        ),
    )
