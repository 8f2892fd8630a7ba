"""Benchmark: score a data set with several metrics and measure the agreement of each metric with the opinions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innersight.datasets.dataset import ChoiceSet, DataSet, Direction
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import Evaluation, evaluate
from innersight.evaluation.opinion_std import StdEvaluation, evaluate_with_std
from innersight.evaluation.pairwise import MetricComparison, compare_metrics
from innersight.evaluation.two_alternative import TwoAlternativeEvaluation, evaluate_two_alternative
from innersight.extras import needed_for
from innersight.inference.batch import score_list
from innersight.inference.choice import is_bundle
from innersight.inference.pair_lists import PairList, list_rows
from innersight.inference.result_writer import result_columns
from innersight.inference.scorer import Scorer
from innersight.inference.scorers import as_scorers, create_scorers
from innersight.io.tables import read_rows

if TYPE_CHECKING:
    import torch

    from innersight.metrics.base import FullReferenceMetric
    from innersight.preprocess.perturbation import Perturbation

Scores = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Outcome:
    """The results for the images without a perturbation, or with one perturbation.

    Attributes:
        perturbation: The perturbation, or None for the images as they are.
        failed: Number of rows that could not be scored.
        evaluations: Agreement with opinions by the name of the metric. Empty for two-alternative choices.
        comparisons: Comparisons of each two metrics. Empty for two-alternative choices.
        with_std: Statistics that use the standard deviations of the opinions. None if the data set has none.
        two_alternative: 2AFC scores by the name of the metric. Empty for pairs with opinions.
        notes: Notes on statistics that could not be computed.
    """

    perturbation: Perturbation | None
    failed: int
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    comparisons: Sequence[MetricComparison] = ()
    with_std: StdEvaluation | None = None
    two_alternative: Mapping[str, TwoAlternativeEvaluation] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class BenchResult:
    """The results of a benchmark.

    Attributes:
        dataset: The data set.
        metrics: Descriptions of the metrics by name, in JSON types.
        unavailable: Reasons why requested metrics are not available, by name.
        outcomes: Results for the images as they are, then for each perturbation.
    """

    dataset: DataSet | ChoiceSet
    metrics: Mapping[str, Mapping[str, Any]]
    unavailable: Mapping[str, str]
    outcomes: Sequence[Outcome]


def create_available(
    names: Sequence[str],
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    runtime: str = "auto",
) -> tuple[dict[str, Scorer], dict[str, str]]:
    """Make scorers by name, and leave out metrics of other libraries whose weights are not available.

    Args:
        names: Each as `metric` of `innersight.Scorer`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        device: The device. Default: `auto`, a CUDA device if there is one and torch computes the scores.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        runtime: The library that runs the networks, as for `innersight.Scorer`. Default: `auto`.

    Returns:
        The scorers in the order of `names`, and the reason for each metric that is left out.

    Raises:
        ArgumentError: If a name is unknown or comes twice, a library is not installed, or no metric is available.
        WeightsError: If the weights of a configuration are not available.

    Example:
        >>> list(create_available(["psnr", "lite"])[0])
        ['psnr', 'lite']
    """
    found: dict[str, str] = {}
    others = [name for name in names if not is_bundle(name)]
    if others:
        with needed_for(f"Argument `metric`: {others[0]!r}"):
            from innersight.inference.torch_backend import find_unavailable
        found = find_unavailable(others, device)
    wanted = [name for name in names if name not in found]
    if not wanted:
        raise ArgumentError(f"No metric is available: {' '.join(found.values())}")
    made = create_scorers(wanted, weights=weights, device=device, precision=precision, runtime=runtime)
    return made, found


def run_bench(
    dataset: DataSet | ChoiceSet,
    metrics: Mapping[str, Scorer | FullReferenceMetric],
    out: Path,
    *,
    unavailable: Mapping[str, str] | None = None,
    perturbations: Sequence[Perturbation] = (),
    resume: bool = False,
    overwrite: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    votes: int | None = None,
    with_layers: bool = False,
    on_row: Callable[[int], None] = lambda _: None,
) -> BenchResult:
    """Score a data set and measure the agreement of each metric with the opinions.

    The scores are written to `scores.csv` in the output folder. Scores of perturbed images are written to files such as
    `scores_tra-1.csv`. If the data set has standard deviations of opinions, `evaluate_with_std` is computed too.

    Args:
        dataset: The data set, see `open_dataset`.
        metrics: Scorers by name; metrics of `innersight.create_metrics` are taken too.
        out: The output folder. It is created if it does not exist.
        unavailable: Reasons why requested metrics are not available, by name, for the result. Default: None.
        perturbations: Perturbations of pairs with opinions. Each is scored in addition to the images as they are.
            Default: none.
        resume: Continue an earlier run with the same data set, metrics and folder. Default: False.
        overwrite: Delete the results of an earlier run. Default: False.
        resamples: Number of bootstrap resamples. Default: 1000. 0 computes no intervals.
        seed: Seed of the resamples and of the random subset of pairs. Default: 0.
        votes: Number of votes whose mean is an opinion. Default: None, the numbers in the data set. If the data set has
            none either, the standard deviations are used as standard errors.
        with_layers: Also write `per_layer`, the part of each layer in the score. Default: False.
        on_row: Function that is called after each row with the number of rows done. Default: none.

    Returns:
        The results.

    Raises:
        ArgumentError: If an earlier run exists and neither `resume` nor `overwrite` is true, if too few rows could be
            scored, or if `votes` is below 1 or the data set has no standard deviations for it.
    """
    _check_votes(dataset, votes)
    scorers = as_scorers(metrics)
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    before = 0
    for perturbation in (None, *perturbations):
        scored = score_dataset(
            dataset,
            scorers,
            out / ("scores.csv" if perturbation is None else f"scores_{perturbation}.csv"),
            perturbation=perturbation,
            resume=resume,
            overwrite=overwrite,
            with_layers=with_layers,
            on_row=lambda rows, before=before: on_row(before + rows),  # type: ignore[misc]
        )
        before += scored.rows
        directions: dict[str, Direction] = {
            name: "higher-is-better" if scorer.higher_is_better else "lower-is-better"
            for name, scorer in scorers.items()
        }
        if isinstance(dataset, ChoiceSet):
            chosen = _evaluate_choices(dataset, scored.scores, directions, resamples, seed)
            outcomes.append(Outcome(perturbation, scored.failed, two_alternative=chosen))
            continue
        evaluations, comparisons = _evaluate_pairs(dataset, scored.scores, directions, resamples, seed)
        with_std, notes = _evaluate_pairs_with_std(dataset, scored.scores, directions, votes, seed)
        outcomes.append(Outcome(perturbation, scored.failed, evaluations, comparisons, with_std, notes=notes))
    described = {name: scorer.describe() for name, scorer in scorers.items()}
    return BenchResult(dataset, described, dict(unavailable or {}), outcomes)


@dataclass(frozen=True)
class Scored:
    """The scores of a data set.

    Attributes:
        scores: Scores by the name of the metric, one per row. None if the row has an error.
        rows: Number of rows.
        failed: Number of rows with an error.
    """

    scores: Scores
    rows: int
    failed: int


def score_dataset(
    dataset: DataSet | ChoiceSet,
    metrics: Mapping[str, Scorer | FullReferenceMetric],
    path: Path,
    *,
    perturbation: Perturbation | None = None,
    resume: bool = False,
    overwrite: bool = False,
    with_layers: bool = False,
    on_row: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Score the images of a data set and write the scores to a file.

    Args:
        dataset: The data set. Each pair is one row. Each two-alternative choice is two rows, first a, then b.
        metrics: Scorers by name; metrics of `innersight.create_metrics` are taken too.
        path: The .csv file.
        perturbation: Perturbation of the images. Default: None.
        resume: Continue an earlier run with the same data set, metrics and file. Default: False.
        overwrite: Delete the results of an earlier run. Default: False.
        with_layers: Also write `per_layer`, the part of each layer in the score. Default: False.
        on_row: Function that is called after each row with the number of rows in the file. Default: none.

    Returns:
        The scores.

    Raises:
        ArgumentError: If an earlier run exists and neither `resume` nor `overwrite` is true.
    """
    done = score_list(
        _rows_of(dataset),
        metrics,
        path,
        resume=resume,
        overwrite=overwrite,
        perturbation=perturbation,
        with_layers=with_layers,
        on_row=on_row,
    )
    return Scored(_read_scores(path, list(metrics)), done.rows, done.failed)


