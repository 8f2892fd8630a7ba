"""Significance tests for two correlations with the same opinions on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from innersight.errors import ArgumentError


@dataclass(frozen=True)
class CorrelationTest:
    """The result of a test for two dependent correlations.

    Attributes:
        statistic: z (Meng, Rosenthal, Rubin) or t (Williams). It is positive if the first correlation is larger.
        p_value: Two-sided p-value.
    """

    statistic: float
    p_value: float


def meng_rosenthal_rubin(first: float, second: float, between: float, rows: int) -> CorrelationTest:
    r"""Test whether the correlations of two metrics with the same opinions differ, by Meng, Rosenthal and Rubin.

    With Fisher's :math:`z_i = \mathrm{artanh}\, r_i`, :math:`\bar{r^2} = (r_1^2 + r_2^2) / 2`,
    :math:`f = \min(1, (1 - r_{12}) / (2 (1 - \bar{r^2})))` and
    :math:`h = (1 - f \bar{r^2}) / (1 - \bar{r^2})`, the statistic is
    :math:`z = (z_1 - z_2) \sqrt{(n - 3) / (2 (1 - r_{12}) h)}`. It has a standard normal distribution if the
    correlations are equal. The test assumes independent rows. If several rows share a reference, its p-values are too
    small: use a bootstrap over references instead.

    Source: X.-L. Meng, R. Rosenthal, D. B. Rubin, Psychological Bulletin 111(1), 1992.

    Args:
        first: Correlation of the first metric with the opinions.
        second: Correlation of the second metric with the opinions.
        between: Correlation of the two metrics with each other.
        rows: Number of rows n.

    Returns:
        z and its two-sided p-value.

    Raises:
        ArgumentError: If a correlation is not inside (-1, 1), or there are fewer than 4 rows.

    Example:
        >>> meng_rosenthal_rubin(0.8066, 0.2383, 0.2255, 177).statistic
        8.39
    """
    _check(first, second, between, rows)
    mean_square = (first**2 + second**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - mean_square)))
    h = (1 - f * mean_square) / (1 - mean_square)
    z = (math.atanh(first) - math.atanh(second)) * math.sqrt((rows - 3) / (2 * (1 - between) * h))
    return CorrelationTest(z, float(2 * ndtr(-abs(z))))


def williams(first: float, second: float, between: float, rows: int) -> CorrelationTest:
    r"""Test whether the correlations of two metrics with the same opinions differ, by Williams' t.

    This test is also valid for few rows. It assumes independent rows. If several rows share a reference, its p-values
    are too small: use a bootstrap over references instead. With
    :math:`|R| = 1 - r_1^2 - r_2^2 - r_{12}^2 + 2 r_1 r_2 r_{12}` and :math:`\bar r = (r_1 + r_2) / 2`,

    .. math:: t = (r_1 - r_2) \sqrt{\frac{(n - 1)(1 + r_{12})}
        {2 |R| (n - 1) / (n - 3) + \bar r^2 (1 - r_{12})^3}}

    has a t distribution with n - 3 degrees of freedom if the correlations are equal.

    Source: E. J. Williams, Journal of the Royal Statistical Society B 21(2), 1959, as in J. H. Steiger, Psychological
    Bulletin 87(2), 1980.

    Args:
        first: Correlation of the first metric with the opinions.
        second: Correlation of the second metric with the opinions.
        between: Correlation of the two metrics with each other.
        rows: Number of rows n.

    Returns:
        t and its two-sided p-value.

    Raises:
        ArgumentError: If a correlation is not inside (-1, 1), if there are fewer than 4 rows, or if no three variables
            can have these correlations.

    Example:
        >>> williams(0.8066, 0.2383, 0.2255, 177).statistic
        9.38
    """
    _check(first, second, between, rows)
    determinant = 1 - first**2 - second**2 - between**2 + 2 * first * second * between
    if determinant < 0:
        raise ArgumentError(
            "Arguments `first`, `second` and `between` must be the correlations of three variables, but no variables "
            f"have the correlations {first!r}, {second!r} and {between!r}. Compute all three on the same rows."
        )
    mean = (first + second) / 2
    variance = 2 * determinant * (rows - 1) / (rows - 3) + mean**2 * (1 - between) ** 3
    t = (first - second) * math.sqrt((rows - 1) * (1 + between) / variance)
    return CorrelationTest(t, float(2 * stdtr(rows - 3, -abs(t))))


def _check(first: float, second: float, between: float, rows: int) -> None:
    for name, value in (("first", first), ("second", second), ("between", between)):
        if not -1 < value < 1:
            raise ArgumentError(f"Argument `{name}` must be a correlation inside (-1, 1), but got {value!r}.")
    if rows < 4:
        raise ArgumentError(f"Argument `rows` must be at least 4, but got {rows!r}. Add rows.")
