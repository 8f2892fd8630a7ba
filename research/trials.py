"""What else could be compared: each choice in the place of a term of `lite`, the rest as it is.

    python research/trials.py --tid2013 DIR --live LIST.csv --photographs FOLDER

Prints SRCC on TID2013, the same under a shift of 1 %, and LIVE. Choices that need to know how features answer to
distortions learn it from the folder's photographs, distorted as `strengths.py` does: nobody's opinion of them is known.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from innersight.inference.scorer import read_pair
from PIL import Image
from strengths import DISTORTIONS, tensor
from terms import Floats, add_sets, open_sets, row, worse_of
from torch.nn.functional import avg_pool2d, interpolate, pad

import innersight
from innersight.backbones.features import resolve_layers
from innersight.datasets.dataset import DataSet
from innersight.distances.channel_moments import channel_moments
from innersight.distances.chroma_range import chroma_range
from innersight.distances.pointwise import l2
from innersight.metrics.module import Metric
from innersight.metrics.terms import LOG_FLOOR, TINT_POWER
from innersight.metrics.views import Views
from innersight.preprocess.perturbation import Perturbation
from innersight.preprocess.resize import fit_short_side

Choice: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LITE = innersight.PRESETS["lite"]
DEEP = resolve_layers(LITE.spread_layers, 5)
"""The layers that its spread is taken over, of five."""


def norm(values: torch.Tensor, power: float) -> torch.Tensor:
    return values.pow(power).mean().pow(1 / power)


def relative(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Squared difference of two vectors of statistics, relative to themselves."""
    return 2 * (d - r).square().sum() / (r.square() + d.square()).sum().clamp(min=1e-12)