def _rows_of(dataset: DataSet | ChoiceSet) -> PairList:
    """List the images to score: one row per pair, or two rows per choice."""
    if isinstance(dataset, DataSet):
        rows: list[dict[str, Any]] = []
        with_std = any(pair.opinion_std is not None for pair in dataset.pairs)
        with_kind = any(pair.kind is not None for pair in dataset.pairs)
        for pair in dataset.pairs:
            row = {"reference": pair.reference, "distorted": pair.distorted, "opinion": pair.opinion}
            row |= {"opinion_std": pair.opinion_std} if with_std else {}
            rows.append(row | ({"kind": pair.kind} if with_kind else {}))
        return list_rows(rows, dataset.root)
    return list_rows(
        (
            {"reference": choice.reference, "distorted": image, "choice": number, "alternative": which}
            for number, choice in enumerate(dataset.choices, start=1)
            for which, image in (("a", choice.a), ("b", choice.b))
        ),
        dataset.root,
    )


def _read_scores(path: Path, names: list[str]) -> dict[str, list[float | None]]:
    columns = result_columns(names, with_layers=False)[: len(names)]
    rows = [row for _, row in read_rows(path)]
    return {
        name: [float(row[column]) if row[column] else None for row in rows]
        for name, column in zip(names, columns, strict=True)
    }


