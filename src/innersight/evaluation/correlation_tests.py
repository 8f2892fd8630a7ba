"""Tests for two correlations with the same opinions, measured on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from innersight.errors import ArgumentError


@dataclass(frozen=True)
class Verdict:
    """What a test says of two dependent correlations.

    Attributes:
        statistic: z (Meng, Rosenthal, Rubin) or t (Williams); positive where the first correlation is larger.
        p_value: Two-sided.
    """

    statistic: float
    p_value: float


def meng_rosenthal_rubin(first: float, second: float, between: float, rows: int) -> Verdict:
    r"""Test whether two metrics' correlations with the same opinions differ.

    With Fisher's :math:`z_i = \mathrm{artanh}\, r_i`, :math:`\bar{r^2} = (r_1^2 + r_2^2) / 2`,
    :math:`f = \min(1, (1 - r_{12}) / (2 (1 - \bar{r^2})))` and
    :math:`h = (1 - f \bar{r^2}) / (1 - \bar{r^2})`, the statistic is
    :math:`z = (z_1 - z_2) \sqrt{(n - 3) / (2 (1 - r_{12}) h)}`, normal if they are equal. Rows count as independent:
    where several share a reference it is too sure, and a bootstrap over references is to be believed.

    Source: X.-L. Meng, R. Rosenthal, D. B. Rubin, Psychological Bulletin 111(1), 1992.

    Args:
        first: Correlation of the first metric with the opinions.
        second: That of the second.
        between: Correlation of the two metrics with each other.
        rows: n.

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
    return Verdict(z, float(2 * ndtr(-abs(z))))


def williams(first: float, second: float, between: float, rows: int) -> Verdict:
    r"""Test the same with Williams' t, which holds for few rows too.

    With :math:`|R| = 1 - r_1^2 - r_2^2 - r_{12}^2 + 2 r_1 r_2 r_{12}` and :math:`\bar r = (r_1 + r_2) / 2`,

    .. math:: t = (r_1 - r_2) \sqrt{\frac{(n - 1)(1 + r_{12})}
        {2 |R| (n - 1) / (n - 3) + \bar r^2 (1 - r_{12})^3}}

    with n - 3 degrees of freedom.

    Source: E. J. Williams, Journal of the Royal Statistical Society B 21(2), 1959, as in J. H. Steiger, Psychological
    Bulletin 87(2), 1980.

    Args:
        first: See `meng_rosenthal_rubin`, like all that follows.
        second: See there.
        between: See there.
        rows: See there.

    Returns:
        t and its two-sided p-value.

    Raises:
        ArgumentError: As there, or if no three variables can have these correlations.

    Example:
        >>> williams(0.8066, 0.2383, 0.2255, 177).statistic
        9.38
    """
    _check(first, second, between, rows)
    determinant = 1 - first**2 - second**2 - between**2 + 2 * first * second * between
    if determinant < 0:
        raise ArgumentError(
            f"No three variables have the correlations {first!r}, {second!r} and {between!r} with each other."
        )
    mean = (first + second) / 2
    spread = 2 * determinant * (rows - 1) / (rows - 3) + mean**2 * (1 - between) ** 3
    t = (first - second) * math.sqrt((rows - 1) * (1 + between) / spread)
    return Verdict(t, float(2 * stdtr(rows - 3, -abs(t))))


def _check(first: float, second: float, between: float, rows: int) -> None:
    for name, value in (("first", first), ("second", second), ("between", between)):
        if not -1 < value < 1:
            raise ArgumentError(f"Argument `{name}` must be a correlation inside (-1, 1), but got {value!r}.")
    if rows < 4:
        raise ArgumentError(f"Argument `rows` must be at least 4, but got {rows!r}.")
