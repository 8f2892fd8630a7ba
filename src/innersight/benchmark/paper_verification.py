"""Comparison with the numbers that the paper published: the SRCC of complete data sets, and single scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from innersight.benchmark.run import Scores, create_available, score_dataset
from innersight.datasets.dataset import DataSet
from innersight.errors import ArgumentError, InnersightError, unknown_name
from innersight.evaluation.correlation import srcc
from innersight.io.tables import read_rows
from innersight.preprocess.perturbation import Perturbation

SETS = ("live", "tid2013", "pipal")
_PERTURBATIONS = tuple(Perturbation(kind) for kind in ("tra", "sca", "rot"))
_ROUNDING = 0.00051  # the published SRCC has three decimal places
# The published files of LIVE name images without their folder. The order of the rows gives the folder: name, rows.
_LIVE_BLOCKS = (("jp2k", 169), ("jpeg", 175), ("wn", 145), ("gblur", 145), ("fastfading", 145))


@dataclass(frozen=True)
class Claim:
    """A metric whose results the paper published.

    Attributes:
        name: The name in the published files, which are called `SET_NAME.csv`.
        metric: The metric of this package, as for `innersight.create_metric`.
        srcc: Published SRCC by data set; empty if only scores are published.
        tolerance: Largest relative difference of a score that counts as equal. Default: 1e-4, which covers float32 on
            another machine. The authors computed some metrics in half precision, which needs 1e-2.
        complement: Whether the published files hold (1 - score) / 2, which turns the similarity into a distance.
            Default: False.
    """

    name: str
    metric: str
    srcc: Mapping[str, float]
    tolerance: float = 1e-4
    complement: bool = False


def _claim(name: str, metric: str, *values: float, tolerance: float = 1e-4, complement: bool = False) -> Claim:
    return Claim(name, metric, dict(zip(SETS, values, strict=False)), tolerance, complement)


CLAIMS: Mapping[str, Claim] = MappingProxyType(
    {
        claim.name: claim
        for claim in (
            _claim("dinov1_l2", "paper", 0.964, 0.792, 0.639),
            _claim("dinov1_cos", "paper:distance=cos", 0.965, 0.786, 0.637),
            _claim("dinov1_wsd", "paper:distance=wsd", 0.965, 0.765, 0.641),
            _claim("clip_vitb32_l2", "paper:backbone=clip-vitb32", 0.968, 0.793, 0.619, tolerance=1e-2),
            _claim("clip_vitb32_cos", "paper:backbone=clip-vitb32:distance=cos", 0.965, 0.758, 0.623, tolerance=1e-2),
            _claim(
                "embed_clip_vitb32_cos",
                "paper:backbone=clip-vitb32:features=embedding:distance=cos",
                *(0.936, 0.693, 0.531),
                tolerance=1e-2,
            ),
            _claim("psnr", "psnr", 0.873, 0.687, 0.407),
            _claim("fsim", "fsim", 0.965, 0.851, 0.589, complement=True),
            _claim("dinov1_skld", "paper:distance=skld"),
            _claim("dinov1_jsd", "paper:distance=jsd"),
            _claim("embed_dinov1_cos", "paper:features=embedding:distance=cos"),
            _claim("dinov2_cos", "paper:backbone=dinov2-vitb14:distance=cos"),
            _claim("imagenet_vit_cos", "paper:backbone=imagenet-vitb16:distance=cos"),
            _claim("clip_rn50_cos", "paper:backbone=clip-rn50:distance=cos", tolerance=1e-2),
        )
    }
)
"""The metrics by name: the paper's own, PSNR and FSIM. LPIPS and DISTS, which the paper also lists, are left out."""