def nearest(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Each position with the most similar of the nine around its place, both ways."""
    rows, columns = r.shape[-2:]

    def one_way(x: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        framed = pad(others, (1, 1, 1, 1), mode="replicate")
        moved = [framed[..., y : y + rows, x_ : x_ + columns] for y in range(3) for x_ in range(3)]
        return torch.stack([l2(x, other) for other in moved]).amin(0)

    return norm((one_way(r, d) + one_way(d, r)) / 2, 2)


def largest_tenth(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    positions = l2(r, d).flatten()
    return positions.topk(len(positions) // 10).values.mean()


def along(directions: torch.Tensor) -> Choice:
    """Structure along given directions of the channels, (channels, directions)."""
    return lambda r, d: norm(torch.einsum("nchw,ck->nkhw", d - r, directions).square().mean(1), 2)


def sorted_channels(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """The squared 2-Wasserstein distance of each channel's values, relative to their deviations about the mean."""
    a, b = (x.flatten(2).sort(-1).values for x in (r, d))
    own = a.var(-1).sum() + b.var(-1).sum()
    return 2 * (b - a).square().mean(-1).sum() / own.clamp(min=1e-12)


def gram(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    a, b = (x.flatten(2) @ x.flatten(2).transpose(1, 2) / x[0, 0].numel() for x in (r, d))
    return relative(a, b)


def in_windows(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Deviations in windows of four positions instead of the whole image."""
    side = min(4, *r.shape[-2:])
    a, b = ((avg_pool2d(x.square(), side, 1) - avg_pool2d(x, side, 1).square()).clamp(min=0).sqrt() for x in (r, d))
    return relative(a, b)


def distance_correlation(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """One minus the distance correlation of the positions' vectors, as DeepDC's."""

    def centred(x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2)[0].T.double()
        apart = torch.cdist(tokens, tokens)
        return apart - apart.mean(0, keepdim=True) - apart.mean(1, keepdim=True) + apart.mean()

    a, b = centred(r), centred(d)
    return (1 - (a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt().clamp(min=1e-12)).clamp(min=0)


SPREAD: Mapping[str, Choice] = {
    "deviations": lambda r, d: channel_moments(r, d, 2),
    "means": lambda r, d: relative(r.mean((2, 3)), d.mean((2, 3))),
    "means and deviations, half each": lambda r, d: (
        (relative(r.mean((2, 3)), d.mean((2, 3))) + channel_moments(r, d, 2)) / 2
    ),
    "deviations in windows of 4 x 4 positions": in_windows,
    "sorted channels (Wasserstein)": sorted_channels,
    "Gram matrix": gram,
    "distance correlation": distance_correlation,
    "structure, rms": lambda r, d: norm(l2(r, d), 2),
}


def structures(metric: Metric, photographs: list[Image.Image]) -> dict[str, Choice]:
    """Choices for the structure of the first layer; some learn from photographs distorted."""
    covariance = torch.zeros(())
    variance = torch.zeros(())
    for photograph in photographs:
        seen = metric.look(tensor(photograph)).features.layers[0]
        variance = variance + seen.var((0, 2, 3))
        for distort, strengths in DISTORTIONS.values():
            difference = metric.look(tensor(distort(photograph, strengths[3]))).features.layers[0] - seen
            flat = difference.transpose(0, 1).flatten(1)
            covariance = covariance + flat @ flat.T / flat.square().sum()  # each distortion counts alike
    values, vectors = torch.linalg.eigh(covariance)
    return {
        "largest tenth of positions": largest_tenth,
        "fourth powers over positions": lambda r, d: norm(l2(r, d), 4),
        "nearest of 9 positions": nearest,
        "also at a half and a quarter of the size": lambda r, d: torch.stack(
            [norm(l2(*(avg_pool2d(x, side) for x in (r, d))), 2) for side in (1, 2, 4)]
        ).mean(),
        "each channel in units of its deviation": along(torch.diag((variance / variance.mean()).rsqrt())),
        "the 4 directions that answer most to distortions": along(vectors[:, -4:]),
        "whitened by the answers to distortions": along(vectors * (values / values.mean()).rsqrt()),
    }


def terms(r: Views, d: Views, structure: Mapping[str, Choice]) -> Iterator[tuple[str, float]]:
    """Every number there is to weigh, by its name."""
    *layers, picture, chroma = zip(r.features.layers, d.features.layers, strict=True)
    yield "structure", norm(l2(*layers[0]), 2).item()
    yield "colour", norm(l2(*picture), 2).item()
    yield "tint", norm(chroma_range(*chroma), TINT_POWER).item()
    for name, choice in structure.items():
        yield f"structure: {name}", choice(*layers[0]).item()
    for layer in DEEP:
        yield f"spread {layer}", channel_moments(*layers[layer], LITE.spread_order).item()
        for name, choice in SPREAD.items():
            yield f"spread: {name} {layer}", choice(*layers[layer]).item()


Pairs: TypeAlias = Iterable[tuple[torch.Tensor, torch.Tensor]]
Look: TypeAlias = Callable[[torch.Tensor], Views]


def measure(looks: Mapping[str, Look], pairs: Pairs, structure: Mapping[str, Choice]) -> dict[str, Floats]:
    found: dict[str, list[float]] = {}
    for r, d in pairs:
        for way, look in looks.items():
            for name, number in terms(look(r), look(d), structure):
                found.setdefault(f"{way} {name}", []).append(number)
    return {name: np.array(values) for name, values in found.items()}


def pairs_of(dataset: DataSet, perturbation: Perturbation | None) -> Pairs:
    for pair in dataset.pairs:
        r, d = read_pair(dataset.root / pair.reference, dataset.root / pair.distorted)
        if perturbation is not None:
            r, d = perturbation.of_reference(r), perturbation.of_distorted(d)
        yield r[None], d[None]


def distorted(photographs: list[Image.Image]) -> Pairs:
    """Photographs and what became of them: every distortion, every second strength."""
    for photograph in photographs:
        for distort, strengths in DISTORTIONS.values():
            for strength in strengths[::2]:
                yield tensor(photograph), tensor(distort(photograph, strength))


def log(values: Floats) -> Floats:
    return np.log1p(values / LOG_FLOOR)


def weighed(
    found: Mapping[str, Floats],
    scale: Callable[[str, Floats], Floats] = lambda _, values: log(values),
    *,
    way: str = "smooth",
    structure: str = "structure",
    spreads: str = "spread",
) -> Floats:
    """The score by the weights of `lite`, with other choices in the place of its own."""
    weights = {structure: LITE.structure, "colour": LITE.colour, "tint": LITE.tint}
    weights |= {f"{spreads} {layer}": LITE.spread / len(DEEP) for layer in DEEP}
    total: Floats = np.sum(
        [weight * scale(name, found[f"{way} {name}"]) for name, weight in weights.items()], axis=0, dtype=float
    )
    return total


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sets(parser)
    parser.add_argument("--photographs", type=Path, required=True, help="a folder of .png, no opinions needed")
    arguments = parser.parse_args()
    every = "layers=all:colour=1:tint=1"
    metric = innersight.create_metric(f"lite:{every}", runtime="auto")
    native = innersight.create_metric(f"lite:input=native:{every}", runtime="auto")

    short = LITE.input.short_side
    assert short is not None

    def jagged(image: torch.Tensor) -> Views:
        """Look at every third pixel or so, as a resize without anti-aliasing does."""
        size = fit_short_side(*image.shape[-2:], short)
        return native.look(interpolate(image, size=size, mode="bilinear", align_corners=False))

    looks = {"smooth": metric.look, "jagged": jagged}
    photographs = [Image.open(path).convert("RGB") for path in sorted(arguments.photographs.glob("*.png"))]
    structure = structures(metric, photographs)
    known = measure({"smooth": metric.look}, distorted(photographs), structure)
    units = {name.removeprefix("smooth "): np.median(values) for name, values in known.items()}
    sets = open_sets(arguments)
    found = [measure(looks, pairs_of(dataset, perturbation), structure) for dataset, perturbation in sets]
    worse = [worse_of(dataset) for dataset, _ in sets]
    print("| in its place | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")

    def show(label: str, scores: Callable[[dict[str, Floats]], Floats]) -> None:
        print(row(label, [scores(one) for one in found], worse))

    show("`lite`", weighed)
    for name in structure:
        show(f"structure: {name}", lambda one, name=name: weighed(one, structure=f"structure: {name}"))
    for name in SPREAD:
        show(f"spread: {name}", lambda one, name=name: weighed(one, spreads=f"spread: {name}"))
    show("shown without anti-aliasing", lambda one: weighed(one, way="jagged"))
    show(
        "terms in units of their medians over distorted photographs, not logarithms",
        lambda one: weighed(one, lambda name, values: values / units[name]),
    )
    show(
        "the square roots of these",
        lambda one: weighed(one, lambda name, values: np.sqrt(values / units[name])),
    )


if __name__ == "__main__":
    main()
