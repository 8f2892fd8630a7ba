r"""The distances of Ghildyal et al., ICASSP 2025, on the whole stack of layers folded to 64 rows: skld, jsd, wsd.

The token count is brought to a multiple of 8, the row-major stack (L, T', D) is viewed as a matrix of 64 rows and
:math:`J = L T' D / 64` columns, and the columns :math:`x_j` of the distorted and :math:`y_j` of the reference features
are compared. These are not spatial 8 x 8 blocks; they are kept as published.

Every function takes stacks (N, L, T, D) and returns (N,): :math:`\log(1 + \mathrm{raw})^{1/4}`.
"""

from __future__ import annotations

import torch

from innersight.distances.numerics import safe_pow
from innersight.distances.registry import DISTANCES, Distance, Stacked
from innersight.errors import ArgumentError

_ROWS = 64
_FLOOR = 1e-10

_LEAST_RAW = 1e-12
"""The value of log(1 + raw) below which the slope of its fourth root is held constant."""


def fold(stack: torch.Tensor) -> torch.Tensor:
    r"""View a stack of tokens as a matrix of 64 rows.

    The token count becomes :math:`T' = 8\,\mathrm{round}(T / 8)`, halves to even: zero tokens are appended, or the
    last tokens dropped.

    Args:
        stack: (N, L, T, D), where 64 divides L T' D.

    Returns:
        (N, 64, L T' D / 64).

    Raises:
        ArgumentError: If nothing would be left (fewer than 5 tokens), or 64 does not divide L T' D.

    Example:
        >>> fold(torch.zeros(1, 12, 197, 768)).shape  # 200 tokens
        torch.Size([1, 64, 28800])
    """
    count, layers, tokens, width = stack.shape
    target = 8 * round(tokens / 8)
    if target == 0 or layers * target * width % _ROWS:
        raise ArgumentError(
            f"Distances on the folded stack need at least 5 tokens, and 64 to divide layers x tokens (to 8) x width, "
            f"but got {layers} x {tokens} x {width}: take larger windows, or another distance."
        )
    if target < tokens:
        stack = stack[:, :, :target]
    elif target > tokens:
        stack = torch.cat((stack, stack.new_zeros(count, layers, target - tokens, width)), dim=2)
    return stack.reshape(count, _ROWS, -1)


def skld(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Symmetric Kullback-Leibler divergence plus a weighted l2 term.

    .. math:: k_j = \tfrac12 \left(\mathrm{KL}(p_j \Vert q_j) + \mathrm{KL}(q_j \Vert p_j)\right), \qquad
        \mathrm{raw} = \frac1J \sum_j k_j + w(k_j) \lVert x_j - y_j \rVert^2

    with :math:`p_j = \mathrm{softmax}_{64}(x_j) + 10^{-10}`, :math:`q_j` likewise of :math:`y_j`, natural logarithms.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: The same shape.

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
    return _compress((divergence + _weight(divergence) * (x - y).square().sum(1)).mean(1))


def jsd(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""Jensen-Shannon divergence, natural logarithm.

    .. math:: \mathrm{raw} = \frac{1}{2J} \sum_j \mathrm{KL}(p_j \Vert m_j) + \mathrm{KL}(q_j \Vert m_j),
        \qquad m_j = \tfrac12 (p_j + q_j)

    with p and q as in `skld`. With :math:`\delta = (p - q) / (p + q)` the two divergences of an entry add up to
    :math:`m\,(\log(1 - \delta^2) + 2 \delta\, \mathrm{artanh}\, \delta)`, which is what is computed: it does not cancel
    where p and q are close, as the plain form does.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: The same shape.

    Returns:
        (N,), from 0 to :math:`\log(1 + \log 2)^{1/4} \approx 0.851`.

    Example:
        >>> x = torch.randn(2, 1, 8, 16)
        >>> jsd(x, x)
        tensor([0., 0.])
    """
    p, q = _column_probabilities(fold(distorted)), _column_probabilities(fold(reference))
    total = p + q
    # Where q vanishes beside p the ratio rounds to 1, whose terms are infinite; one step below, they cancel to 2 log 2.
    limit = 1 - torch.finfo(p.dtype).eps
    ratio = ((p - q) / total).clamp(-limit, limit)
    terms = (-ratio.square()).log1p() + ratio * (ratio.log1p() - (-ratio).log1p())
    divergence = (total * terms).sum(1) / 4
    return _compress(divergence.mean(1))


def wsd(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    r"""One-dimensional Wasserstein distance plus a weighted l2 term.

    .. math:: s_j = \sum_{k=0}^{62} \Bigl| \sum_{i \le k} u_{ij} - \sum_{i \le k} v_{ij} \Bigr|, \qquad
        \mathrm{raw} = \frac1J \sum_j s_j + w(s_j) \lVert x_j - y_j \rVert^2

    with u the softmax of x *across the J columns* (each row sums to 1), v likewise of y. The histograms
    :math:`u_j, v_j` on positions 0..63 are not renormalised. The published code computes :math:`s_j` as POT's
    `wasserstein_1d(positions, positions, u, v, p=1)`, the integral of :math:`|Q_u - Q_v|` over the quantile levels up
    to the larger total. As a quantile function on these positions is :math:`Q_u(t) = |\{k \le 62: U_k < t\}|`, and
    the two differ at a level in a run of k of one sign, that integral is the sum above, without a sort.

    Args:
        reference: (N, L, T, D) stack of layers.
        distorted: The same shape.

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
    return _compress((transport + _weight(transport) * (x - y).square().sum(1)).mean(1))


def _column_probabilities(columns: torch.Tensor) -> torch.Tensor:
    return (columns.softmax(1) + _FLOOR).clamp(min=_FLOOR)


def _weight(z: torch.Tensor) -> torch.Tensor:
    r"""Compute :math:`w(z) = 1 / (\sqrt{e^{-1 / (z + 10)}}\,(z + 10)^2)`, the weight of the l2 term."""
    shifted = z + 10
    return 1 / ((-1 / shifted).exp().sqrt() * shifted.square())


def _compress(raw: torch.Tensor) -> torch.Tensor:
    r"""Compute :math:`\log(1 + \mathrm{raw})^{1/4}`, with a bounded gradient.

    Below `_LEAST_RAW` the slope of the root is the one at `_LEAST_RAW`. The true slope grows without bound there, for
    raw values that are rounding error. The value is the true one everywhere.
    """
    logarithm = raw.log1p()
    small = logarithm < _LEAST_RAW  # NaN is not: it stays NaN
    root = safe_pow(logarithm.detach(), 0.25)
    slope = torch.where(logarithm > 0, 0.25 * _LEAST_RAW**-0.75, 0.0)
    # The last factor is exactly 0: it adds a gradient and no value.
    straight = root + slope * (logarithm - logarithm.detach())
    return torch.where(small, straight, logarithm.clamp(min=_LEAST_RAW).pow(0.25))


DISTANCES.add(
    "skld", Distance("symmetric Kullback-Leibler + l2 term on the folded stack (paper)", {"tokens": Stacked(skld)})
)
DISTANCES.add("jsd", Distance("Jensen-Shannon on the folded stack (paper)", {"tokens": Stacked(jsd)}))
DISTANCES.add("wsd", Distance("1-D Wasserstein + l2 term on the folded stack (paper)", {"tokens": Stacked(wsd)}))
