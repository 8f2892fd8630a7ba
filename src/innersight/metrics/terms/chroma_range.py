"""The distance of chroma from the local range of the other image's chroma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from innersight.distances.chroma_range import chroma_range
from innersight.distances.numerics import mean, safe_pow
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TERMS, FeatureSource, PixelFeature, Term, TermFeatures
from innersight.preprocess.chroma import chroma_of

_MAX_POWER = 16


@TERMS.register("chroma_range")
@dataclass(frozen=True, kw_only=True)
class ChromaRange(Term):
    r"""The distance of each pixel's chroma from the local range of the other image's chroma.

    .. math:: v = \left( \frac{1}{P} \sum_p t_p^k \right)^{1/k}

    with :math:`t_p` of `innersight.distances.chroma_range` and k the `power`. It responds to changes of hue and
    saturation and to chroma noise, which the network hardly sees.

    Attributes:
        name: Default: `chroma`.
        power: k, a whole number from 1 to 16. A higher power weights small areas of wrong colour more. Default: 4.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.
    """

    summary: ClassVar[str] = "distance of chroma from the local range of the other image's chroma"

    name: str = "chroma"
    power: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.power) is not int or not 1 <= self.power <= _MAX_POWER:
            raise ArgumentError(
                f"Argument `{self.path('power')}` must be a whole number from 1 to {_MAX_POWER}, but got "
                f"{self.power!r}."
            )

    @property
    def pixel_feature(self) -> PixelFeature:
        """The two chroma planes of the image at full chroma resolution: (N, 2, H, W)."""
        return PixelFeature("chroma planes", _planes)

    def scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the power mean over pixels: (N, 1), from 0."""
        (positions,) = self.maps(reference, distorted)
        weights = None if reference.weights is None else reference.weights.pixels
        return safe_pow(mean(positions.pow(self.power), weights), 1 / self.power)[:, None]

    def accepts_mask(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def has_map(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def maps(self, reference: TermFeatures, distorted: TermFeatures) -> tuple[torch.Tensor, ...]:
        """Compute the distance of each pixel: (N, H, W)."""
        if reference.pixels is None or distorted.pixels is None:
            raise ValueError("the chroma planes are missing from the features")
        return (chroma_range(reference.pixels, distorted.pixels),)


def _planes(images: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    return chroma_of(images)
