r"""The distances skld, jsd and wsd of Ghildyal et al., ICASSP 2025, on the stack of all layers.

`fold` views a stack as a matrix of 64 rows and J columns. The distances compare the columns :math:`x_j` of the
distorted and :math:`y_j` of the reference features. As in the published code, these are not spatial 8 x 8 blocks.

Every function takes stacks (N, L, T, D) and returns :math:`\log(1 + \mathrm{raw})^{1/4}`, (N,).
"""

from __future__ import annotations

import torch

from innersight.distances.numerics import large_value_unit, safe_pow
from innersight.distances.registry import DISTANCES, Distance, Stacked
from innersight.errors import ArgumentError

_ROWS = 64

_EPS_PROBABILITY = 1e-10
"""Added to each probability, as published."""

_EPS_LOGARITHM = 1e-12
"""The value of log(1 + raw) below which the slope of its fourth root is constant."""


def fold(stack: torch.Tensor) -> torch.Tensor:
    r"""View a stack of tokens as a matrix of 64 rows.

    The token count is rounded to a multiple of 8, :math:`T' = 8\,\mathrm{round}(T / 8)`, with halves to even. Zero
    tokens are appended, or the last tokens are dropped. Then the row-major stack (L, T', D) is viewed as 64 rows.

    Args:
        stack: (N, L, T, D), where 64 divides L T' D.

    Returns:
        (N, 64, J) with J = L T' D / 64.

    Raises:
        ArgumentError: If there are fewer than 5 tokens, or 64 does not divide L T' D.

    Example:
        >>> fold(torch.zeros(1, 12, 197, 768)).shape  # 200 tokens
        torch.Size([1, 64, 28800])
    """
    count, layers, tokens, width = stack.shape
    target = 8 * round(tokens / 8)
    if target == 0 or layers * target * width % _ROWS:
        raise ArgumentError(
            "The distances skld, jsd and wsd need at least 5 tokens, and layers x tokens (rounded to 8) x width must "
            f"be a multiple of 64, but got {layers} x {tokens} x {width}. Use larger windows or another distance."
        )
    if target < tokens:
        stack = stack[:, :, :target]
    elif target > tokens:
        stack = torch.cat((stack, stack.new_zeros(count, layers, target - tokens, width)), dim=2)
    return stack.reshape(count, _ROWS, -1)


