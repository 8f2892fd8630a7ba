"""Agreement of one metric with opinions: overall, by reference and by distortion type, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from innersight.datasets.dataset import DIRECTIONS, Direction
from innersight.errors import ArgumentError, unknown_name
from innersight.evaluation.correlation import (
    CORRELATIONS,
    Counts,
    Floats,
    draw_resamples,
    krcc_of_resamples,
    plcc,
    plcc_of_resamples,
    srcc_of_resamples,
)
from innersight.evaluation.fitting import Fit, fit_logistic

STATISTICS = ("plcc", "srcc", "krcc", "plcc_logistic4", "rmse_logistic4", "plcc_logistic5", "rmse_logistic5")
"""Names of the statistics of an `Evaluation`."""

MIN_ROWS = 3
"""The smallest number of rows for a correlation. With 2 rows it is always 1 or -1."""

_FEW_CLUSTERS = 10  # below this number of references, a bootstrap over references is rough
_MAX_UNDEFINED = 0.05  # largest share of resamples in which a statistic with an interval can be undefined
_FITS = (4, 5)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % confidence interval.

    Attributes:
        value: The value, or None if it is not defined.
        low: The lower end of the interval, or None if there is no interval.
        high: The upper end of the interval, or None if there is no interval.
    """

    value: float | None
    low: float | None
    high: float | None


Estimates: TypeAlias = Mapping[str, Estimate]


