"""The sliced Wasserstein distance of Ghildyal et al., ICASSP 2025, with seeded directions.

The published code draws new directions for every window.
"""

from __future__ import annotations

import torch

from innersight.distances.registry import DISTANCES, Distance, Stacked
from innersight.errors import ArgumentError

_LARGEST_SEED = 2**63 - 1


def directions(dimension: int, seed: int, like: torch.Tensor) -> torch.Tensor:
    """Draw L random unit directions in a space of L dimensions.

    They are drawn on the CPU in float32, so that a seed gives the same directions on every device and in every dtype.

    Args:
        dimension: Dimension L of the space.
        seed: An integer from 0 to 2^63 - 1.
        like: A tensor with the dtype and the device of the result.

    Returns:
        (L, L), one direction per column.

    Example:
        >>> directions(3, seed=0, like=torch.zeros(1)).norm(dim=0)
        tensor([1., 1., 1.])
    """
    draw = torch.Generator("cpu").manual_seed(seed)
    drawn = torch.randn(dimension, dimension, generator=draw, dtype=torch.float32, device="cpu")
    return torch.nn.functional.normalize(drawn, dim=0).to(like)


def swd(reference: torch.Tensor, distorted: torch.Tensor, seed: int = 0) -> torch.Tensor:
    r"""Compute the sliced Wasserstein distance between two sets of T D points in the space of the L layers.

    .. math:: \sum_{i=1}^{TD} \frac1L \sum_{\theta} \left( (d\theta)_{(i)} - (r\theta)_{(i)} \right)^2

    The L directions :math:`\theta` are random unit vectors, and :math:`(i)` is the rank after sorting (Ghildyal et al.,
    ICASSP 2025).

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: A tensor of the same shape.
        seed: Seed of the random directions, an integer from 0 to 2^63 - 1. Default: 0. The same seed gives the same
            directions.

    Returns:
        (N,), from 0, in squared units of the features. It grows with T D. The value is inf if the sum exceeds the
        largest float, in float32 for differences of about 1e18. The gradient is finite for features of up to 1e36.

    Raises:
        ArgumentError: If the seed is not an integer from 0 to 2^63 - 1.

    Example:
        >>> x = torch.randn(1, 2, 3, 4)
        >>> swd(x, x.flip(2))  # the order of the tokens has no effect
        tensor([0.])
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED:
        raise ArgumentError(f"Argument `seed` must be an integer from 0 to 2^63 - 1, but got {seed!r}. Use 0.")
    theta = directions(reference.shape[1], seed, reference)
    projected = [torch.einsum("nltd,lk->nktd", stack, theta).flatten(2) for stack in (reference, distorted)]
    ranked_reference, ranked_distorted = (values.sort(dim=2).values for values in projected)
    return (ranked_distorted - ranked_reference).square().mean(1).sum(1)


DISTANCES.add(
    "swd", Distance("sliced Wasserstein distance across layers, with a seed (paper)", {"tokens": Stacked(swd)})
)