def skld(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the symmetric Kullback-Leibler divergence plus a weighted l2 term.

    .. math:: k_j = \tfrac12 \left(\mathrm{KL}(p_j \Vert q_j) + \mathrm{KL}(q_j \Vert p_j)\right), \qquad
        \mathrm{raw} = \frac1J \sum_j k_j + w(k_j) \lVert x_j - y_j \rVert^2

    Here :math:`p_j = \mathrm{softmax}(x_j) + 10^{-10}` over the 64 rows, and :math:`q_j` is the same of :math:`y_j`.
    The weight is :math:`w(z) = e^{1 / (2z + 20)} / (z + 10)^2`. Logarithms are natural.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: A tensor of the same shape.

    Returns:
        (N,), from 0.

    Example:
        >>> x = torch.randn(2, 1, 8, 16)
        >>> skld(x, x)
        tensor([0., 0.])
    """
    y, x = fold(reference), fold(distorted)
    p, q = _column_probabilities(x), _column_probabilities(y)
    divergence = ((p - q) * (p.log() - q.log())).sum(1) / 2
    return _add_l2_and_compress(divergence, x, y)


def jsd(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the Jensen-Shannon divergence, with the natural logarithm.

    .. math:: \mathrm{raw} = \frac{1}{2J} \sum_j \mathrm{KL}(p_j \Vert m_j) + \mathrm{KL}(q_j \Vert m_j),
        \qquad m_j = \tfrac12 (p_j + q_j)

    p and q are those of `skld`. With :math:`\delta = (p - q) / (p + q)` the two divergences of an entry have the sum
    :math:`m\,(\log(1 - \delta^2) + 2 \delta\, \mathrm{artanh}\, \delta)`. This form is computed, since the plain form
    loses its digits if p and q are nearly equal.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: A tensor of the same shape.

    Returns:
        (N,), from 0 to :math:`\log(1 + \log 2)^{1/4} \approx 0.851`.

    Example:
        >>> x = torch.randn(2, 1, 8, 16)
        >>> jsd(x, x)
        tensor([0., 0.])
    """
    p, q = _column_probabilities(fold(distorted)), _column_probabilities(fold(reference))
    total = p + q
    # If q is tiny relative to p, the ratio rounds to 1, where both terms are infinite. One step below 1 their sum is
    # 2 log 2, which is right.
    limit = 1 - torch.finfo(p.dtype).eps
    ratio = ((p - q) / total).clamp(-limit, limit)
    terms = (-ratio.square()).log1p() + ratio * (ratio.log1p() - (-ratio).log1p())
    divergence = (total * terms).sum(1) / 4
    return _root(divergence.mean(1).log1p())


def wsd(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Compute the one-dimensional Wasserstein distance plus a weighted l2 term.

    .. math:: s_j = \sum_{k=0}^{62} \Bigl| \sum_{i \le k} u_{ij} - \sum_{i \le k} v_{ij} \Bigr|, \qquad
        \mathrm{raw} = \frac1J \sum_j s_j + w(s_j) \lVert x_j - y_j \rVert^2

    u is the softmax of x *over the J columns*, so that each row has the sum 1, and v is that of y. The weight w is that
    of `skld`. The histograms :math:`u_j, v_j` on positions 0..63 are not normalised again. The published code computes
    :math:`s_j` by `wasserstein_1d(positions, positions, u, v, p=1)` of POT, the integral of :math:`|Q_u - Q_v|` over
    the quantile levels up to the larger total. The quantile functions on these positions are
    :math:`Q_u(t) = |\{k \le 62: U_k < t\}|` with the cumulated sums U. At a level t they differ by the number of
    positions k where t is between :math:`U_k` and :math:`V_k`. The integral of that number is the sum above.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: A tensor of the same shape.

    Returns:
        (N,), from 0.

    Example:
        >>> x = torch.randn(2, 1, 8, 16)
        >>> wsd(x, x)
        tensor([0., 0.])
    """
    y, x = fold(reference), fold(distorted)
    cumulated = (x.softmax(2) - y.softmax(2)).cumsum(1)
    transport = cumulated[:, :-1].abs().sum(1)
    return _add_l2_and_compress(transport, x, y)


def _column_probabilities(columns: torch.Tensor) -> torch.Tensor:
    return (columns.softmax(1) + _EPS_PROBABILITY).clamp(min=_EPS_PROBABILITY)


def _weight(z: torch.Tensor) -> torch.Tensor:
    r"""Compute :math:`w(z) = 1 / (\sqrt{e^{-1 / (z + 10)}}\,(z + 10)^2)`, the weight of the l2 term."""
    shifted = z + 10
    return 1 / ((-1 / shifted).exp().sqrt() * shifted.square())


def _add_l2_and_compress(divergence: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Add the weighted l2 term of each column, take the mean over columns, and compress it: (N,)."""
    difference = x - y
    unit = large_value_unit(difference)
    squares = (difference / unit).square().sum(1)
    unit = unit[:, 0]
    scaled = (divergence / unit / unit + _weight(divergence) * squares).mean(1)  # raw / unit^2
    unit = unit[:, 0]
    large = scaled.clamp(min=torch.finfo(scaled.dtype).tiny).log() + 2 * unit.log()  # log(raw), about log(1 + raw)
    return _root(torch.where(unit > 1, large, scaled.log1p()))


def _root(logarithm: torch.Tensor) -> torch.Tensor:
    """Compute the fourth root of log(1 + raw), with a bounded gradient.

    The true slope has no bound near zero, where the raw values are rounding error. Below `_EPS_LOGARITHM` the slope at
    `_EPS_LOGARITHM` is used. The value is the true one everywhere.
    """
    small = logarithm < _EPS_LOGARITHM  # False for NaN
    root = safe_pow(logarithm.detach(), 0.25)
    slope = torch.where(logarithm > 0, 0.25 * _EPS_LOGARITHM**-0.75, 0.0)
    # The last factor is exactly 0. It changes the gradient only.
    straight = root + slope * (logarithm - logarithm.detach())
    return torch.where(small, straight, logarithm.clamp(min=_EPS_LOGARITHM).pow(0.25))


DISTANCES.add(
    "skld",
    Distance(
        "symmetric Kullback-Leibler divergence + l2 term, on the tokens of all layers (paper)",
        {"tokens": Stacked(skld)},
    ),
)
DISTANCES.add(
    "jsd", Distance("Jensen-Shannon divergence, on the tokens of all layers (paper)", {"tokens": Stacked(jsd)})
)
DISTANCES.add(
    "wsd", Distance("1-D Wasserstein distance + l2 term, on the tokens of all layers (paper)", {"tokens": Stacked(wsd)})
)
