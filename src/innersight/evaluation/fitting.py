"""Monotone logistic regression of opinions on scores, which ITU-T P.1401 and VQEG prescribe before PLCC and RMSE."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import leastsq
from scipy.special import expit

from innersight.evaluation.correlation import Floats

_STARTS = [(quantile, width) for quantile in (0.25, 0.5, 0.75) for width in (0.25, 1.0)]
_MIN_RISE = 1e-9  # smallest range of a curve, in standard deviations of the opinions; below, the fit failed
# Relative decrease of the error at which the fit ends. If the best curve is an exponential, b1 grows without end while
# the error decreases by less than this.
_TOLERANCE = 1e-6
_MAX_EVALUATIONS = 1000
_CONVERGED = (1, 2, 3, 4, 6, 7, 8)  # the status codes of MINPACK for a fit that ended
_EPS = 1e-12  # smallest absolute width of the logistic function, against division by 0


@dataclass(frozen=True)
class Fit:
    """A fitted logistic function.

    Attributes:
        parameters: b1 to b4, or b1 to b5 with the square root of b4, for scores and opinions with mean 0 and standard
            deviation 1.
        centre: Means of the scores and of the opinions.
        scale: Standard deviations of the scores and of the opinions.
        falls: Whether the function decreases with the score.
    """

    parameters: Floats
    centre: tuple[float, float]
    scale: tuple[float, float]
    falls: bool

    def __call__(self, x: Floats) -> Floats:
        """Predict the opinions for scores, in the units of the opinions."""
        z = (x - self.centre[0]) / self.scale[0]
        fitted: Floats = self.centre[1] + self.scale[1] * _FUNCTIONS[len(self.parameters)](self.parameters, z)
        return fitted


def fit_logistic(
    x: Floats, y: Floats, parameters: int, *, weights: Floats | None = None, start: Fit | None = None
) -> Fit | None:
    r"""Fit a logistic function by least squares.

    With 4 parameters the function is :math:`(b_1 - b_2) / (1 + e^{-(x - b_3) / b_4}) + b_2`, which is monotone. With 5
    parameters it is :math:`b_1 (1/2 - 1 / (1 + e^{b_2 (x - b_3)})) + b_4 x + b_5`. Here the sign of the slope b4 is
    constrained to the direction of the other term, so that this function is monotone too. The Levenberg-Marquardt
    method starts from six points, and the solution with the smallest error is used.

    Source: H. R. Sheikh, M. F. Sabir, A. C. Bovik, IEEE Transactions on Image Processing 15(11), 2006; ITU-T P.1401.

    Args:
        x: (n,), scores.
        y: (n,), opinions.
        parameters: 4 or 5.
        weights: (n,), number of times that each row counts. Default: once.
        start: The fit of a similar sample, used as the only starting point. It is ignored if this sample has the
            opposite direction. Default: None.

    Returns:
        The fit, or None if it failed: the number of rows does not exceed the number of parameters, scores or opinions
        are constant or infinite, no start converged, or the function is constant.

    Example:
        >>> x = np.linspace(-3, 3, 50)
        >>> fit = fit_logistic(x, 2 + 5 / (1 + np.exp(-2 * x)), 4)
        >>> bool(np.abs(fit(x) - 2 - 5 / (1 + np.exp(-2 * x))).max() < 1e-6)
        True
    """
    w = np.ones_like(x) if weights is None else weights
    counted = w > 0
    if counted.sum() <= parameters or not (np.isfinite(x[counted]).all() and np.isfinite(y[counted]).all()):
        return None
    if start is None:
        centre = float(np.average(x, weights=w)), float(np.average(y, weights=w))
        scale = (
            float(np.sqrt(np.average((x - centre[0]) ** 2, weights=w))),
            float(np.sqrt(np.average((y - centre[1]) ** 2, weights=w))),
        )
    else:
        centre, scale = start.centre, start.scale
    if not all(0 < deviation < math.inf for deviation in scale) or np.ptp(x[counted]) == 0:
        return None
    x_unit, y_unit = (x[counted] - centre[0]) / scale[0], (y[counted] - centre[1]) / scale[1]
    root, function, jacobian = np.sqrt(w[counted]), _FUNCTIONS[parameters], _JACOBIANS[parameters]
    rises = 1.0 if (w[counted] * x_unit * y_unit).sum() >= 0 else -1.0
    if start is not None and start.falls == (rises < 0):
        starts = [start.parameters]
    else:
        starts = _starts(x_unit, y_unit, rises, parameters)
    ends = np.array([x_unit.min(), x_unit.max()])
    best: tuple[float, Floats, float] | None = None
    for first in starts:
        # `least_squares` runs the same algorithm of MINPACK, but takes 1.7 times as long for a bootstrap of fits.
        with np.errstate(over="ignore"):  # in the covariance, which is not used
            found, _, info, _, status = leastsq(  # type: ignore[no-untyped-call]
                lambda b: root * (function(b, x_unit) - y_unit),
                first,
                Dfun=lambda b: jacobian(b, x_unit) * root,
                col_deriv=True,
                full_output=True,
                ftol=_TOLERANCE,
                maxfev=_MAX_EVALUATIONS,
            )
        cost = float((info["fvec"] ** 2).sum())
        if status not in _CONVERGED or not math.isfinite(cost) or (best is not None and cost >= best[0]):
            continue
        low, high = function(found, ends)
        if abs(high - low) > _MIN_RISE:
            best = cost, found, float(high - low)
    return None if best is None else Fit(best[1], centre, scale, falls=best[2] < 0)


def _starts(x: Floats, y: Floats, rises: float, parameters: int) -> list[Floats]:
    low, high = y.min(), y.max()
    made = []
    for quantile, width in _STARTS:
        middle = np.quantile(x, quantile)
        if parameters == 4:
            made.append(np.array([high, low, middle, rises * width]))
        else:
            made.append(np.array([high - low, rises / width, middle, 0.3, (high + low) / 2]))
    return made


def _logistic4(b: Floats, x: Floats) -> Floats:
    curve: Floats = (b[0] - b[1]) * expit((x - b[2]) / _nonzero(b[3])) + b[1]
    return curve


def _jacobian4(b: Floats, x: Floats) -> Floats:
    width = _nonzero(b[3])
    z = (x - b[2]) / width
    rise = expit(z)
    bell = (b[0] - b[1]) * rise * (1 - rise) / width
    return np.stack([rise, 1 - rise, -bell, -bell * z])


def _logistic5(b: Floats, x: Floats) -> Floats:
    """The slope of the linear term is the square of its parameter, with the sign of the other term."""
    curve: Floats = b[0] * (expit(b[1] * (x - b[2])) - 0.5) + np.sign(b[0] * b[1]) * b[3] ** 2 * x + b[4]
    return curve


def _jacobian5(b: Floats, x: Floats) -> Floats:
    rise = expit(b[1] * (x - b[2]))
    bell = b[0] * rise * (1 - rise)
    return np.stack([rise - 0.5, bell * (x - b[2]), -bell * b[1], np.sign(b[0] * b[1]) * 2 * b[3] * x, np.ones_like(x)])


def _nonzero(width: float) -> float:
    return width if abs(width) > _EPS else _EPS


_FUNCTIONS: dict[int, Callable[[Floats, Floats], Floats]] = {4: _logistic4, 5: _logistic5}
_JACOBIANS: dict[int, Callable[[Floats, Floats], Floats]] = {4: _jacobian4, 5: _jacobian5}
