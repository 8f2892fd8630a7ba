"""What a report shows: pairs of images with their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innersight.inference.regions import Region

if TYPE_CHECKING:
    from innersight.inference.scorer import Scorer
    from innersight.report.opinions import OpinionSection


@dataclass(frozen=True)
class ReportMetric:
    """A metric of a report.

    Attributes:
        name: The name of the metric.
        higher_is_better: Whether a higher score means more similar images. Default: False.
        citation: One line that says what decides the score. Default: none.
        layers: The names of the parts of the score, see `Scorer.layer_names`. Default: none.
    """

    name: str
    higher_is_better: bool = False
    citation: str = ""
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, scorer: Scorer) -> ReportMetric:
        """Describe the metric of a scorer."""
        return cls(scorer.name, scorer.higher_is_better, scorer.citation, scorer.layer_names)


@dataclass(frozen=True)
class ReportRow:
    """A pair of images in a report.

    Attributes:
        reference: The text that names the reference, such as its path in the list.
        distorted: The text that names the distorted image.
        scores: Scores by the name of the metric. A metric without a score is left out.
        parts: The parts of the scores by the name of the metric, in the order of `ReportMetric.layers`. Default: none.
        others: Other columns: numbers, text or None. All rows have the same columns. Default: none.
        error: Why the pair has no score, or None.
        files: The files of the reference and of the distorted image, or None if they are not known.
        region: What of the pair is scored. Default: the whole images.
        is_urgent: Whether the images of this row are embedded before those of other rows. Default: False.
    """

    reference: str
    distorted: str
    scores: Mapping[str, float]
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    others: Mapping[str, str | float | None] = field(default_factory=dict)
    error: str | None = None
    files: tuple[Path, Path] | None = None
    region: Region = field(default_factory=Region)
    is_urgent: bool = False


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes:
        title: The title of the page.
        metrics: The metrics. The page sorts by the first one.
        rows: The pairs, in order.
        opinions: Agreement with human opinions, see `innersight.report.opinions`. Default: none.
        notes: Sentences that the page shows below its title. Default: none.
    """

    title: str
    metrics: Sequence[ReportMetric]
    rows: Sequence[ReportRow]
    opinions: OpinionSection | None = None
    notes: Sequence[str] = ()

    def pairs_to_draw(self, limit: int) -> list[int]:
        """Return the rows whose images the page holds.

        Urgent rows come first, then rows far from the fit of the opinions, then those with the largest differences by
        the first metric.

        Args:
            limit: The largest number of rows.

        Returns:
            Indices of rows that have files, the most important first.

        Example:
            >>> rows = [ReportRow("r", "d", {"lite": score}, files=(Path("r"), Path("d"))) for score in (1, 3, 2)]
            >>> Report("scores", [ReportMetric("lite")], rows).pairs_to_draw(2)
            [1, 2]
        """
        first = self.metrics[0]
        sign = 1 if first.higher_is_better else -1
        far = {} if self.opinions is None else {row: place for place, row in enumerate(self.opinions.outliers)}

        def place(index: int) -> tuple[bool, int, float]:
            row = self.rows[index]
            return not row.is_urgent, far.get(index, len(far)), sign * row.scores.get(first.name, sign * math.inf)

        known = [index for index, row in enumerate(self.rows) if row.files is not None]
        return sorted(known, key=place)[:limit]

    def to_json(self) -> dict[str, Any]:
        """Return the content in JSON types, without the images. Numbers are rounded to 7 significant digits."""
        columns: dict[str, list[Any]] = {
            "reference": [row.reference for row in self.rows],
            "distorted": [row.distorted for row in self.rows],
        }
        scores = [[_rounded(row.scores.get(metric.name)) for row in self.rows] for metric in self.metrics]
        others = dict.fromkeys(name for row in self.rows for name in row.others)
        found: dict[str, Any] = {
            "title": self.title,
            "notes": list(self.notes),
            "metrics": [
                {
                    "name": metric.name,
                    "higherIsBetter": metric.higher_is_better,
                    "citation": metric.citation,
                    "layers": list(metric.layers),
                }
                for metric in self.metrics
            ],
            "columns": columns,
            "scores": scores,
            "others": {name: [_rounded(row.others.get(name)) for row in self.rows] for name in others},
            "parts": [
                [[_rounded(part) for part in row.parts.get(metric.name, ())] or None for row in self.rows]
                if any(metric.name in row.parts for row in self.rows)
                else None
                for metric in self.metrics
            ],
            "opinions": None if self.opinions is None else self.opinions.to_json(),
        }
        if any(row.error for row in self.rows):
            found["errors"] = [row.error for row in self.rows]
        return found


def _rounded(value: Any) -> Any:
    """Round a number for the page. JSON has no infinity, so numbers that are not finite become text."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else str(value)
    return value
