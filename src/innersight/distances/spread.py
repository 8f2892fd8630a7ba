"""A distance that knows no positions: how much each channel varies over the image."""

from __future__ import annotations

import math

import torch

from innersight.distances.aligned import LEAST_ENERGY, energy


def spread(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Squared difference of the channels' standard deviations over positions, in units of both images' mean energy.

    .. math:: s(r, d) = \frac{\sum_c \left( \sigma_c(d) - \sigma_c(r) \right)^2}{\frac{1}{2} (E(r) + E(d))},
        \quad E(x) = \frac{1}{P} \sum_{p=1}^{P} \sum_c x_{pc}^2

    Blind to where things are: a shifted texture costs nothing, a blurred or noisier one does. Symmetric and scale-free.
    The deviation is one of the order-free statistics of Ding et al. (DISTS, 2020), here without weights.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: The same shape.

    Returns:
        (N,), from 0 to 2.

    Example:
        >>> x = torch.rand(1, 6, 4)
        >>> spread(x, x.flip(1)), spread(x, 0 * x) > 0
        (tensor([0.]), tensor([True]))
    """
    change = _deviations(distorted) - _deviations(reference)
    shared = ((energy(reference) + energy(distorted)) / 2).clamp(min=LEAST_ENERGY)
    return change.square().sum(1) / shared


def _deviations(features: torch.Tensor) -> torch.Tensor:
    """Standard deviation over positions of each channel, (N, channels)."""
    positions = (2, 3) if features.ndim == 4 else 1
    centred = features - features.mean(positions, keepdim=True)
    # Many times as fast as torch.std along these axes, and with a gradient of 0 at 0.
    norms: torch.Tensor = torch.linalg.vector_norm(centred, dim=positions)
    count = features[0].numel() // features.shape[1 if features.ndim == 4 else 2]
    return norms / math.sqrt(count)
