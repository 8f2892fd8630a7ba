"""Agreement of metrics with opinions, as a report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from innersight.datasets.dataset import Direction
from innersight.evaluation.agreement import MIN_ROWS, Estimate, Evaluation
from innersight.evaluation.fitting import fit_logistic
from innersight.evaluation.layer_agreement import layer_srcc
from innersight.report.content import ReportMetric, ReportRow

Floats = npt.NDArray[np.float64]

_POINTS = 120  # of the fitted curve
_FAR = 12  # rows of each metric that are marked as far from its fit


@dataclass(frozen=True)
class MetricAgreement:
    """Agreement of one metric with the opinions.

    Attributes:
        statistics: Estimates by name, such as `srcc`.
        by_kind: SRCC by the code of the distortion type.
        curve: Scores and fitted opinions of the logistic fit with 4 parameters, or None if it failed.
        residuals: Opinion minus fitted opinion for each row; None for a row without both, or without a fit.
        far: Indices of the rows with the largest residuals, the largest first.
        layers: SRCC of each layer's part of the score alone, by the name of the layer. Empty if the parts are known of
            fewer than 3 rows.
    """

    statistics: Mapping[str, Estimate]
    by_kind: Mapping[str, Estimate] = field(default_factory=dict)
    curve: tuple[list[float], list[float]] | None = None
    residuals: Sequence[float | None] = ()
    far: Sequence[int] = ()
    layers: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class OpinionSection:
    """The part of a report on human opinions.

    Attributes:
        name: The name of the opinions, such as `MOS`.
        metrics: Agreement by the name of the metric.
        opinions: The opinion of each row, or None. Empty for two-alternative choices.
        kinds: The code of the distortion type of each row. Empty if they are not known.
        kind_names: Descriptions of the distortion types by code.
        note: What the intervals are.
    """

    name: str
    metrics: Mapping[str, MetricAgreement]
    opinions: Sequence[float | None] = ()
    kinds: Sequence[str] = ()
    kind_names: Mapping[str, str] = field(default_factory=dict)
    note: str = "Intervals: 95 %, by a bootstrap over references."

    @property
    def outliers(self) -> list[int]:
        """The rows that are far from the fit of some metric, the farthest of each metric first."""
        longest = max((len(found.far) for found in self.metrics.values()), default=0)
        rows = (
            found.far[place] for place in range(longest) for found in self.metrics.values() if place < len(found.far)
        )
        return list(dict.fromkeys(rows))

    def to_json(self) -> dict[str, Any]:
        """Return the section in JSON types."""
        return {
            "name": self.name,
            "note": self.note,
            "opinions": list(self.opinions),
            "kinds": list(self.kinds),
            "kindNames": dict(self.kind_names),
            "metrics": {
                name: {
                    "statistics": {key: dict(vars(value)) for key, value in found.statistics.items()},
                    "byKind": {kind: dict(vars(value)) for kind, value in found.by_kind.items()},
                    "curve": None if found.curve is None else dict(zip("xy", found.curve, strict=True)),
                    "residuals": list(found.residuals),
                    "far": list(found.far),
                    "layers": [{"name": layer, **vars(value)} for layer, value in found.layers.items()],
                }
                for name, found in self.metrics.items()
            },
        }


def opinions_of(
    rows: Sequence[ReportRow],
    metrics: Sequence[ReportMetric],
    evaluations: Mapping[str, Evaluation],
    opinions: Sequence[float | None],
    *,
    direction: Direction,
    name: str = "opinion",
    kinds: Sequence[str] = (),
    kind_names: Mapping[str, str] | None = None,
) -> OpinionSection:
    """Make the section on opinions.

    Args:
        rows: The rows of the report.
        metrics: The metrics of the report.
        evaluations: What `innersight.evaluation.agreement.evaluate` returned, by the name of the metric.
        opinions: The opinion of each row, or None.
        direction: Whether higher or lower opinions are better.
        name: The name of the opinions, such as `MOS`. Default: `opinion`.
        kinds: The code of the distortion type of each row. Default: not known.
        kind_names: Descriptions of the types by code. Default: none.

    Returns:
        The section.
    """
    found = {
        metric.name: agreement_of(
            [row.scores.get(metric.name) for row in rows],
            opinions,
            evaluations[metric.name],
            direction=direction,
            references=[row.reference for row in rows],
            layers=metric.layers,
            parts=[row.parts.get(metric.name) for row in rows],
        )
        for metric in metrics
    }
    return OpinionSection(name, found, list(opinions), list(kinds) if any(kinds) else [], kind_names or {})


def agreement_of(
    scores: Sequence[float | None],
    opinions: Sequence[float | None],
    evaluation: Evaluation,
    *,
    direction: Direction,
    references: Sequence[str],
    layers: Sequence[str] = (),
    parts: Sequence[Sequence[float] | None] = (),
) -> MetricAgreement:
    """Add the fit, the outliers and the curve of layers to the evaluation of a metric.

    Args:
        scores: One score per row, or None.
        opinions: One opinion per row, or None.
        evaluation: What `innersight.evaluation.agreement.evaluate` returned for them.
        direction: Whether higher or lower opinions are better.
        references: The reference of each row.
        layers: The names of the parts of the score. Default: none.
        parts: The parts of each row's score, or None for a row without them. Default: none.

    Returns:
        The agreement.
    """
    x, y = (_numbers(column) for column in (scores, opinions))
    valid = np.isfinite(x) & np.isfinite(y)
    fit = fit_logistic(x[valid], y[valid], 4)
    curve, residuals, far = None, [], []
    if fit is not None:
        at = np.linspace(x[valid].min(), x[valid].max(), _POINTS)
        curve = at.tolist(), fit(at).tolist()
        errors = np.full(len(x), np.nan)
        errors[valid] = y[valid] - fit(x[valid])
        residuals = [float(error) if np.isfinite(error) else None for error in errors]
        ranked = np.argsort(-np.abs(np.nan_to_num(errors)), kind="stable")
        far = [int(row) for row in ranked[:_FAR] if valid[row]]
    with_parts = [part is not None and bool(np.isfinite(value)) for part, value in zip(parts, y, strict=False)]
    curves: dict[str, Estimate] = {}
    if sum(with_parts) >= MIN_ROWS:
        estimates = layer_srcc(parts, opinions, opinion_direction=direction, references=references)
        curves = dict(zip(layers, estimates, strict=True))
    return MetricAgreement(
        statistics=evaluation.overall,
        by_kind={kind: estimates["srcc"] for kind, estimates in evaluation.by_kind.items()},
        curve=curve,
        residuals=residuals,
        far=far,
        layers=curves,
    )


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
