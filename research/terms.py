"""Measure the agreement of each layer and each term alone, and a bound on the agreement of any weighting of them.

    python research/terms.py lite --tid2013 DIR --live LIST.csv
    python research/terms.py lite vit --tid2013 DIR --live LIST.csv --weights FILE --save terms.npz

The output is SRCC of the l2 distance of every layer (its mean and its root mean square over positions), of the channel
moments of every layer (three orders), and of the terms on pixels (thumbnail, chroma), with the view of each metric. The
last row is no metric: it has non-negative weights for the logarithms of all these numbers, fitted to the opinions of
both sets. Weights that are chosen without opinions cannot be expected to agree better. `weights.py` applies other
weights to the saved numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import nnls
from scipy.stats import norm, rankdata

import innersight
from innersight.datasets.dataset import DataSet
from innersight.datasets.registry import open_dataset
from innersight.distances.channel_moments import ORDERS, channel_moments
from innersight.distances.chroma_range import chroma_range
from innersight.distances.pointwise import l2
from innersight.evaluation.correlation import srcc
from innersight.io.images import read_image
from innersight.metrics.config import LOG_FLOOR
from innersight.metrics.feature_batch import ViewFeatures, layer_key
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.terms.base import TermFeatures
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.preprocess.perturbation import Perturbation

Floats = npt.NDArray[np.float64]

SHOWN = ("TID2013", "TID2013 shifted", "LIVE")
ALL_FEATURES = "layers=all:terms.thumbnail.type=thumbnail:terms.chroma.type=chroma_range"
"""Changes of a preset after which its view extracts every layer, the thumbnail and the chroma planes."""

THUMBNAIL = ThumbnailDistance().pixel_feature.key
CHROMA = ChromaRange().pixel_feature.key
POWER = ChromaRange().power


def numbers(reference: ViewFeatures, distorted: ViewFeatures) -> Iterator[tuple[str, float]]:
    """Compute every number that a weight can be given to, by its name: `0 mean`, `0 moments 4`, `chroma`."""
    for index in range(sum(key.startswith("layer ") for key in reference.tensors)):
        layers = [view.tensors[layer_key(index)] for view in (reference, distorted)]
        yield from distances(str(index), *layers)
        r, d = (
            TermFeatures(view.kind, (layer,), None, view.grid).with_positions(layer)
            for view, layer in zip((reference, distorted), layers, strict=True)
        )
        for order in ORDERS:
            yield f"{index} moments {order}", channel_moments(r, d, order).item()
    yield from distances("thumbnail", reference.tensors[THUMBNAIL], distorted.tensors[THUMBNAIL])
    positions = chroma_range(reference.tensors[CHROMA], distorted.tensors[CHROMA]).double()
    yield "chroma", positions.pow(POWER).mean().pow(1 / POWER).item()


def distances(name: str, reference: torch.Tensor, distorted: torch.Tensor) -> Iterator[tuple[str, float]]:
    """Compute the mean and the root mean square of l2 over positions."""
    positions = l2(reference, distorted)
    yield f"{name} mean", positions.mean().item()
    yield f"{name} rms", positions.square().mean().sqrt().item()


def add_sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tid2013", type=Path, required=True, help="folder of the unpacked TID2013")
    parser.add_argument("--live", type=Path, required=True, help="list of the opinions of LIVE")


def open_sets(arguments: argparse.Namespace) -> list[tuple[DataSet, Perturbation | None]]:
    """Open the data sets of `SHOWN`, in its order, each with its perturbation.

    Raises:
        SystemExit: If a set has no opinions.
    """
    tid, live = open_dataset("tid2013", arguments.tid2013), open_dataset(str(arguments.live))
    if not isinstance(tid, DataSet) or not isinstance(live, DataSet):
        raise SystemExit("The lists must have a column opinion: a list of choices has no rank correlation.")
    return [(tid, None), (tid, Perturbation("tra", 1)), (live, None)]


def worse_of(dataset: DataSet) -> Floats:
    """Return the opinions with a sign such that larger is worse."""
    opinions = np.array([pair.opinion for pair in dataset.pairs])
    return opinions if dataset.opinion_direction == "lower-is-better" else -opinions


def row(label: str, scores: Iterable[Floats], worse: Iterable[Floats]) -> str:
    """Write one row of the table: SRCC of scores with opinions, for each data set."""
    cells = (f"{srcc(values, bad):.3f}".replace("0.", ".") for values, bad in zip(scores, worse, strict=True))
    return f"| {label} | {' | '.join(cells)} |"


@torch.inference_mode()
def measure(metric: FeatureMetric, dataset: DataSet, perturbation: Perturbation | None) -> dict[str, Floats]:
    """Compute the logarithms of all numbers of a metric of one view, for each pair of a data set."""
    found: dict[str, list[float]] = {}
    kept: dict[str, ViewFeatures] = {}
    for pair in dataset.pairs:
        files = dataset.root / pair.reference, dataset.root / pair.distorted
        r, d = (torch.from_numpy(read_image(file)) for file in files)
        if perturbation is not None:
            r, d = perturbation.of_reference(r), perturbation.of_distorted(d)
        if pair.reference not in kept:  # most pairs of one reference follow each other
            kept = {pair.reference: metric.extract_features(r[None]).views[0]}
        for name, number in numbers(kept[pair.reference], metric.extract_features(d[None]).views[0]):
            found.setdefault(name, []).append(float(np.log1p(number / LOG_FLOOR)))
    return {name: np.array(values) for name, values in found.items()}


def fit(terms: list[dict[str, Floats]], opinions: list[Floats]) -> dict[str, float]:
    """Fit non-negative weights of the terms, and an offset of each set, to the normal scores of the opinion ranks."""
    names = list(terms[0])
    blocks = []
    for index, found in enumerate(terms):
        columns = np.stack([found[name] for name in names], 1)
        levels = np.zeros((len(columns), 2 * len(terms)))
        levels[:, 2 * index], levels[:, 2 * index + 1] = 1, -1
        blocks.append(np.hstack((columns, levels)))
    goal = np.concatenate([norm.ppf((rankdata(values) - 0.5) / len(values)) for values in opinions])
    weights, _ = nnls(np.vstack(blocks), goal, maxiter=100_000)
    return {name: weight for name, weight in zip(names, weights, strict=False) if weight > 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", help="presets of one view, with changes or without")
    add_sets(parser)
    parser.add_argument("--weights", type=Path, help="file of weights of the backbone")
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="file for the logarithms of the numbers")
    arguments = parser.parse_args()
    sets = open_sets(arguments)
    texts = [f"{preset}:{ALL_FEATURES}" for preset in arguments.presets]
    made = innersight.create_metrics(texts, weights=arguments.weights)
    terms: list[dict[str, Floats]] = [{} for _ in sets]
    for preset, metric in zip(arguments.presets, made.values(), strict=True):
        if not isinstance(metric, FeatureMetric) or len(metric.comparisons) != 1:
            raise SystemExit(f"The metric {preset!r} does not have one view: pass presets such as lite and vit.")
        for found, (dataset, perturbation) in zip(terms, sets, strict=True):
            of_metric = measure(metric, dataset, perturbation)
            found.update({f"{preset} {name}": values for name, values in of_metric.items()})
    worse = [worse_of(dataset) for dataset, _ in sets]
    if arguments.save:
        kept = {
            f"{shown} {name}": values
            for shown, found in zip(SHOWN, terms, strict=True)
            for name, values in found.items()
        }
        np.savez(arguments.save, **kept, **{f"{shown} worse": bad for shown, bad in zip(SHOWN, worse, strict=True)})
    print("| term | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")

    for name in terms[0]:
        print(row(name, [found[name] for found in terms], worse))
    weights = fit([terms[0], terms[2]], [worse[0], worse[2]])
    fitted = [np.sum([weight * found[name] for name, weight in weights.items()], axis=0) for found in terms]
    print(row(f"all {len(terms[0])} terms, weights fitted to these opinions", fitted, worse))
    print("\nFitted: " + ", ".join(f"{weight:.3f} {name}" for name, weight in weights.items()))


if __name__ == "__main__":
    main()
