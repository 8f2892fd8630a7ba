"""Distances between the features at equal positions of one layer: l2, relative l2 and cosine.

Tokens and embeddings are (N, T, D), maps are (N, C, H, W). The functions return one value per position, (N, T) or
(N, H, W), except `cos_along_width`, which returns (N,).
"""

from __future__ import annotations

import torch

from innersight.distances.numerics import LARGE, large_value_unit
from innersight.distances.registry import DISTANCES, Distance, Layerwise, Positional

EPS = 1e-12
"""Lower bound of the energy of a layer, in a denominator. Layers of networks have far more."""

_EPS_LENGTH = 1e-6
"""Lower bound of the length of a vector, the root of `EPS`. It bounds the gradient of the cosine."""


def _channel_axis(features: torch.Tensor) -> int:
    return 1 if features.ndim == 4 else -1


def l2(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the mean squared error over channels at each position.

    .. math:: l_2(r, d)_p = \frac{1}{D} \sum_c (d_{pc} - r_{pc})^2

    It has no root. Its mean over positions is the l2 of Ghildyal et al. (ICASSP 2025).

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: A tensor of the same shape.

    Returns:
        (N, T) or (N, H, W), from 0, in squared units of the features. The value is inf if the sum over channels exceeds
        the largest float, in float32 for differences of about 1e18. The gradient is finite for features of up to 1e37.

    Example:
        >>> l2(torch.zeros(1, 2, 4), torch.tensor([[[1.0] * 4, [2.0] * 4]]))
        tensor([[1., 4.]])
    """
    return (distorted - reference).square().mean(_channel_axis(reference))


def energy(features: torch.Tensor) -> torch.Tensor:
    """Compute the mean over positions of the squared length of the channel vectors, (N,), from 0."""
    axes = tuple(range(1, features.ndim))
    positions = features[0].numel() // features.shape[_channel_axis(features)]
    norm: torch.Tensor = torch.linalg.vector_norm(features, dim=axes)
    return norm.square() / positions


def relative_l2(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the squared difference at each position, relative to the mean energy of both images in this layer.

    .. math:: \rho(r, d)_p = \frac{\sum_c (d_{pc} - r_{pc})^2}
        {\frac{1}{2P} \sum_{q=1}^{P} \sum_c \left( r_{qc}^2 + d_{qc}^2 \right)}

    It is symmetric and scale-free: a common factor of both images does not change it, so the values of several layers
    can be added. Its mean over positions is at most 4.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps with P positions.
        distorted: A tensor of the same shape.

    Returns:
        (N, T) or (N, H, W), from 0. It is 1 if the squared difference equals the mean energy of the images, and 0 if
        both are 0 everywhere. A mean energy below 1e-12 is replaced by 1e-12.

    Example:
        >>> relative_l2(torch.ones(1, 2, 4), torch.tensor([[[1.0] * 4, [3.0] * 4]]))
        tensor([[0.0000, 1.3333]])
    """
    unit = large_value_unit(reference, distorted)  # it cancels in the ratio
    reference, distorted = reference / unit, distorted / unit
    difference = (distorted - reference).square().sum(_channel_axis(reference))
    shared = ((energy(reference) + energy(distorted)) / 2).clamp(min=EPS)
    return difference / shared.view(-1, *[1] * (difference.ndim - 1))


def cosine(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute one minus the cosine between the channel vectors at each position.

    .. math:: \cos(r, d)_p = 1 - \frac{r_p \cdot d_p}{\lVert r_p \rVert \lVert d_p \rVert}
        = \tfrac12 \left\lVert \frac{r_p}{\lVert r_p \rVert} - \frac{d_p}{\lVert d_p \rVert} \right\rVert^2

    The second form is computed. It is exactly 0 for equal vectors, and precise for nearly equal vectors, for which the
    first form loses its digits. For tokens its mean is the cos of Ghildyal et al. (ICASSP 2025). For maps the published
    one is along the image width instead, see `cos_along_width`.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: A tensor of the same shape.

    Returns:
        (N, T) or (N, H, W), from 0 (same direction) to 2 (opposite direction). It is 1/2 for a zero vector and another
        vector, and 0 for two zero vectors. The gradient at a zero vector is zero. A vector shorter than 1e-6 is divided
        by 1e-6 instead of its length.

    Example:
        >>> cosine(torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[0.0, 2.0]]]))
        tensor([[1.]])
    """
    return _half_chord(reference, distorted, _channel_axis(reference))


def _half_chord(reference: torch.Tensor, distorted: torch.Tensor, axis: int) -> torch.Tensor:
    return (_unit_vectors(distorted, axis) - _unit_vectors(reference, axis)).square().sum(axis) / 2


def _unit_vectors(features: torch.Tensor, axis: int) -> torch.Tensor:
    """Divide each vector by its length, or by `_EPS_LENGTH` if it is shorter. A zero vector gets a zero gradient."""
    largest = features.detach().abs().amax(axis, keepdim=True)
    # Each vector has its own unit here. It is exactly 1 for entries of up to a million.
    unit = largest.clamp(min=LARGE) / LARGE
    length: torch.Tensor = unit * torch.linalg.vector_norm(features / unit, dim=axis, keepdim=True)
    return features.masked_fill(largest == 0, 0.0) / length.clamp(min=_EPS_LENGTH)


def cos_along_width(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the published cosine distance of maps, whose vectors are the rows along the image width.

    .. math:: \frac{1}{C H} \sum_{c, y} \Bigl(1 - \cos\bigl(r_{cy\cdot},\ d_{cy\cdot}\bigr)\Bigr)

    The published code of Ghildyal et al. (ICASSP 2025) computes this, and it is kept to reproduce its numbers. The
    distance `channel-cos` compares channel vectors instead. A row that is zero in one of the images counts as 1, as in
    the published scores. Dead units of the ResNet-50 of CLIP have such rows. A layer that is equal in both images gives
    0, so that identical images score 0.

    Args:
        reference: (N, C, H, W) maps.
        distorted: A tensor of the same shape.

    Returns:
        (N,), from 0 to 2.

    Example:
        >>> row = torch.tensor([[[[1.0, 0.0]]]])
        >>> cos_along_width(row, row.flip(-1)), cos_along_width(row, row)
        (tensor([1.]), tensor([0.]))
    """
    empty = (reference == 0).all(-1) | (distorted == 0).all(-1)
    rows = torch.where(empty, 1.0, _half_chord(reference, distorted, -1))
    equal = (reference == distorted).flatten(1).all(1)
    return torch.where(equal, 0.0, rows.flatten(1).mean(1))


DISTANCES.add("l2", Distance("mean squared error (paper)", {"tokens": Positional(l2), "maps": Positional(l2)}))
DISTANCES.add(
    "cos",
    Distance(
        "1 - cosine along channels, and for maps along the image width, as published (paper)",
        {"tokens": Positional(cosine), "maps": Layerwise(cos_along_width), "embedding": Positional(cosine)},
    ),
)
DISTANCES.add(
    "rel-l2",
    Distance(
        "squared error divided by the mean energy of both images' features, independent of scale",
        {"tokens": Positional(relative_l2), "maps": Positional(relative_l2)},
    ),
)
DISTANCES.add(
    "channel-cos", Distance("1 - cosine along channels", {"tokens": Positional(cosine), "maps": Positional(cosine)})
)
