"""Roots whose gradient at exactly zero is zero: identical images must give 0 and a usable gradient, never NaN."""

from __future__ import annotations

import torch


def safe_pow(values: torch.Tensor, exponent: float) -> torch.Tensor:
    r"""Compute :math:`x^p` for :math:`x > 0`, and 0 with gradient 0 for :math:`x \le 0`.

    For :math:`p < 1` the plain power has an infinite slope at 0, which times a zero inner gradient is NaN.

    Args:
        values: Any shape.
        exponent: p.

    Returns:
        The same shape.

    Example:
        >>> x = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> safe_pow(x, 0.5).sum().backward()
        >>> x.grad
        tensor([0.0000, 0.2500])
    """
    flat = values <= 0  # NaN is not: it stays NaN, and is never taken for identity
    # The inner `where` keeps the slope of the branch not taken finite, as 0 * inf would still be NaN.
    return torch.where(flat, 0.0, torch.where(flat, 1.0, values).pow(exponent))