@dataclass(frozen=True)
class Check:
    """The comparison of one metric with its published numbers, on one data set.

    Attributes:
        dataset: Name of the data set.
        claim: Name of the claim, with the name of the perturbation if there is one.
        pairs: Number of pairs that were scored.
        of: Number of pairs of the complete data set.
        srcc: SRCC of the computed scores on these pairs; None if it could not be computed.
        srcc_published: Published SRCC on the complete data set; None if only scores are published.
        srcc_of_published_scores: SRCC of the published scores on the same pairs; None if there is no file of them.
        equal: Number of scores that equal the published ones within the claim's tolerance.
        compared: Number of scores that were compared with published ones.
        largest: Largest relative difference of a score; None if none was compared.
        reason: Why nothing was computed, or None.
    """

    dataset: str
    claim: str
    pairs: int
    of: int
    srcc: float | None = None
    srcc_published: float | None = None
    srcc_of_published_scores: float | None = None
    equal: int = 0
    compared: int = 0
    largest: float | None = None
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """`agrees`, `differs`, or `not checked` with the reason.

        The SRCC is compared if the data set is complete, and the scores if there is a file of them.
        """
        if self.reason is not None:
            return f"not checked: {self.reason}"
        found = []
        if self.srcc is not None and self.srcc_published is not None and self.pairs == self.of:
            found.append(abs(self.srcc - self.srcc_published) <= _ROUNDING)
        if self.compared:
            found.append(self.equal == self.compared)
        if not found:
            return "not checked: the data set is not complete, and there are no published scores of its pairs"
        return "agrees" if all(found) else "differs"


def verify_paper(
    datasets: Sequence[DataSet],
    out: Path,
    *,
    published: Path | None = None,
    only: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    runtime: str = "torch",
    on_row: Callable[[int], None] = lambda _: None,
) -> list[Check]:
    """Score data sets with the metrics of the paper, and compare with its published numbers.

    Args:
        datasets: Data sets of `open_dataset`: live, tid2013, pipal.
        out: Folder for the scores, which are written to `SET/NETWORK_PERTURBATION.csv`.
        published: Folder of the authors' files of scores, `SET_NAME[_PERTURBATION].csv`. Files of perturbed images are
            compared too, and so are claims without a published SRCC. Default: none.
        only: Names of `CLAIMS` to compare. Default: all.
        resume: Continue an interrupted run. Default: False.
        overwrite: Replace an earlier run. Default: False.
        runtime: The library that runs the network, see `innersight.create_metric`. Default: `torch`.
        on_row: Function that is called after each row with the number of completed rows of the current file. Default:
            none.

    Returns:
        One check for each data set, claim and perturbation. If the weights of a network are not available, its checks
        have the reason.

    Raises:
        ArgumentError: If a claim or data set is unknown, a published file cannot be read, or there is an earlier run
            and neither `resume` nor `overwrite` is true.
    """
    for name in only:
        if name not in CLAIMS:
            raise unknown_name("only", name, CLAIMS)
    for dataset in datasets:
        if dataset.name not in SETS:
            raise unknown_name("datasets", dataset.name, SETS)
    if published is not None and not published.is_dir():
        raise ArgumentError(f"There is no folder '{published}' of published scores. Check the path.")
    checks = []
    for network, claims in _by_network(only or tuple(CLAIMS)).items():
        try:
            metrics, _ = create_available([claim.metric for claim in claims], runtime=runtime)
            reason = None
        except InnersightError as error:
            metrics, reason = {}, str(error)
        for dataset in datasets:
            for perturbation in (None, *_PERTURBATIONS):
                asked = [
                    (claim, _published_file(published, dataset, claim, perturbation))
                    for claim in claims
                    if _can_be_checked(published, dataset, claim, perturbation)
                ]
                shown = "none" if perturbation is None else str(perturbation)
                scores: Scores = {}
                if asked and reason is None:
                    folder = out / dataset.name
                    folder.mkdir(parents=True, exist_ok=True)
                    scores = score_dataset(
                        dataset,
                        {claim.metric: metrics[claim.metric] for claim, _ in asked},
                        folder / f"{network}_{shown}.csv",
                        perturbation=perturbation,
                        resume=resume,
                        overwrite=overwrite,
                        on_row=on_row,
                    ).scores
                for claim, file in asked:
                    name = claim.name if perturbation is None else f"{claim.name}_{perturbation}"
                    check = Check(dataset.name, name, len(dataset.pairs), dataset.of, reason=reason)
                    if reason is None:
                        higher = metrics[claim.metric].higher_is_better
                        check = _check(check, dataset, claim, scores[claim.metric], higher, file, perturbation)
                    checks.append(check)
    return checks


