"""How far each colour lies outside those around its place in the other image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch.nn.functional import pad

_Pick: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_EPS = 1e-3
"""Added to the chroma's energy, so that a trace of colour in grey is not everything: a deviation of 8 levels."""


def chroma_range(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Squared distance of each pixel's chroma from the range of the other image's around it, relative to the chroma.

    .. math:: t(r, d)_p = \frac{o(r_p, d)^2 + o(d_p, r)^2}{\overline{r^2} + \overline{d^2} + 2 \epsilon}, \quad
        o(x_p, y) = \Bigl\lVert \max\bigl(x_p - \max_{q \in N(p)} y_q,\ \min_{q \in N(p)} y_q - x_p,\ 0\bigr)
        \Bigr\rVert

    with N(p) the pixels up to a row and column away, the maximum taken in each plane, the energies summed over
    planes and averaged over positions, and :math:`\epsilon = 10^{-3}`. Blind to shifts by a pixel; a change of
    hue or saturation, colour noise and blocks of wrong colour are outside the range. Symmetric.

    Args:
        reference: (N, C, H, W), chroma planes.
        distorted: The same shape.

    Returns:
        (N, H, W), from 0.

    Example:
        >>> chroma = torch.rand(1, 2, 16, 16) - 0.5
        >>> moved, turned = chroma.roll(1, dims=3), chroma.flip(1)
        >>> bool(chroma_range(chroma, moved)[..., 1:-1].max() == 0), bool(chroma_range(chroma, turned).max() > 0)
        (True, True)
    """
    outside = _outside(reference, distorted) + _outside(distorted, reference)
    energy = (reference.square() + distorted.square()).sum(1).mean((1, 2))
    return outside / (energy + 2 * _EPS).view(-1, 1, 1)


def _outside(values: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Squared distance of each value from the range of the others up to a row and column away, summed over planes."""
    framed = pad(others, (1, 1, 1, 1), mode="replicate")  # the border's own value again: it changes no extreme
    most, least = (_along_columns(_along_rows(framed, pick), pick) for pick in (torch.maximum, torch.minimum))
    return (values - values.clamp(least, most)).square().sum(1)


def _along_rows(framed: torch.Tensor, pick: _Pick) -> torch.Tensor:
    return pick(pick(framed[..., :-2, :], framed[..., 1:-1, :]), framed[..., 2:, :])


def _along_columns(framed: torch.Tensor, pick: _Pick) -> torch.Tensor:
    return pick(pick(framed[..., :-2], framed[..., 1:-1]), framed[..., 2:])
