"""A distance of the central moments of each channel over positions."""

from __future__ import annotations

import math

import torch

from innersight.distances.numerics import normalised, safe_pow
from innersight.distances.pointwise import EPS
from innersight.errors import ArgumentError

ORDERS = (2, 4, 8)
"""The allowed orders. They are powers of two, since repeated squaring is many times as fast as a power."""

_EPS_UNIT = math.sqrt(EPS)
"""Lower bound of the unit that features are divided by. Its square is the lower bound of the energy."""

_WEAK = 2.0**-10
"""A channel whose largest value is below this share of the largest one is scaled up before the powers."""


def channel_moments(
    reference: torch.Tensor, distorted: torch.Tensor, order: int = 2, weights: torch.Tensor | None = None
) -> torch.Tensor:
    r"""Compute the squared difference of the central moments of the channels, relative to the moments themselves.

    .. math:: s(r, d) = \frac{2 \sum_c \left( m_c(d) - m_c(r) \right)^2}{\sum_c \left( m_c(r)^2 + m_c(d)^2 \right)},
        \quad m_c(x) = \left( \frac{1}{P} \sum_{p=1}^{P} (x_{pc} - \bar{x}_c)^k \right)^{1/k}

    The moments of order k = 2 are standard deviations. Higher orders weight outliers more. The distance does not depend
    on positions: a shift of a texture does not change it, but blur and noise do. It is symmetric and scale-free. DISTS
    (Ding et al., 2020) compares standard deviations too, but with learned weights and for each channel on its own.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: A tensor of the same shape.
        order: k, one of `ORDERS`. Default: 2.
        weights: (N, T) or (N, H, W), the weight of each position, from 0. Both means are then weighted. Positions of
            weight 0 have no effect. Default: all positions count equally.

    Returns:
        (N,), from 0 to 2. A sum of squared moments below 1e-12 is replaced by 1e-12, which bounds the gradient.

    Raises:
        ArgumentError: If `order` is not one of `ORDERS`.

    Example:
        >>> x = torch.rand(1, 6, 4)
        >>> channel_moments(x, x.roll(1, dims=1)) < 1e-9, channel_moments(x, 0 * x), channel_moments(x, 3 * x, order=8)
        (tensor([True]), tensor([2.]), tensor([0.8000]))
    """
    if order not in ORDERS:
        raise ArgumentError(f"Argument `order` must be one of {ORDERS}, but got {order!r}.")
    over = (2, 3) if reference.ndim == 4 else (1,)
    if weights is None:
        r, d = (features - features.mean(over, keepdim=True) for features in (reference, distorted))
    else:
        weights = normalised(weights).unsqueeze(-1 if reference.ndim == 3 else 1)
        r, d = (_centred(features, weights, over) for features in (reference, distorted))
    # A common unit keeps the powers within the range of a float. It cancels in the ratio.
    peaks = [centred.detach().abs().amax(over, keepdim=True) for centred in (r, d)]
    unit = torch.maximum(*peaks).flatten(1).amax(1).clamp(min=_EPS_UNIT).view(-1, *[1] * (reference.ndim - 1))
    r, d = (_moments(centred, peak, unit, over, order, weights) for centred, peak in zip((r, d), peaks, strict=True))
    # The lower bound of the energy, in this unit. It bounds the gradient for tiny features.
    least = (_EPS_UNIT / unit).square().flatten()
    own = torch.maximum(r.square().sum(1) + d.square().sum(1), least)
    return 2 * (d - r).square().sum(1) / own


def _centred(features: torch.Tensor, weights: torch.Tensor, over: tuple[int, ...]) -> torch.Tensor:
    """Subtract the weighted mean of each channel. Positions of weight 0 become 0, since they can hold larger values."""
    centred = features - (features * weights).sum(over, keepdim=True)
    return torch.where(weights > 0, centred, 0.0)


def _moments(
    centred: torch.Tensor,
    peak: torch.Tensor,
    unit: torch.Tensor,
    over: tuple[int, ...],
    order: int,
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """Compute the roots of the moments in a unit, (N, channels). `peak` is the largest value of each channel."""
    # In the common unit the powers of a weak channel underflow, and the slope of their root is infinite. A channel
    # weaker than `_WEAK` is scaled up, so that its largest value is `_WEAK`. The others keep the common unit. A channel
    # that is too weak to be scaled up in this dtype is divided by infinity: its moment and its gradient are 0.
    share = peak / unit
    scale = share.clamp(max=_WEAK) / _WEAK
    powers = centred / torch.where(share < torch.finfo(centred.dtype).tiny, torch.inf, unit * scale)
    for _ in range(order.bit_length() - 1):
        powers = powers.square()
    means = powers.mean(over) if weights is None else (powers * weights).sum(over)
    return safe_pow(means, 1 / order) * scale.squeeze(over)
