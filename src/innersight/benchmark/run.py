"""Score a data set with several metrics and measure how well each agrees with people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from innersight.datasets.dataset import ChoiceSet, DataSet, Direction
from innersight.errors import ArgumentError, WeightsError
from innersight.evaluation.agreement import Evaluation, evaluate
from innersight.evaluation.pairwise import Difference, compare
from innersight.evaluation.two_alternative import ChoiceAgreement, agree
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import PairList, list_rows
from innersight.inference.result_writer import result_columns
from innersight.io.tables import read_rows
from innersight.metrics.combined import AnyMetric
from innersight.metrics.create import create_metrics, find_device
from innersight.metrics.external import RIVALS, create_rival
from innersight.preprocess.perturbation import Perturbation

Scores = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Outcome:
    """What one way of showing the images gave.

    Attributes:
        perturbation: None: the images as they are.
        failed: Rows that could not be scored.
        evaluations: By metric; of rated pairs.
        choices: By metric; of choices between two images.
        differences: Of every two metrics; of rated pairs.
    """

    perturbation: Perturbation | None
    failed: int
    evaluations: Mapping[str, Evaluation]
    choices: Mapping[str, ChoiceAgreement]
    differences: Sequence[Difference]


@dataclass(frozen=True)
class BenchResult:
    """All that a run found.

    Attributes:
        dataset: What was scored.
        metrics: What decided each metric's scores, in JSON types.
        unavailable: Metrics that were asked for and can't be had, with the reason.
        outcomes: Of the images as they are, then of each perturbation.
    """

    dataset: DataSet | ChoiceSet
    metrics: Mapping[str, Mapping[str, Any]]
    unavailable: Mapping[str, str]
    outcomes: Sequence[Outcome]


def create_contestants(
    names: Sequence[str],
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    runtime: str = "auto",
) -> tuple[dict[str, AnyMetric], dict[str, str]]:
    """Make our metrics and rivals by name, in the order asked for.

    Args:
        names: Presets with fields changed in them (see `innersight.create_metrics`), and names of `RIVALS`.
        weights: See `innersight.create_metric`, like all that follows.
        device: See there.
        precision: See there.
        runtime: See there.

    Returns:
        The metrics, and for each rival whose weights can't be had the reason.

    Raises:
        ArgumentError: If a name is unknown or comes twice, piq is missing, or none can be had.
        WeightsError: If the weights of our own can't be had.

    Example:
        >>> list(create_contestants(["psnr", "lite"], runtime="torch")[0])
        ['psnr', 'lite']
    """
    doubled = [name for index, name in enumerate(names) if name in names[:index]]
    if doubled:
        raise ArgumentError(f"Argument `metric` must name each metric once, but got {doubled[0]!r} twice.")
    target = find_device(device)
    made: dict[str, AnyMetric] = {}
    unavailable = {}
    for name in names:
        if name in RIVALS:
            try:
                made[name] = create_rival(name, target)
            except WeightsError as error:
                unavailable[name] = str(error)
    own = [name for name in names if name not in RIVALS]
    made.update(create_metrics(own, weights=weights, device=device, precision=precision, runtime=runtime))
    if not made:
        raise ArgumentError(f"No metric can be had: {' '.join(unavailable.values())}")
    return {name: made[name] for name in names if name in made}, unavailable


def run_bench(
    dataset: DataSet | ChoiceSet,
    metrics: Mapping[str, AnyMetric],
    out: Path,
    *,
    unavailable: Mapping[str, str] | None = None,
    perturbations: Sequence[Perturbation] = (),
    resume: bool = False,
    overwrite: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    on_row: Callable[[int], None] = lambda _: None,
) -> BenchResult:
    """Score a data set and measure every metric's agreement with people.

    Writes the scores of each image to `OUT/scores.csv`, and `OUT/scores_tra-1.csv` and the like for perturbed images.

    Args:
        dataset: Of `open_dataset`.
        metrics: By name.
        out: A folder, made if it is not there.
        unavailable: To be carried into the result.
        perturbations: Each is scored beside the images as they are; for rated pairs.
        resume: Go on from an earlier run with the same data set, metrics and folder.
        overwrite: Drop an earlier run.
        resamples: For intervals, see `innersight.evaluation.agreement.evaluate`.
        seed: Of the resamples.
        on_row: Called after each row, with the number of rows done in all.

    Returns:
        Everything found.

    Raises:
        ArgumentError: If there is an earlier run and neither option is given, or too few rows could be scored.
    """
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    before = 0
    for perturbation in (None, *perturbations):
        scored = score_dataset(
            dataset,
            metrics,
            out / ("scores.csv" if perturbation is None else f"scores_{perturbation}.csv"),
            perturbation=perturbation,
            resume=resume,
            overwrite=overwrite,
            on_row=lambda rows, before=before: on_row(before + rows),  # type: ignore[misc]
        )
        before += scored.rows
        directions: dict[str, Direction] = {
            name: "higher-is-better" if metric.higher_is_better else "lower-is-better"
            for name, metric in metrics.items()
        }
        outcome = Outcome(perturbation, scored.failed, {}, {}, ())
        if isinstance(dataset, ChoiceSet):
            outcome = replace(outcome, choices=_of_choices(dataset, scored.scores, directions, resamples, seed))
        else:
            evaluations, differences = _of_pairs(dataset, scored.scores, directions, resamples, seed)
            outcome = replace(outcome, evaluations=evaluations, differences=differences)
        outcomes.append(outcome)
    described = {name: metric.describe() for name, metric in metrics.items()}
    return BenchResult(dataset, described, dict(unavailable or {}), outcomes)


@dataclass(frozen=True)
class Scored:
    """What the engine made of a data set.

    Attributes:
        scores: By metric, one a row; None where there is an error.
        rows: How many there are.
        failed: How many have an error.
    """

    scores: Scores
    rows: int
    failed: int


def score_dataset(
    dataset: DataSet | ChoiceSet,
    metrics: Mapping[str, AnyMetric],
    path: Path,
    *,
    perturbation: Perturbation | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_row: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Score the images of a data set into a file; see `run_bench`.

    Args:
        dataset: A row a pair, or two rows a choice.
        metrics: By name.
        path: The .csv file.
        perturbation: What happens to the images once they are read.
        resume: See `run_bench`.
        overwrite: See there.
        on_row: Called after each row with the number of rows that the file has.

    Returns:
        The scores.

    Raises:
        ArgumentError: If there is an earlier run and neither option is given.
    """
    done = score_list(
        _rows_of(dataset),
        metrics,
        path,
        resume=resume,
        overwrite=overwrite,
        perturbation=perturbation,
        on_row=on_row,
    )
    return Scored(_read_scores(path, list(metrics)), done.rows, done.failed)


def _rows_of(dataset: DataSet | ChoiceSet) -> PairList:
    """List the images to score: a row a pair, or two rows a choice."""
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


def _of_pairs(
    dataset: DataSet, scores: Scores, directions: Mapping[str, Direction], resamples: int, seed: int
) -> tuple[dict[str, Evaluation], list[Difference]]:
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
    differences = compare(
        scores,
        opinions,
        opinion_direction=dataset.opinion_direction,
        score_directions=directions,
        references=references,
        resamples=resamples,
        seed=seed,
    )
    return evaluations, differences


def _of_choices(
    dataset: ChoiceSet, scores: Scores, directions: Mapping[str, Direction], resamples: int, seed: int
) -> dict[str, ChoiceAgreement]:
    shares = [choice.share_preferring_b for choice in dataset.choices]
    references = [choice.reference for choice in dataset.choices]
    return {
        name: agree(
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