@dataclass(frozen=True)
class Evaluation:
    """Agreement of a metric with opinions. Positive correlations mean agreement.

    Attributes:
        rows: Number of rows with a score and an opinion.
        references: Number of references of these rows, or None if references were not given.
        left_out: Number of rows left out, by reason.
        overall: Statistics over all rows by name, see `STATISTICS`. RMSE is in the units of the opinions.
        by_reference: Means of the statistics over references, or None if references were not given.
        by_kind: Statistics by distortion type and name. Empty if distortion types were not given.
        notes: Notes on ties, undefined statistics, few references and failed fits.
    """

    rows: int
    references: int | None
    left_out: Mapping[str, int]
    overall: Estimates
    by_reference: Estimates | None
    by_kind: Mapping[str, Estimates]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation in JSON types."""

        def to_plain(estimates: Estimates) -> dict[str, dict[str, float | None]]:
            return {name: dict(vars(estimate)) for name, estimate in estimates.items()}

        return {
            "rows": self.rows,
            "references": self.references,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "overall": to_plain(self.overall),
            "by_reference": to_plain(self.by_reference) if self.by_reference is not None else None,
            "by_kind": {kind: to_plain(estimates) for kind, estimates in self.by_kind.items()},
        }


def evaluate(
    scores: Iterable[float | None],
    opinions: Iterable[float | None],
    *,
    opinion_direction: Direction,
    score_direction: Direction = "lower-is-better",
    references: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    r"""Measure the agreement of scores with opinions.

    The signs of scores and opinions are changed so that higher is better for both. The statistics are PLCC, SRCC, KRCC
    (Kendall's tau-b), and PLCC and RMSE after a logistic fit of the opinions with 4 and with 5 parameters (see
    `fit_logistic`). One fit to all rows is used for all groups of rows. If the fitted function decreases, its PLCC is
    negative. The statistics are computed over all rows, as the mean over references, and for each distortion type.

    The 95 % intervals are the percentiles 2.5 and 97.5 of a bootstrap over references. Each resample has its own fit.
    If references are not given, the bootstrap is over rows. Its intervals are too narrow if rows share an image
    content.

    Args:
        scores: One score per row. Rows with None or nan are left out and counted. Infinite scores are used in SRCC and
            KRCC only; the other statistics are then not defined.
        opinions: One opinion score per row, such as MOS, DMOS or Elo. Rows without a finite opinion are left out.
        opinion_direction: Whether higher opinions are better (MOS) or lower ones (DMOS).
        score_direction: Whether higher or lower scores are better. Default: lower, as for a distance.
        references: Name of the reference image of each row. Default: None, not known.
        kinds: Distortion type of each row. Default: None, not known.
        resamples: Number of bootstrap resamples. Default: 1000. 0 computes no intervals.
        seed: Seed of the resamples. Default: 0.

    Returns:
        The statistics and notes.

    Raises:
        ArgumentError: If the lengths differ, a direction is unknown, or fewer than 3 rows remain.

    Example:
        >>> found = evaluate([1, 2, 3, 5], [4.0, 3.0, 2.0, 1.0], opinion_direction="higher-is-better", resamples=0)
        >>> found.overall["plcc"].value, found.overall["srcc"].value
        (0.9827, 1.0)
    """
    for argument, direction in (("opinion_direction", opinion_direction), ("score_direction", score_direction)):
        if direction not in DIRECTIONS:
            raise unknown_name(argument, direction, DIRECTIONS)
    x, y = (np.array([math.nan if value is None else value for value in side], float) for side in (scores, opinions))
    named = {"opinions": len(y)}
    named |= {name: len(side) for name, side in (("references", references), ("kinds", kinds)) if side is not None}
    for argument, length in named.items():
        if length != len(x):
            raise ArgumentError(
                f"Argument `{argument}` must have as many rows as `scores`, {len(x)}, but has {length}. Pass one value "
                "per row."
            )
    lacking = {
        "no score": np.isnan(x),
        "no opinion": ~np.isnan(x) & ~np.isfinite(y),
    }
    kept = ~np.logical_or.reduce(list(lacking.values()))
    if kept.sum() < MIN_ROWS:
        raise ArgumentError(
            f"There must be at least {MIN_ROWS} rows with a score and an opinion, but there are {kept.sum()} of "
            f"{len(x)}. Add rows."
        )
    sample = _Sample(
        x[kept] * (1 if score_direction == "higher-is-better" else -1),
        y[kept] * (1 if opinion_direction == "higher-is-better" else -1),
        None if references is None else encode_names(references, kept),
        resamples,
        seed,
    )
    left_out = {reason: int(rows.sum()) for reason, rows in lacking.items() if rows.any()}
    notes = [f"{count} of {len(x)} rows left out: {reason}" for reason, count in left_out.items()]
    notes += sample.notes()
    everything = np.ones(len(sample.x), bool)
    overall = sample.estimates(everything)
    notes += [f"{name} is not defined overall" for name, estimate in overall.items() if estimate.value is None]
    if len(sample.counts) and (lost := _without_interval(overall)):
        notes.append(f"no interval of {', '.join(lost)}: not defined in too many resamples")
    by_kind: dict[str, Estimates] = {}
    if kinds is not None:
        groups = np.array([str(kind) for kind in kinds])[kept]
        for kind in sorted(set(groups)):
            by_kind[kind] = sample.estimates(groups == kind)
            undefined = [name for name in CORRELATIONS if by_kind[kind][name].value is None]
            if undefined:
                notes.append(f"kind {kind}, {(groups == kind).sum()} rows: {', '.join(undefined)} not defined")
            if len(sample.counts) and (lost := _without_interval(by_kind[kind])):
                notes.append(f"kind {kind}: no interval of {', '.join(lost)}: not defined in too many resamples")
    by_reference = None
    if references is not None:
        by_reference, undefined_count = sample.mean_over_references()
        if undefined_count:
            notes.append(
                f"{undefined_count} of {sample.clusters} references are left out of the means: fewer than {MIN_ROWS} "
                "rows, or constant values"
            )
    return Evaluation(
        len(sample.x),
        sample.clusters if references is not None else None,
        left_out,
        overall,
        by_reference,
        by_kind,
        notes,
    )


def encode_names(names: Sequence[str], kept: np.typing.NDArray[np.bool_]) -> Counts:
    """Encode the names of the selected rows as integers from 0.

    Args:
        names: One name per row.
        kept: (n,), whether each row is selected.

    Returns:
        One integer per selected row. Equal names have equal integers.
    """
    return np.unique(np.array([str(name) for name in names])[kept], return_inverse=True)[1].astype(np.int64)


class _Sample:
    """Rows with signs such that higher is better for scores and opinions, and their bootstrap resamples."""

    def __init__(self, x: Floats, y: Floats, references: Counts | None, resamples: int, seed: int) -> None:
        self.x, self.y = x, y
        self.named = references is not None
        self.codes = np.arange(len(x)) if references is None else references
        self.clusters = int(self.codes.max()) + 1
        self.counts = draw_resamples(self.clusters, resamples, seed)
        count = len(self.counts)
        self.weights = self.counts[:, self.codes]
        self.fits = {parameters: fit_logistic(x, y, parameters) for parameters in _FITS}
        self._fitted = {parameters: self._predict(fit) for parameters, fit in self.fits.items()}
        self._signs: dict[int, Floats] = {}
        self._refitted: dict[int, Floats] = {}
        for parameters, fit in self.fits.items():
            refits = [
                None if fit is None else fit_logistic(x, y, parameters, weights=row, start=fit) for row in self.weights
            ]
            # The direction of the function is that of each resample, so that an interval can contain 0.
            self._signs[parameters] = np.array([_sign(refit) for refit in refits])
            self._refitted[parameters] = np.array([self._predict(refit) for refit in refits]).reshape(count, len(x))

    def _predict(self, fit: Fit | None) -> Floats:
        return np.full(len(self.x), np.nan) if fit is None else fit(self.x)

    def notes(self) -> list[str]:
        found = []
        for name, side in (("scores", self.x), ("opinions", self.y)):
            tied = len(side) - len(np.unique(side))
            if len(np.unique(side)) == 1:
                found.append(f"all {name} are equal: correlations are not defined")
            elif tied:
                found.append(f"ties: {tied} of {len(side)} {name} are equal to another one")
        infinite = int(np.isinf(self.x).sum())
        if infinite:
            found.append(f"{infinite} scores are infinite: PLCC and logistic fits are not defined")
        for parameters, fit in self.fits.items():
            if fit is None:
                found.append(f"the logistic fit with {parameters} parameters failed")
            elif fit.falls:
                found.append(
                    f"the logistic fit with {parameters} parameters decreases: scores contradict their direction"
                )
        if not self.named:
            found.append("intervals are over rows, because references are not given")
        elif self.clusters == 1:
            found.append("only one reference: no intervals")
        elif self.clusters < _FEW_CLUSTERS:
            found.append(f"{self.clusters} references: intervals are rough")
        return found

    def estimates(self, rows: np.typing.NDArray[np.bool_]) -> dict[str, Estimate]:
        """Compute all statistics of selected rows."""
        x, y, weights = self.x[rows], self.y[rows], self.weights[:, rows]
        enough = rows.sum() >= MIN_ROWS
        found = {}
        draws = {
            "plcc": plcc_of_resamples(x, y, weights),
            "srcc": srcc_of_resamples(x, y, weights),
            "krcc": krcc_of_resamples(x, y, self.codes[rows], self.counts),
        }
        for name, function in CORRELATIONS.items():
            found[name] = make_estimate(function(x, y) if enough else math.nan, draws[name])
        for parameters, fit in self.fits.items():
            fitted, refitted = self._fitted[parameters][rows], self._refitted[parameters][:, rows]
            signs = self._signs[parameters]
            for name, value, draw in (
                ("plcc", _sign(fit) * plcc(fitted, y), signs * _rowwise_plcc(refitted, y, weights)),
                ("rmse", float(np.sqrt(np.mean((fitted - y) ** 2))), _rowwise_rmse(refitted, y, weights)),
            ):
                found[f"{name}_logistic{parameters}"] = make_estimate(value if enough else math.nan, draw)
        return {name: found[name] for name in STATISTICS}

    def mean_over_references(self) -> tuple[dict[str, Estimate], int]:
        """Return the means of all statistics over references, and the number of references without correlation."""
        values: dict[str, list[float]] = {name: [] for name in STATISTICS}
        for code in range(self.clusters):
            rows = self.codes == code
            x, y = self.x[rows], self.y[rows]
            enough = rows.sum() >= MIN_ROWS
            for name, function in CORRELATIONS.items():
                values[name].append(function(x, y) if enough else math.nan)
            for parameters, fit in self.fits.items():
                fitted = self._fitted[parameters][rows]
                values[f"plcc_logistic{parameters}"].append(_sign(fit) * plcc(fitted, y) if enough else math.nan)
                rmse = float(np.sqrt(np.mean((fitted - y) ** 2)))
                values[f"rmse_logistic{parameters}"].append(rmse if enough else math.nan)
        estimates = {}
        for name, each in values.items():
            array = np.array(each)
            defined = np.isfinite(array)
            held = self.counts[:, defined]
            total = held.sum(1)
            drawn = np.divide(held @ array[defined], total, out=np.full(len(held), np.nan), where=total > 0)
            estimates[name] = make_estimate(float(array[defined].mean()) if defined.any() else math.nan, drawn)
        return estimates, int(np.isnan(values["srcc"]).sum())


def _sign(fit: Fit | None) -> float:
    return -1.0 if fit is not None and fit.falls else 1.0


def _without_interval(estimates: Estimates) -> list[str]:
    return [name for name, estimate in estimates.items() if estimate.value is not None and estimate.low is None]


def make_estimate(value: float, drawn: Floats) -> Estimate:
    """Make an estimate from a value and its bootstrap resamples.

    Args:
        value: The value of the statistic. nan or infinite if it is not defined.
        drawn: (B,), its values in the resamples. nan if it is not defined in a resample.

    Returns:
        The estimate. It has no interval if the statistic is not defined in more than 5 % of the resamples.
    """
    if not math.isfinite(value):
        return Estimate(None, None, None)
    defined = drawn[np.isfinite(drawn)]
    if len(defined) == 0 or len(defined) < (1 - _MAX_UNDEFINED) * len(drawn):
        return Estimate(value, None, None)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _rowwise_plcc(fitted: Floats, y: Floats, weights: Floats) -> Floats:
    each = [plcc_of_resamples(f, y, w[None])[0] for f, w in zip(fitted, weights, strict=True)]
    return np.array(each, float)


def _rowwise_rmse(fitted: Floats, y: Floats, weights: Floats) -> Floats:
    total = weights.sum(1)
    squares = (weights * (fitted - y) ** 2).sum(1)
    means: Floats = np.divide(squares, total, out=np.full(len(total), np.nan), where=total > 0)
    roots: Floats = np.sqrt(means)
    return roots
