"""A distance that knows no positions: how much each channel varies over the image."""

from __future__ import annotations

import math

import torch

from innersight.distances.numerics import safe_pow
from innersight.distances.pointwise import EPS

ORDERS = (2, 4, 8)
"""Orders of moment there are: powers of two, for repeated squaring is many times as fast as a power."""

_LEAST_UNIT = math.sqrt(EPS)

_WEAK = 2.0**-10
"""The share of the strongest channel's largest value below which a channel is scaled up."""


def channel_moments(reference: torch.Tensor, distorted: torch.Tensor, order: int = 2) -> torch.Tensor:
    r"""Squared difference of the channels' central moments over positions, relative to the moments themselves.

    .. math:: s(r, d) = \frac{2 \sum_c \left( m_c(d) - m_c(r) \right)^2}{\sum_c \left( m_c(r)^2 + m_c(d)^2 \right)},
        \quad m_c(x) = \left( \frac{1}{P} \sum_{p=1}^{P} (x_{pc} - \bar{x}_c)^k \right)^{1/k}

    With order k = 2 the moments are standard deviations; a higher order listens to the few positions that stand out
    most, as people do. Blind to where things are: a shifted texture costs nothing, a blurred or noisier one does.
    Symmetric and scale-free. The deviation is one of the order-free statistics of Ding et al. (DISTS, 2020), here
    without weights and per layer instead of per channel.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: The same shape.
        order: k, of `ORDERS`.

    Returns:
        (N,), from 0 to 2. A sum of squared moments below 1e-12 is taken for 1e-12, which bounds the gradient.

    Example:
        >>> x = torch.rand(1, 6, 4)
        >>> channel_moments(x, x.roll(1, dims=1)) < 1e-9, channel_moments(x, 0 * x), channel_moments(x, 3 * x, order=8)
        (tensor([True]), tensor([2.]), tensor([0.8000]))
    """
    over = (2, 3) if reference.ndim == 4 else (1,)
    r, d = (features - features.mean(over, keepdim=True) for features in (reference, distorted))
    # A common unit, of no effect on the ratio, keeps the squares within the range of a float.
    peaks = [centred.detach().abs().amax(over, keepdim=True) for centred in (r, d)]
    unit = torch.maximum(*peaks).flatten(1).amax(1).clamp(min=_LEAST_UNIT).view(-1, *[1] * (reference.ndim - 1))
    r, d = (_moments(centred, peak, unit, over, order) for centred, peak in zip((r, d), peaks, strict=True))
    # The least energy, in this unit: for tiny features the gradient is bounded too.
    least = (_LEAST_UNIT / unit).square().flatten()
    own = torch.maximum(r.square().sum(1) + d.square().sum(1), least)
    return 2 * (d - r).square().sum(1) / own


def _moments(
    centred: torch.Tensor, peak: torch.Tensor, unit: torch.Tensor, over: tuple[int, ...], order: int
) -> torch.Tensor:
    """Compute the roots of the channels' moments in a unit, (N, channels); `peak` is each channel's largest value."""
    # In the common unit the powers of a weak channel underflow, and the slope of their root is infinite. A channel
    # weaker than `_WEAK` is scaled up, so that its largest value is `_WEAK`. The others keep the common unit.
    scale = (peak / unit).clamp(max=_WEAK) / _WEAK
    powers = centred / (unit * scale).clamp(min=torch.finfo(centred.dtype).tiny)
    for _ in range(order.bit_length() - 1):
        powers = powers.square()
    return safe_pow(powers.mean(over), 1 / order) * scale.squeeze(over)
