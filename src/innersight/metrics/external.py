"""Rivals: metrics of the field from well-kept libraries, made to be scored beside ours by the same engine."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import torch

from innersight.backbones.features import Features, is_device_failure
from innersight.errors import ArgumentError, ImageError, WeightsError, first_line, unknown_name
from innersight.metrics.create import find_device
from innersight.metrics.views import Views
from innersight.preprocess.validation import check_images

_SIGHT = "pixels"


@dataclass(frozen=True)
class RivalEntry:
    """One rival as data.

    Attributes:
        name: As the user types it.
        function: Its name in piq.
        higher_is_better: Which way its scores point.
        trained: Whether it was fitted to human opinion, and has weights of its own that piq downloads.
        about: One line for a table.
    """

    name: str
    function: str
    higher_is_better: bool
    trained: bool
    about: str


RIVALS: Mapping[str, RivalEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            RivalEntry("psnr", "psnr", True, False, "peak signal-to-noise ratio of RGB, at most 80 dB"),
            RivalEntry("ssim", "ssim", True, False, "structural similarity, mean of R, G and B, Wang et al. 2004"),
            RivalEntry("ms-ssim", "multi_scale_ssim", True, False, "SSIM on five scales, Wang et al. 2003"),
            RivalEntry("fsim", "fsim", True, False, "phase congruency and gradients, with chroma, Zhang et al. 2011"),
            RivalEntry("vsi", "vsi", True, False, "visual saliency, Zhang et al. 2014"),
            RivalEntry("gmsd", "gmsd", False, False, "deviation of gradient similarity, Xue et al. 2014"),
            RivalEntry("haarpsi", "haarpsi", True, False, "Haar wavelets, Reisenhofer et al. 2018"),
            RivalEntry("mdsi", "mdsi", False, False, "deviation of gradients and chroma, Ziaei Nafchi et al. 2016"),
            RivalEntry("lpips", "LPIPS", False, True, "VGG16 features, weights fitted to opinions, Zhang et al. 2018"),
            RivalEntry("dists", "DISTS", False, True, "VGG16 structure and texture, fitted, Ding et al. 2020"),
        )
    }
)


@dataclass(frozen=True)
class _Library:
    name: str


class Rival:
    """Another metric under the contract of `innersight.metrics.contract.PairMetric`: what it sees are the pixels.

    Made by `create_rival`. Its scores are its library's, direction and all; nothing is computed here.

    Args:
        entry: Which.
        score: (distorted, reference), each (N, 3, H, W) in [0, 1], to (N,).
        device: Where to compute.
    """

    layers = (0,)
    sight = _SIGHT
    window = None
    dtype = torch.float32

    def __init__(
        self,
        entry: RivalEntry,
        score: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        device: torch.device,
    ) -> None:
        self.entry = entry
        self.device = device
        self.runtime = _Library(f"piq {version('piq')}")
        self._score = score

    @property
    def higher_is_better(self) -> bool:
        """Which way its scores point."""
        return self.entry.higher_is_better

    def seen_pixels(self, height: int, width: int) -> int:
        """Count the pixels seen: all of them."""
        return height * width

    def look(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Views:  # noqa: ARG002
        """Keep the pixels.

        Raises:
            ArgumentError: If the tensor is not (N, 3, H, W) in [0, 1].
        """
        check_images("images", images, dtype=self.dtype, device=self.device)
        size = images.shape[-2], images.shape[-1]
        return Views(Features("maps", (images,), None), self.layers, images.shape[0], size, self.sight)

    def look_in_parts(self, images: torch.Tensor, layers: tuple[int, ...] | None = None) -> Iterator[Views]:
        """Keep the pixels, all at once."""
        yield self.look(images, layers)

    def compare(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Score what was seen.

        Args:
            reference: Of N images, or of one that all distorted ones are compared with.
            distorted: Of N images.

        Returns:
            (N,), in the library's units.

        Raises:
            ImageError: If the library refuses the images, such as those too small for its windows.
        """
        d = distorted.features.layers[0]
        r = reference.features.layers[0].expand_as(d)
        try:
            return self._score(d, r).reshape(d.shape[0])
        except (AssertionError, ValueError, RuntimeError) as error:
            if is_device_failure(error):
                raise
            raise ImageError(
                f"{self.entry.name} of {self.runtime.name} can't score images of {d.shape[-2]} x {d.shape[-1]} "
                f"(height x width): {first_line(error)}"
            ) from error

    def compare_layers(self, reference: Views, distorted: Views) -> torch.Tensor:
        """Return the score as that of its one layer, (N, 1)."""
        return self.compare(reference, distorted)[:, None]

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
        return {
            "rival": self.entry.name,
            "library": self.runtime.name,
            "function": self.entry.function,
            "higher_is_better": self.higher_is_better,
            "device": str(self.device),
            "citation": f"{self.entry.name} by {self.runtime.name}, RGB in [0, 1], the library's defaults",
        }


def create_rival(name: str, device: torch.device | None = None) -> Rival:
    """Make a rival ready to score.

    Args:
        name: One of `RIVALS`.
        device: Where to compute; the CPU by default.

    Returns:
        The rival.

    Raises:
        ArgumentError: If the name is unknown, or piq is not installed.
        WeightsError: If it has weights and they can't be fetched.

    Example:
        >>> psnr = create_rival("psnr")
        >>> grey, black = psnr.look(torch.full((1, 3, 16, 16), 0.1)), psnr.look(torch.zeros(1, 3, 16, 16))
        >>> psnr.compare(grey, black)
        tensor([20.])
    """
    if name not in RIVALS:
        raise unknown_name("rival", name, RIVALS)
    if importlib.util.find_spec("piq") is None:
        raise ArgumentError(f"The metric {name!r} needs piq: pip install 'innersight[baselines]'.")
    entry, target = RIVALS[name], find_device(device or "cpu")
    function = getattr(importlib.import_module("piq"), entry.function)
    if not entry.trained:
        return Rival(entry, partial(function, data_range=1.0, reduction="none"), target)
    try:
        network = function(reduction="none").to(target).eval()
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"The weights of {name!r}, which piq downloads, can't be had: {first_line(error)}"
        ) from error
    return Rival(entry, network, target)
