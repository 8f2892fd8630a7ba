"""What each layer says by itself, and how far any weighting of what they say could go.

    python research/terms.py lite --tid2013 DIR --live LIST.csv
    python research/terms.py lite vit --tid2013 DIR --live LIST.csv --weights FILE --save terms.npz

Prints SRCC of every layer's l2 (its mean and root mean square over positions), of its spread (three orders), and of the
picture's terms, one look an image, as the metric looks. The last row is no metric: non-negative weights for the
logarithms of all these, fitted to the opinions of both sets. A weighting that knows no opinions can't be expected to
agree better. `weights.py` tries weights on the numbers saved.
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
from innersight.inference.scorer import read_pair
from innersight.metrics.module import Metric
from innersight.metrics.terms import LOG_FLOOR, TINT_POWER
from innersight.metrics.views import Views
from innersight.preprocess.perturbation import Perturbation

Floats = npt.NDArray[np.float64]

SHOWN = ("TID2013", "TID2013 shifted", "LIVE")


def numbers(metric: Metric, r: Views, d: Views) -> Iterator[tuple[str, float]]:
    names = [name.removeprefix("layer ") for name in metric.layer_names]
    for name, a, b in zip(names, r.features.layers, d.features.layers, strict=True):
        if name == "tint":
            yield "tint", chroma_range(a, b).double().pow(TINT_POWER).mean().pow(1 / TINT_POWER).item()
            continue
        positions = l2(a, b)
        yield f"{name} mean", positions.mean().item()
        yield f"{name} rms", positions.square().mean().sqrt().item()
        if name != "picture":
            if r.features.grid is not None:
                rows, columns = r.features.grid
                a, b = (tokens[:, -rows * columns :] for tokens in (a, b))
            for order in ORDERS:
                yield f"{name} spread {order}", channel_moments(a, b, order).item()


def add_sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tid2013", type=Path, required=True, help="where TID2013 is unpacked")
    parser.add_argument("--live", type=Path, required=True, help="a list of LIVE's opinions")


def open_sets(arguments: argparse.Namespace) -> list[tuple[DataSet, Perturbation | None]]:
    """What is `SHOWN`, in its order."""
    tid, live = open_dataset("tid2013", arguments.tid2013), open_dataset(str(arguments.live))
    return [(tid, None), (tid, Perturbation("tra", 1)), (live, None)]


def worse_of(dataset: DataSet) -> Floats:
    """Opinions, turned so that larger is worse."""
    opinions = np.array([pair.opinion for pair in dataset.pairs])
    return opinions if dataset.opinion_direction == "lower-is-better" else -opinions


def row(label: str, scores: Iterable[Floats], worse: Iterable[Floats]) -> str:
    cells = (f"{srcc(values, bad):.3f}".replace("0.", ".") for values, bad in zip(scores, worse, strict=True))
    return f"| {label} | {' | '.join(cells)} |"


@torch.inference_mode()
def measure(metric: Metric, dataset: DataSet, perturbation: Perturbation | None) -> dict[str, Floats]:
    found: dict[str, list[float]] = {}
    seen: dict[str, Views] = {}
    for pair in dataset.pairs:
        r, d = read_pair(dataset.root / pair.reference, dataset.root / pair.distorted)
        if perturbation is not None:
            r, d = perturbation.of_reference(r), perturbation.of_distorted(d)
        if pair.reference not in seen:  # pairs of one reference mostly lie together
            seen = {pair.reference: metric.look(r[None])}
        for name, number in numbers(metric, seen[pair.reference], metric.look(d[None])):
            found.setdefault(name, []).append(float(np.log1p(number / LOG_FLOOR)))
    return {name: np.array(values) for name, values in found.items()}


def fit(terms: list[dict[str, Floats]], opinions: list[Floats]) -> dict[str, float]:
    """Weights for the terms, each set with a level of its own, towards the normal scores of the opinions' ranks."""
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
    parser.add_argument("presets", nargs="+")
    add_sets(parser)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--save", type=Path, metavar="FILE.npz", help="where to keep the numbers, as logarithms")
    arguments = parser.parse_args()
    sets = open_sets(arguments)
    texts = [f"{preset}:layers=all:colour=1:tint=1" for preset in arguments.presets]
    made = innersight.create_metrics(texts, weights=arguments.weights, runtime="auto")
    terms: list[dict[str, Floats]] = [{} for _ in sets]
    for preset, metric in zip(arguments.presets, made.values(), strict=True):
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
