"""A distance of chroma planes: how far each chroma is outside the range around its position in the other image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch.nn.functional import pad

from innersight.distances.numerics import large_value_unit

_Pick: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_EPS = 1e-3
"""Added to the energy of each image. Its root is a chroma of 8 of 255 levels, so weak colour in grey counts little."""


def chroma_range(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the squared distance of each chroma from the range around its position in the other image.

    .. math:: t(r, d)_p = \frac{o(r_p, d)^2 + o(d_p, r)^2}{\overline{r^2} + \overline{d^2} + 2 \epsilon}, \quad
        o(x_p, y) = \Bigl\lVert \max\bigl(x_p - \max_{q \in N(p)} y_q,\ \min_{q \in N(p)} y_q - x_p,\ 0\bigr)
        \Bigr\rVert

    N(p) is p with its eight neighbours. The maximum and minimum are taken in each plane. The energies
    :math:`\overline{r^2}` and :math:`\overline{d^2}` are sums over planes and means over positions, and
    :math:`\epsilon = 10^{-3}`. The distance is symmetric. It does not change under shifts by one pixel. It responds to
    changes of hue or saturation, colour noise and blocks of wrong colour.

    Args:
        reference: (N, C, H, W), chroma planes.
        distorted: A tensor of the same shape.

    Returns:
        (N, H, W), from 0, relative to the energy of both images.

    Example:
        >>> chroma = torch.rand(1, 2, 16, 16) - 0.5
        >>> moved, turned = chroma.roll(1, dims=3), chroma.flip(1)
        >>> bool(chroma_range(chroma, moved)[..., 1:-1].max() == 0), bool(chroma_range(chroma, turned).max() > 0)
        (True, True)
    """
    unit = large_value_unit(reference, distorted)  # it cancels in the ratio
    reference, distorted = reference / unit, distorted / unit
    outside = _outside(reference, distorted) + _outside(distorted, reference)
    energy = (reference.square() + distorted.square()).sum(1).mean((1, 2))
    return outside / (energy.view(-1, 1, 1) + 2 * _EPS / unit[:, 0] / unit[:, 0])


def _outside(values: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Compute the squared distance of each value from the range of the others around it, summed over planes."""
    framed = pad(others, (1, 1, 1, 1), mode="replicate")  # repeated values at the border do not change the range
    most, least = (_along_columns(_along_rows(framed, pick), pick) for pick in (torch.maximum, torch.minimum))
    return (values - values.clamp(least, most)).square().sum(1)


def _along_rows(framed: torch.Tensor, pick: _Pick) -> torch.Tensor:
    return pick(pick(framed[..., :-2, :], framed[..., 1:-1, :]), framed[..., 2:, :])


def _along_columns(framed: torch.Tensor, pick: _Pick) -> torch.Tensor:
    return pick(pick(framed[..., :-2], framed[..., 1:-1]), framed[..., 2:])
