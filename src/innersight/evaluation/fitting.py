"""The monotone logistic that leads from scores to opinions, as ITU-T P.1401 and VQEG ask for before PLCC and RMSE."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import leastsq
from scipy.special import expit

from innersight.evaluation.correlation import Floats

_STARTS = [(place, width) for place in (0.25, 0.5, 0.75) for width in (0.25, 1.0)]
_FLAT = 1e-9  # of the opinions' deviation: a curve that rises by less follows nothing
_AT_REST = 1e-6  # relative gain of a step; where the best curve is an exponential, b1 creeps to infinity by less
_MOST_STEPS = 1000
_CONVERGED = (1, 2, 3, 4, 6, 7, 8)  # what MINPACK says of a fit that came to rest


@dataclass(frozen=True)
class Fit:
    """A fitted logistic.

    Attributes:
        parameters: b1 to b4, or to b5 with the root of b4; on scores and opinions of mean 0 and deviation 1.
        centre: Means of the scores and of the opinions.
        scale: Their deviations.
        falls: Whether the curve falls where the scores rise.
    """

    parameters: Floats
    centre: tuple[float, float]
    scale: tuple[float, float]
    falls: bool

    def __call__(self, x: Floats) -> Floats:
        """Foretell the opinions of scores, in the opinions' units."""
        z = (x - self.centre[0]) / self.scale[0]
        fitted: Floats = self.centre[1] + self.scale[1] * _CURVES[len(self.parameters)](self.parameters, z)
        return fitted


def fit_logistic(
    x: Floats, y: Floats, parameters: int, *, weights: Floats | None = None, start: Fit | None = None
) -> Fit | None:
    r"""Fit a logistic by least squares.

    With 4 parameters :math:`(b_1 - b_2) / (1 + e^{-(x - b_3) / b_4}) + b_2`, which is monotone; with 5
    :math:`b_1 (1/2 - 1 / (1 + e^{b_2 (x - b_3)})) + b_4 x + b_5`, where the straight term is held to rise or fall with
    the other, so that this is monotone too (H. R. Sheikh, M. F. Sabir, A. C. Bovik, IEEE TIP 15(11), 2006; ITU-T
    P.1401). Levenberg-Marquardt from six starts, the best is taken.

    Args:
        x: (n,) scores.
        y: (n,) opinions.
        parameters: 4 or 5.
        weights: (n,), how often each row counts; once, unless given.
        start: The fit of a similar sample, as the one start; where this sample leans the other way it is no start.

    Returns:
        The fit, or None where none was found: no more rows than parameters, constant or infinite scores, no start that
        came to rest, a curve without a rise or fall.

    Example:
        >>> x = np.linspace(-3, 3, 50)
        >>> fit = fit_logistic(x, 2 + 5 / (1 + np.exp(-2 * x)), 4)
        >>> bool(np.abs(fit(x) - 2 - 5 / (1 + np.exp(-2 * x))).max() < 1e-6)
        True
    """
    w = np.ones_like(x) if weights is None else weights
    seen = w > 0
    if seen.sum() <= parameters or not (np.isfinite(x[seen]).all() and np.isfinite(y[seen]).all()):
        return None
    if start is None:
        centre = float(np.average(x, weights=w)), float(np.average(y, weights=w))
        scale = (
            float(np.sqrt(np.average((x - centre[0]) ** 2, weights=w))),
            float(np.sqrt(np.average((y - centre[1]) ** 2, weights=w))),
        )
    else:
        centre, scale = start.centre, start.scale
    if not min(scale) > 0 or np.ptp(x[seen]) == 0:
        return None
    x_unit, y_unit = (x[seen] - centre[0]) / scale[0], (y[seen] - centre[1]) / scale[1]
    root, curve, slope = np.sqrt(w[seen]), _CURVES[parameters], _SLOPES[parameters]
    rises = 1.0 if (w[seen] * x_unit * y_unit).sum() >= 0 else -1.0
    if start is not None and start.falls == (rises < 0):
        starts = [start.parameters]
    else:
        starts = _starts(x_unit, y_unit, rises, parameters)
    ends = np.array([x_unit.min(), x_unit.max()])
    best: tuple[float, Floats, float] | None = None
    for first in starts:
        with np.errstate(over="ignore"):  # in the covariance, which nobody asked for
            found, _, info, _, status = leastsq(  # type: ignore[no-untyped-call]
                lambda b: root * (curve(b, x_unit) - y_unit),
                first,
                Dfun=lambda b: slope(b, x_unit) * root,
                col_deriv=True,
                full_output=True,
                ftol=_AT_REST,
                maxfev=_MOST_STEPS,
            )
        cost = float((info["fvec"] ** 2).sum())
        if status not in _CONVERGED or not math.isfinite(cost) or (best is not None and cost >= best[0]):
            continue
        low, high = curve(found, ends)
        if abs(high - low) > _FLAT:
            best = cost, found, float(high - low)
    return None if best is None else Fit(best[1], centre, scale, falls=best[2] < 0)


def _starts(x: Floats, y: Floats, rises: float, parameters: int) -> list[Floats]:
    low, high = y.min(), y.max()
    made = []
    for place, width in _STARTS:
        middle = np.quantile(x, place)
        if parameters == 4:
            made.append(np.array([high, low, middle, rises * width]))
        else:
            made.append(np.array([high - low, rises / width, middle, 0.3, (high + low) / 2]))
    return made


def _four(b: Floats, x: Floats) -> Floats:
    curve: Floats = (b[0] - b[1]) * expit((x - b[2]) / _away_from_0(b[3])) + b[1]
    return curve


def _four_slopes(b: Floats, x: Floats) -> Floats:
    width = _away_from_0(b[3])
    z = (x - b[2]) / width
    rise = expit(z)
    bell = (b[0] - b[1]) * rise * (1 - rise) / width
    return np.stack([rise, 1 - rise, -bell, -bell * z])


def _five(b: Floats, x: Floats) -> Floats:
    """The straight term's slope is the square of its parameter, with the sign of the other term."""
    curve: Floats = b[0] * (expit(b[1] * (x - b[2])) - 0.5) + np.sign(b[0] * b[1]) * b[3] ** 2 * x + b[4]
    return curve


def _five_slopes(b: Floats, x: Floats) -> Floats:
    rise = expit(b[1] * (x - b[2]))
    bell = b[0] * rise * (1 - rise)
    return np.stack([rise - 0.5, bell * (x - b[2]), -bell * b[1], np.sign(b[0] * b[1]) * 2 * b[3] * x, np.ones_like(x)])


def _away_from_0(width: float) -> float:
    return width if abs(width) > 1e-12 else 1e-12


_CURVES: dict[int, Callable[[Floats, Floats], Floats]] = {4: _four, 5: _five}
_SLOPES: dict[int, Callable[[Floats, Floats], Floats]] = {4: _four_slopes, 5: _five_slopes}
