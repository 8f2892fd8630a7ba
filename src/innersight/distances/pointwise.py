"""Distances that compare each position with the same position: l2, relative l2, cosine.

One layer at a time. Tokens and embeddings are (N, T, D), maps are (N, C, H, W). The functions that give one number a
position return (N, T) or (N, H, W); `cos_along_width` has no positions and returns (N,).
"""

from __future__ import annotations

import torch

from innersight.distances.registry import DISTANCES, Distance, Layerwise, Positional

EPS = 1e-12
"""The least a layer's energy is taken for: below that of any network, yet no square of a ratio overflows."""

_LARGE = 1e6
"""Features above this are scaled down before they are squared: the square of a float32 overflows at 1.8e19."""

_LEAST_LENGTH = 1e-6
"""The least a vector's length is taken for, the root of `EPS`. It bounds the gradient of the cosine."""


def _channel_axis(features: torch.Tensor) -> int:
    return 1 if features.ndim == 4 else -1


def l2(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Squared difference, mean over channels, at each position.

    .. math:: l_2(r, d)_p = \frac{1}{D} \sum_c (d_{pc} - r_{pc})^2

    A mean squared error, no root. Its mean over positions is the paper's l2 of the layer (Ghildyal et al., ICASSP
    2025).

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: The same shape.

    Returns:
        (N, T) or (N, H, W), from 0, in squared units of the features.

    Example:
        >>> l2(torch.zeros(1, 2, 4), torch.tensor([[[1.0] * 4, [2.0] * 4]]))
        tensor([[1., 4.]])
    """
    return (distorted - reference).square().mean(_channel_axis(reference))


def energy(features: torch.Tensor) -> torch.Tensor:
    """Sum the squares over channels, mean over positions: (N,), from 0."""
    axes = tuple(range(1, features.ndim))
    positions = features[0].numel() // features.shape[_channel_axis(features)]
    norm: torch.Tensor = torch.linalg.vector_norm(features, dim=axes)
    return norm.square() / positions


def relative_l2(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Squared difference at each position, in units of the mean energy of both images in this layer.

    .. math:: \rho(r, d)_p = \frac{\sum_c (d_{pc} - r_{pc})^2}
        {\frac{1}{2P} \sum_{q=1}^{P} \sum_c \left( r_{qc}^2 + d_{qc}^2 \right)}

    Scale-free: multiplying a layer by a constant changes nothing, so layers can be added. Symmetric; the mean over
    positions is at most 4.

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps, P positions.
        distorted: The same shape.

    Returns:
        (N, T) or (N, H, W), from 0; 1 where the difference has as much energy as an image has on average; 0 where both
        are 0 throughout.

    Example:
        >>> relative_l2(torch.ones(1, 2, 4), torch.tensor([[[1.0] * 4, [3.0] * 4]]))
        tensor([[0.0000, 1.3333]])
    """
    # A common unit, of no effect on the ratio, keeps the squares of large features within the range of a float.
    # It is exactly 1 for features of up to a million.
    largest = torch.maximum(*(x.detach().abs().flatten(1).amax(1) for x in (reference, distorted)))
    unit = largest.clamp(min=_LARGE).div(_LARGE).view(-1, *[1] * (reference.ndim - 1))
    reference, distorted = reference / unit, distorted / unit
    difference = (distorted - reference).square().sum(_channel_axis(reference))
    shared = ((energy(reference) + energy(distorted)) / 2).clamp(min=EPS)
    return difference / shared.view(-1, *[1] * (difference.ndim - 1))


def cosine(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""One minus the cosine between the channel vectors at each position.

    .. math:: \cos(r, d)_p = 1 - \frac{r_p \cdot d_p}{\lVert r_p \rVert \lVert d_p \rVert}
        = \tfrac12 \left\lVert \frac{r_p}{\lVert r_p \rVert} - \frac{d_p}{\lVert d_p \rVert} \right\rVert^2

    The second form is computed: exactly 0 for equal vectors, and precise where the first cancels. For tokens its mean
    is the paper's cos; for maps it is the sensible cosine, where the paper's runs along the image width
    (`cos_along_width`).

    Args:
        reference: (N, T, D) tokens or (N, C, H, W) maps.
        distorted: The same shape.

    Returns:
        (N, T) or (N, H, W), from 0 (same direction) to 2; a zero vector against any other gives 1/2, against a zero
        vector 0. A zero vector has a gradient of zero. A vector shorter than 1e-6 is taken to be 1e-6 long.

    Example:
        >>> cosine(torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[0.0, 2.0]]]))
        tensor([[1.]])
    """
    return _half_chord(reference, distorted, _channel_axis(reference))


def _half_chord(reference: torch.Tensor, distorted: torch.Tensor, axis: int) -> torch.Tensor:
    return (_unit_vectors(distorted, axis) - _unit_vectors(reference, axis)).square().sum(axis) / 2


def _unit_vectors(features: torch.Tensor, axis: int) -> torch.Tensor:
    """Divide each vector by its length, or by `_LEAST_LENGTH` if it is shorter; a zero vector has zero gradient."""
    largest = features.detach().abs().amax(axis, keepdim=True)
    # The unit is exactly 1 for entries of up to a million. It keeps the squares of larger ones within range.
    unit = largest.clamp(min=_LARGE) / _LARGE
    length: torch.Tensor = unit * torch.linalg.vector_norm(features / unit, dim=axis, keepdim=True)
    return features.masked_fill(largest == 0, 0.0) / length.clamp(min=_LEAST_LENGTH)


def cos_along_width(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""The paper's cosine distance of maps, between rows: the vectors run along the image's width.

    .. math:: \frac{1}{C H} \sum_{c, y} \Bigl(1 - \cos\bigl(r_{cy\cdot},\ d_{cy\cdot}\bigr)\Bigr)

    An oddity of the published code, kept for comparison with its numbers; `channel-cos` is the sensible one.
    A row that is all zero on either side (dead units of CLIP's ResNet-50) adds nothing to the sum of cosines but stays
    in the count: it counts as 1, as in the published scores, whose smallest for that network are far from 0. Only a
    layer that is equal throughout gives 0 all the same, so that identical images do.

    Args:
        reference: (N, C, H, W) maps.
        distorted: The same shape.

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
        "squared error relative to the energy of both images, scale-free",
        {"tokens": Positional(relative_l2), "maps": Positional(relative_l2)},
    ),
)
DISTANCES.add(
    "channel-cos", Distance("1 - cosine along channels", {"tokens": Positional(cosine), "maps": Positional(cosine)})
)