def _evaluate_pairs(
    dataset: DataSet, scores: Scores, directions: Mapping[str, Direction], resamples: int, seed: int
) -> tuple[dict[str, Evaluation], list[MetricComparison]]:
    opinions = [pair.opinion for pair in dataset.pairs]
    references = [pair.reference for pair in dataset.pairs]
    kinds = [pair.kind or "" for pair in dataset.pairs]
    evaluations = {
        name: evaluate(
            column,
            opinions,
            opinion_direction=dataset.opinion_direction,
            score_direction=directions[name],
            references=references,
            kinds=kinds if any(kinds) else None,
            resamples=resamples,
            seed=seed,
        )
        for name, column in scores.items()
    }
    comparisons = compare_metrics(
        scores,
        opinions,
        opinion_direction=dataset.opinion_direction,
        score_directions=directions,
        references=references,
        resamples=resamples,
        seed=seed,
    )
    return evaluations, comparisons


def _check_votes(dataset: DataSet | ChoiceSet, votes: int | None) -> None:
    """Refuse wrong votes before the images are scored, which can take hours."""
    if votes is None:
        return
    if votes < 1:
        raise ArgumentError(f"Argument `votes` must be at least 1, but got {votes}.")
    if not isinstance(dataset, DataSet) or all(pair.opinion_std is None for pair in dataset.pairs):
        raise ArgumentError(
            f"Argument `votes` needs standard deviations of opinions, but {dataset.name} has none. Leave it out."
        )


def _evaluate_pairs_with_std(
    dataset: DataSet, scores: Scores, directions: Mapping[str, Direction], votes: int | None, seed: int
) -> tuple[StdEvaluation | None, list[str]]:
    rated = [pair for pair in dataset.pairs if pair.opinion_std is not None]
    if not rated:
        return None, []
    each: int | list[int] | None = votes
    if votes is None and all(pair.votes is not None for pair in rated):
        each = [pair.votes or 1 for pair in dataset.pairs]  # rows without a standard deviation are left out anyway
    try:
        found = evaluate_with_std(
            scores,
            [pair.opinion for pair in dataset.pairs],
            [pair.opinion_std for pair in dataset.pairs],
            opinion_direction=dataset.opinion_direction,
            score_directions=directions,
            votes=each,
            seed=seed,
        )
    except ArgumentError as error:  # few rows: the other statistics must not be lost
        return None, [f"no statistics with standard deviation: {error}"]
    return found, []


def _evaluate_choices(
    dataset: ChoiceSet, scores: Scores, directions: Mapping[str, Direction], resamples: int, seed: int
) -> dict[str, TwoAlternativeEvaluation]:
    shares = [choice.share_preferring_b for choice in dataset.choices]
    references = [choice.reference for choice in dataset.choices]
    return {
        name: evaluate_two_alternative(
            column[0::2],
            column[1::2],
            shares,
            score_direction=directions[name],
            references=references,
            resamples=resamples,
            seed=seed,
        )
        for name, column in scores.items()
    }
