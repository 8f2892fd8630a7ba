"""One score against opinions: overall, by reference, by kind of distortion, each with its interval."""

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
LEAST_ROWS = 3
"""Rows below which a group has no correlation worth the name: two always agree fully, or not at all."""

_FEW_CLUSTERS = 10
_LOST_SHARE = 0.05  # of the resamples that may lack a statistic
_FITS = (4, 5)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % interval.

    Attributes:
        value: None where it is not defined.
        low: The interval's lower end, or None where there is none.
        high: Its upper end.
    """

    value: float | None
    low: float | None
    high: float | None


Estimates: TypeAlias = Mapping[str, Estimate]


@dataclass(frozen=True)
class Evaluation:
    """How well a score agrees with opinions; positive correlations mean agreement.

    Attributes:
        rows: Rows that count.
        references: How many references they have, or None where none were named.
        left_out: Rows that do not count, by the reason.
        overall: By statistic, see `STATISTICS`; RMSE in the opinions' units.
        by_reference: The means over references, or None where none were named.
        by_kind: By kind of distortion and statistic; empty where none were named.
        notes: What a reader must know: ties, undefined statistics, few references, failed fits.
    """

    rows: int
    references: int | None
    left_out: Mapping[str, int]
    overall: Estimates
    by_reference: Estimates | None
    by_kind: Mapping[str, Estimates]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON types."""

        def plain(estimates: Estimates) -> dict[str, dict[str, float | None]]:
            return {name: dict(vars(estimate)) for name, estimate in estimates.items()}

        return {
            "rows": self.rows,
            "references": self.references,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "overall": plain(self.overall),
            "by_reference": plain(self.by_reference) if self.by_reference is not None else None,
            "by_kind": {kind: plain(estimates) for kind, estimates in self.by_kind.items()},
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
    r"""Measure how well scores agree with opinions.

    Scores and opinions are turned so that higher is better on both sides; then PLCC, SRCC and KRCC (tau-b), and PLCC
    and RMSE after a logistic fit of the opinions (`fit_logistic`, 4 and 5 parameters, one fit for all rows) are
    computed over all rows, as the mean over references, and over each kind. A fit that falls where it should rise gives
    a negative PLCC. The 95 % intervals are percentiles over resamples of whole references, with the fit made anew for
    each; over resamples of rows where no references are named, which is too narrow where rows share a content.

    Args:
        scores: One a row; None and nan are left out and counted, infinite ones count for ranks only.
        opinions: One a row: MOS, DMOS, Elo, ...
        opinion_direction: Of opinions; MOS: higher-is-better, DMOS: lower-is-better.
        score_direction: Of scores; a distance: lower-is-better.
        references: The reference of each row.
        kinds: The kind of distortion of each row.
        resamples: How many; 0 for no intervals.
        seed: Of the resamples.

    Returns:
        All of it.

    Raises:
        ArgumentError: If the lengths differ, a direction is unknown, or fewer than 3 rows are left.

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
                f"Argument `{argument}` must have as many rows as `scores`, {len(x)}, but has {length}."
            )
    lacking = {
        "no score": np.isnan(x),
        "no opinion": ~np.isnan(x) & ~np.isfinite(y),
    }
    kept = ~np.logical_or.reduce(list(lacking.values()))
    if kept.sum() < LEAST_ROWS:
        raise ArgumentError(
            f"There must be at least {LEAST_ROWS} rows with a score and an opinion, but there are {kept.sum()} of "
            f"{len(x)}."
        )
    sample = _Sample(
        x[kept] * (1 if score_direction == "higher-is-better" else -1),
        y[kept] * (1 if opinion_direction == "higher-is-better" else -1),
        None if references is None else codes_of(references, kept),
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
        notes.append(f"no interval of {', '.join(lost)}, not defined in too many resamples")
    by_kind: dict[str, Estimates] = {}
    if kinds is not None:
        groups = np.array([str(kind) for kind in kinds])[kept]
        for kind in sorted(set(groups)):
            by_kind[kind] = sample.estimates(groups == kind)
            undefined = [name for name in CORRELATIONS if by_kind[kind][name].value is None]
            if undefined:
                notes.append(f"kind {kind}, {(groups == kind).sum()} rows: no {', '.join(undefined)}")
            if len(sample.counts) and (lost := _without_interval(by_kind[kind])):
                notes.append(f"kind {kind}: no interval of {', '.join(lost)}, not defined in too many resamples")
    by_reference = None
    if references is not None:
        by_reference, undefined_count = sample.mean_over_references()
        if undefined_count:
            notes.append(
                f"{undefined_count} of {sample.clusters} references are not in the means: fewer than {LEAST_ROWS} rows,"
                " or constant"
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


def codes_of(names: Sequence[str], kept: np.typing.NDArray[np.bool_]) -> Counts:
    """Number the names of the rows that are kept from 0."""
    return np.unique(np.array([str(name) for name in names])[kept], return_inverse=True)[1].astype(np.int64)


class _Sample:
    """Rows turned so that higher is better on both sides, and their resamples."""

    def __init__(self, x: Floats, y: Floats, references: Counts | None, resamples: int, seed: int) -> None:
        self.x, self.y = x, y
        self.named = references is not None
        self.codes = np.arange(len(x)) if references is None else references
        self.clusters = int(self.codes.max()) + 1
        self.counts = draw_resamples(self.clusters, resamples, seed)
        count = len(self.counts)
        self.weights = self.counts[:, self.codes]
        self.fits = {parameters: fit_logistic(x, y, parameters) for parameters in _FITS}
        self._fitted = {parameters: self._foretell(fit) for parameters, fit in self.fits.items()}
        self._signs: dict[int, Floats] = {}
        self._refitted: dict[int, Floats] = {}
        for parameters, fit in self.fits.items():
            refits = [
                None if fit is None else fit_logistic(x, y, parameters, weights=row, start=fit) for row in self.weights
            ]
            # Each resample says for itself whether its curve falls: an interval may hold 0.
            self._signs[parameters] = np.array([_sign(refit) for refit in refits])
            self._refitted[parameters] = np.array([self._foretell(refit) for refit in refits]).reshape(count, len(x))

    def _foretell(self, fit: Fit | None) -> Floats:
        return np.full(len(self.x), np.nan) if fit is None else fit(self.x)

    def notes(self) -> list[str]:
        said = []
        for name, side in (("scores", self.x), ("opinions", self.y)):
            tied = len(side) - len(np.unique(side))
            if len(np.unique(side)) == 1:
                said.append(f"all {name} are equal: no correlation is defined")
            elif tied:
                said.append(f"ties: {tied} of {len(side)} {name} repeat another")
        infinite = int(np.isinf(self.x).sum())
        if infinite:
            said.append(f"{infinite} scores are infinite: only ranks count, PLCC and fits are not defined")
        for parameters, fit in self.fits.items():
            if fit is None:
                said.append(f"the logistic fit with {parameters} parameters failed: no curve was found")
            elif fit.falls:
                said.append(f"the logistic fit with {parameters} parameters falls: scores go against their direction")
        if not self.named:
            said.append("intervals are over rows, as no references are named")
        elif self.clusters == 1:
            said.append("one reference: no intervals")
        elif self.clusters < _FEW_CLUSTERS:
            said.append(f"{self.clusters} references: the intervals are rough")
        return said

    def estimates(self, rows: np.typing.NDArray[np.bool_]) -> dict[str, Estimate]:
        """Compute every statistic of some rows."""
        x, y, weights = self.x[rows], self.y[rows], self.weights[:, rows]
        enough = rows.sum() >= LEAST_ROWS
        found = {}
        draws = {
            "plcc": plcc_of_resamples(x, y, weights),
            "srcc": srcc_of_resamples(x, y, weights),
            "krcc": krcc_of_resamples(x, y, self.codes[rows], self.counts),
        }
        for name, function in CORRELATIONS.items():
            found[name] = estimate_of(function(x, y) if enough else math.nan, draws[name])
        for parameters, fit in self.fits.items():
            fitted, refitted = self._fitted[parameters][rows], self._refitted[parameters][:, rows]
            signs = self._signs[parameters]
            for name, value, draw in (
                ("plcc", _sign(fit) * plcc(fitted, y), signs * _rowwise_plcc(refitted, y, weights)),
                ("rmse", float(np.sqrt(np.mean((fitted - y) ** 2))), _rowwise_rmse(refitted, y, weights)),
            ):
                found[f"{name}_logistic{parameters}"] = estimate_of(value if enough else math.nan, draw)
        return {name: found[name] for name in STATISTICS}

    def mean_over_references(self) -> tuple[dict[str, Estimate], int]:
        """Average every statistic over references; return also how many had no correlation."""
        values: dict[str, list[float]] = {name: [] for name in STATISTICS}
        for code in range(self.clusters):
            rows = self.codes == code
            x, y = self.x[rows], self.y[rows]
            enough = rows.sum() >= LEAST_ROWS
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
            there = np.isfinite(array)
            held = self.counts[:, there]
            total = held.sum(1)
            drawn = np.divide(held @ array[there], total, out=np.full(len(held), np.nan), where=total > 0)
            estimates[name] = estimate_of(float(array[there].mean()) if there.any() else math.nan, drawn)
        return estimates, int(np.isnan(values["srcc"]).sum())


def _sign(fit: Fit | None) -> float:
    return -1.0 if fit is not None and fit.falls else 1.0


def _without_interval(estimates: Estimates) -> list[str]:
    return [name for name, estimate in estimates.items() if estimate.value is not None and estimate.low is None]


def estimate_of(value: float, drawn: Floats) -> Estimate:
    """Put a statistic and its resamples together; None for what is not defined, or not in 95 % of the resamples."""
    if not math.isfinite(value):
        return Estimate(None, None, None)
    defined = drawn[np.isfinite(drawn)]
    if len(defined) == 0 or len(defined) < (1 - _LOST_SHARE) * len(drawn):
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
