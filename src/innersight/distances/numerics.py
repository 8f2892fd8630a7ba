"""Roots with a gradient of zero at zero, units that prevent the overflow of squares, and pooling over positions."""

from __future__ import annotations

import torch

LARGE = 1e6
"""Values above this are divided by a unit before they are squared. The square of a float32 overflows at 1.8e19."""


def large_value_unit(*tensors: torch.Tensor) -> torch.Tensor:
    r"""Compute a unit for each sample that keeps the squares of large values within the range of a float.

    .. math:: u_n = \max(1,\ 10^{-6} \max_i |x_{ni}|)

    It is exactly 1 for values of up to a million, so that a division by it does not change them. Its gradient is zero.

    Args:
        *tensors: Tensors of one shape (N, ...). The maximum is over all of them.

    Returns:
        (N, 1, ..., 1), from 1.

    Example:
        >>> large_value_unit(torch.tensor([[0.5, -3.0], [4e6, 0.0]])).flatten()
        tensor([1., 4.])
    """
    largest = torch.stack([x.detach().abs().flatten(1).amax(1) for x in tensors]).amax(0)
    return largest.clamp(min=LARGE).div(LARGE).view(-1, *[1] * (tensors[0].ndim - 1))


def safe_pow(values: torch.Tensor, exponent: float) -> torch.Tensor:
    r"""Compute :math:`x^p` for :math:`x > 0`, and 0 with gradient 0 for :math:`x \le 0`.

    For :math:`p < 1` the plain power has an infinite slope at 0. With an inner gradient of zero, the product is NaN.
    Identical images have values of zero here, and need a gradient of zero.

    Args:
        values: x, of any shape.
        exponent: p.

    Returns:
        A tensor of the same shape. NaN stays NaN.

    Example:
        >>> x = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> safe_pow(x, 0.5).sum().backward()
        >>> x.grad
        tensor([0.0000, 0.2500])
    """
    flat = values <= 0  # False for NaN
    # The inner `where` keeps the slope of the unused branch finite, since 0 * inf is NaN.
    return torch.where(flat, 0.0, torch.where(flat, 1.0, values).pow(exponent))


def normalised(weights: torch.Tensor) -> torch.Tensor:
    """Divide weights (N, ...) by their sum for each sample. Weights of zero stay zero.

    Example:
        >>> normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
        tensor([[0.2500, 0.7500],
                [0.0000, 0.0000]])
    """
    total = weights.flatten(1).sum(1).clamp(min=torch.finfo(weights.dtype).tiny)
    return weights / total.view(-1, *[1] * (weights.ndim - 1))


def pool(positions: torch.Tensor, pooling: str, weights: torch.Tensor | None = None) -> torch.Tensor:
    r"""Pool the values of positions to one value for each sample.

    .. math:: \frac{1}{P} \sum_p x_p \quad (\mathrm{mean}), \qquad
        \sqrt{\frac{1}{P} \sum_p x_p^2} \quad (\mathrm{rms})

    With weights, :math:`w_p / \sum_q w_q` takes the place of :math:`1 / P`.

    Args:
        positions: (N, ...), from 0.
        pooling: `mean` or `rms`.
        weights: Weight of each position, of the shape of `positions`, from 0. Default: all positions count equally.

    Returns:
        (N,), from 0. The root has a gradient of zero at 0. Large values do not overflow when they are squared.

    Example:
        >>> pool(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "rms"), pool(torch.tensor([[3.0, 4.0]]), "mean")
        (tensor([3.5355, 0.0000]), tensor([3.5000]))
    """
    values = positions.flatten(1)
    if pooling == "mean":
        return mean(values, weights)
    unit = large_value_unit(values)
    return unit[:, 0] * safe_pow(mean((values / unit).square(), weights), 0.5)


def mean(positions: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Compute the mean over positions.

    Args:
        positions: (N, ...).
        weights: Weight of each position, of the shape of `positions`, from 0. Default: all positions count equally.

    Returns:
        (N,). It is 0 where all weights are 0.

    Example:
        >>> mean(torch.tensor([[1.0, 5.0]])), mean(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 1.0]]))
        (tensor([3.]), tensor([2.]))
    """
    if weights is None:
        return positions.flatten(1).mean(1)
    return (positions * normalised(weights.view(positions.shape))).flatten(1).sum(1)