def _by_network(names: Iterable[str]) -> dict[str, list[Claim]]:
    """Group claims by their network. Only one network is in memory at a time."""
    groups: dict[str, list[Claim]] = {}
    for name in names:
        fields = dict(part.split("=") for part in CLAIMS[name].metric.split(":")[1:])
        own = "dinov1-vitb16" if CLAIMS[name].metric.startswith("paper") else CLAIMS[name].metric
        groups.setdefault(fields.get("backbone", own), []).append(CLAIMS[name])
    return groups


def _published_file(
    published: Path | None, dataset: DataSet, claim: Claim, perturbation: Perturbation | None
) -> Path | None:
    ending = "" if perturbation is None else f"_{perturbation}"
    path = None if published is None else published / f"{dataset.name}_{claim.name}{ending}.csv"
    return path if path is not None and path.is_file() else None


def _can_be_checked(published: Path | None, dataset: DataSet, claim: Claim, perturbation: Perturbation | None) -> bool:
    if perturbation is None and dataset.name in claim.srcc:
        return True
    return _published_file(published, dataset, claim, perturbation) is not None


def _check(
    empty: Check,
    dataset: DataSet,
    claim: Claim,
    scores: Sequence[float | None],
    higher_is_better: bool,
    file: Path | None,
    perturbation: Perturbation | None,
) -> Check:
    sign = (1 if higher_is_better else -1) * (1 if dataset.opinion_direction == "higher-is-better" else -1)
    opinions = np.array([pair.opinion for pair in dataset.pairs])
    ours = np.array([math.nan if score is None else score for score in scores])
    done = ~np.isnan(ours)
    if not done.any():
        return replace(empty, reason="no pair could be scored; the column error of the scores has the reasons")
    check = replace(
        empty,
        pairs=int(done.sum()),
        srcc=_or_none(sign * srcc(ours[done], opinions[done])),
        srcc_published=claim.srcc.get(dataset.name) if perturbation is None else None,
    )
    if file is None:
        return check
    listed = _read_published(file, dataset.name)
    theirs = np.array([listed.get(_key(dataset.name, pair.kind, pair.distorted), math.nan) for pair in dataset.pairs])
    theirs = 1 - 2 * theirs if claim.complement else theirs
    both = done & ~np.isnan(theirs)
    if not both.any():
        return replace(check, reason=f"'{file}' has no score of the pairs of this data set")
    apart = np.abs(ours[both] - theirs[both]) / np.maximum(np.abs(theirs[both]), np.finfo(float).tiny)
    return replace(
        check,
        srcc_of_published_scores=_or_none(sign * srcc(theirs[both], opinions[both])),
        equal=int((apart <= claim.tolerance).sum()),
        compared=int(both.sum()),
        largest=float(apart.max()),
    )


def _read_published(path: Path, dataset: str) -> dict[str, float]:
    rows = [(line, row) for line, row in read_rows(path)]
    kinds: list[str | None] = [None] * len(rows)
    if dataset == "live":
        kinds = [kind for kind, count in _LIVE_BLOCKS for _ in range(count)]
        if len(kinds) != len(rows):
            raise ArgumentError(
                f"'{path}' must have the {len(kinds)} rows of LIVE in their order, but has {len(rows)}. Use the "
                "authors' file."
            )
    found = {}
    for (line, row), kind in zip(rows, kinds, strict=True):
        try:
            found[_key(dataset, kind, row["dis"])] = float(row["pred"])
        except (KeyError, ValueError):
            raise ArgumentError(
                f"'{path}', line {line}: the columns must be dis, an image, and pred, a number. Use the authors' file."
            ) from None
    return found


def _key(dataset: str, kind: str | None, name: str) -> str:
    stem = PurePosixPath(name).stem.lower()
    return f"{kind}/{stem}" if dataset == "live" else stem


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
