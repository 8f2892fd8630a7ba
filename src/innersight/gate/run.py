"""The run of a gate: each case is scored and compared with its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innersight.errors import ArgumentError, InnersightError
from innersight.gate.artifacts import Artifacts
from innersight.gate.cases import Case
from innersight.inference.backend import cores
from innersight.inference.equivalents import DistortedReference
from innersight.inference.scorer import Scorer
from innersight.inference.summary import ScoredPair, summarise
from innersight.io.pictures import WHITE, Colour


@dataclass(frozen=True)
class CaseResult:
    """The result of a case.

    Attributes:
        case: The case.
        score: The score, or None if the pair could not be scored.
        reasons: Why the case failed, one sentence each; empty if it passed.
        seconds: Time that the case took.
        artifacts: The folder with the files of a failing case, or None.
    """

    case: Case
    score: float | None
    reasons: tuple[str, ...]
    seconds: float
    artifacts: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether the pair is within its limits."""
        return not self.reasons


@dataclass(frozen=True)
class GateReport:
    """The results of all cases.

    Attributes:
        metric: The name of the metric.
        higher_is_better: Whether a higher score means more similar images.
        citation: Everything that decided the scores, in one line.
        results: The results, in the order of the cases.
    """

    metric: str
    higher_is_better: bool
    citation: str
    results: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Whether all cases passed."""
        return not self.failed

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases that failed. Those that could not be scored are among them."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def errors(self) -> tuple[CaseResult, ...]:
        """The cases that could not be scored."""
        return tuple(result for result in self.results if result.score is None)

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the run in JSON types: those of `summarise`, and `failed`, `metric` and `citation`."""
        pairs = [
            ScoredPair(
                str(result.case.reference or ""),
                str(result.case.distorted or ""),
                {} if result.score is None else {self.metric: result.score},
                result.case.name,
            )
            for result in self.results
        ]
        found = summarise(pairs, {self.metric: self.higher_is_better})
        counts = {"n": found.pop("n"), "failed": len(self.failed), "errors": found.pop("errors")}
        return {**counts, **found, "metric": self.metric, "citation": self.citation}


def run_gate(
    cases: Sequence[Case],
    scorer: Scorer,
    *,
    background: Colour | None = None,
    artifacts: str | Path | None = None,
    on_case: Callable[[CaseResult], None] = lambda _: None,
) -> GateReport:
    """Score the pairs of all cases, and compare them with their limits.

    A pair that cannot be scored, since an image is missing, damaged or of another size, fails. Identical images pass
    without a network, unless they are damaged.

    Args:
        cases: The cases. At least one.
        scorer: The scorer.
        background: The background of transparent pixels, see `Scorer.score`. Default: white and black.
        artifacts: A folder for the images and the heat maps of failing cases. Default: none is written.
        on_case: Called with each result, in the order of the cases. Default: nothing.

    Returns:
        The results.

    Raises:
        ArgumentError: If there is no case, limits do not fit the metric, or the folder cannot be written.

    Example:
        >>> from PIL import Image
        >>> from innersight import Scorer
        >>> from innersight.gate import Case, Limits
        >>> folder = getfixture("tmp_path")
        >>> for name, level in (("old.png", 90), ("new.png", 200)):
        ...     Image.new("L", (64, 64), level).save(folder / name)
        >>> cases = [Case("button", folder / "old.png", folder / "new.png", Limits(max=5))]
        >>> report = run_gate(cases, Scorer("lite"))
        >>> report.passed, report.failed[0].reasons
        (False, ('The score 9.8759 is above the limit 5.',))
    """
    if not cases:
        raise ArgumentError("Argument `cases` must have at least one case, but is empty.")
    for case in cases:
        case.limits.check(scorer, case.name)
        if case.region.needs_mask:
            scorer.backend.require(per_layer=False, map=False, mask=True)
    written = None if artifacts is None else Artifacts(Path(artifacts), scorer, background)
    runner = _Runner(scorer, background, written)
    workers = min(cores(), len(cases))
    results = []
    with (
        scorer.backend.workers(max(1, scorer.backend.threads // workers)) as start,
        ThreadPoolExecutor(workers, "innersight-gate", initializer=start) as pool,
    ):
        for result in pool.map(runner.run, cases):
            results.append(result)
            on_case(result)
    return GateReport(scorer.name, scorer.higher_is_better, scorer.citation, tuple(results))


class _Runner:
    def __init__(self, scorer: Scorer, background: Colour | None, artifacts: Artifacts | None) -> None:
        self._scorer = scorer
        self._background = background
        self._artifacts = artifacts

    def run(self, case: Case) -> CaseResult:
        start = time.perf_counter()
        score, reasons = None, []
        try:
            if case.problem is not None or case.reference is None or case.distorted is None:
                reasons = [case.problem or "An image is missing."]
            else:
                score, reasons = self._compare(case, case.reference, case.distorted)
        except InnersightError as error:
            reasons = [str(error)]
        folder = self._artifacts.write(case) if reasons and self._artifacts is not None else None
        return CaseResult(case, score, tuple(reasons), time.perf_counter() - start, folder)

    def _compare(self, case: Case, reference: Path, distorted: Path) -> tuple[float, list[str]]:
        limits, region, scorer = case.limits, case.region, self._scorer
        options: dict[str, Any] = {"mask": region.mask, "ignore": region.ignore, "crop_border": region.crop_border}
        found = scorer.score(
            reference, distorted, map=limits.max_map is not None, background=self._background, **options
        )
        reasons = []
        if limits.max is not None and found.score > limits.max:
            reasons.append(f"The score {found.score:.4f} is above the limit {limits.max:g}.")
        if limits.min is not None and found.score < limits.min:
            reasons.append(f"The score {found.score:.4f} is below the limit {limits.min:g}.")
        if limits.max_map is not None and found.map is not None and found.map.max() > limits.max_map:
            reasons.append(f"The map reaches {found.map.max():.4f}, above the limit {limits.max_map:g}.")
        quality = limits.jpeg_equivalent
        if quality is not None and not (found.score == 0 and scorer.backend.zero_for_identical):
            own = DistortedReference(scorer, reference, region=region, background=found.background or WHITE)
            limit = own.score_of_jpeg(quality)
            if (found.score < limit) if scorer.higher_is_better else (found.score > limit):
                side = "below" if scorer.higher_is_better else "above"
                reasons.append(
                    f"The score {found.score:.4f} is {side} {limit:.4f}, that of the JPEG of the reference at quality "
                    f"{quality}."
                )
        return found.score, reasons
