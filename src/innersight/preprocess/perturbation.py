"""Small geometric perturbations of one image of a pair, to test the robustness of a metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from PIL import Image

from innersight.errors import ArgumentError, ImageError, unknown_name

Kind: TypeAlias = Literal["tra", "sca", "rot"]
KINDS = ("tra", "sca", "rot")


@dataclass(frozen=True)
class Perturbation:
    r"""A small translation, scaling or rotation of one image of a pair (Ghildyal et al., ICASSP 2025).

    W and H are the width and the height of the images, and m is the magnitude:

    * `tra`: a translation by :math:`s = \lceil W m / 100 \rceil` columns. The reference keeps the columns [0, W - s),
      the distorted image the columns [s, W).
    * `sca`: the distorted image is enlarged by :math:`W m / 100` columns and :math:`H m / 100` rows, each rounded up to
      an even number, with a bilinear filter. Then it is cropped to its centre of W x H.
    * `rot`: the distorted image is rotated by m degrees clockwise about its centre, with the nearest pixel. The corners
      become black.

    `sca` and `rot` compute with 8 bits, as the published scores do. Finer samples are rounded.

    Args:
        kind: `tra`, `sca` or `rot`.
        magnitude: m, in percent for `tra` and `sca` and in degrees for `rot`. Above 0 and at most 45. Default: 1.

    Raises:
        ArgumentError: If the kind is unknown or the magnitude is out of range.

    Example:
        >>> shift = Perturbation("tra", 1)
        >>> image = torch.rand(3, 384, 512)
        >>> shift.of_reference(image).shape, torch.equal(shift.of_distorted(image), image[..., 6:])
        (torch.Size([3, 384, 506]), True)
        >>> str(shift)
        'tra-1'
    """

    kind: Kind
    magnitude: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("perturbation", self.kind, KINDS)
        if not 0 < self.magnitude <= 45:
            raise ArgumentError(
                f"Argument `magnitude` must be above 0 and at most 45 (percent or degrees), but got {self.magnitude!r}."
            )

    def __str__(self) -> str:
        return f"{self.kind}-{self.magnitude:g}"

    def of_reference(self, image: torch.Tensor) -> torch.Tensor:
        """Return the reference of the perturbed pair.

        Args:
            image: (3, H, W) in [0, 1].

        Returns:
            (3, H, W), or (3, H, W - s) for `tra`.

        Raises:
            ImageError: If the image is not wider than the translation.
        """
        return image[..., : -self._shift(image)] if self.kind == "tra" else image

    def of_distorted(self, image: torch.Tensor) -> torch.Tensor:
        """Return the distorted image of the perturbed pair.

        Args:
            image: (3, H, W) in [0, 1].

        Returns:
            (3, H, W), or (3, H, W - s) for `tra`.

        Raises:
            ImageError: If the image is not wider than the translation.
        """
        match self.kind:
            case "tra":
                return image[..., self._shift(image) :]
            case "sca":
                return _to_tensor(self._scale(_to_pillow(image)))
            case "rot":
                return _to_tensor(_to_pillow(image).rotate(-self.magnitude, Image.Resampling.NEAREST))

    def _shift(self, image: torch.Tensor) -> int:
        width = image.shape[-1]
        shift = math.ceil(width * self.magnitude / 100)
        if shift >= width:
            raise ImageError(
                f"A translation of {self.magnitude:g} % leaves no column of an image that is {width} pixels wide. "
                "Use a wider image."
            )
        return shift

    def _scale(self, image: Image.Image) -> Image.Image:
        grow_x, grow_y = (_next_even(side * self.magnitude / 100) for side in image.size)
        width, height = image.size
        larger = image.resize((width + grow_x, height + grow_y), Image.Resampling.BILINEAR)
        left, top = grow_x // 2, grow_y // 2
        return larger.crop((left, top, left + width, top + height))


def _next_even(length: float) -> int:
    whole = math.ceil(length)
    return whole + whole % 2


def _to_pillow(image: torch.Tensor) -> Image.Image:
    samples = (image * 255).round().to(torch.uint8)
    return Image.fromarray(np.ascontiguousarray(samples.permute(1, 2, 0).numpy()))


def _to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
