"""Measure alternatives to the terms of `lite`: each one takes the place of a term, the other terms stay.

    python research/trials.py --tid2013 DIR --live LIST.csv --photographs FOLDER

The output is SRCC on TID2013, on TID2013 with one image of each pair shifted by 1 %, and on LIVE. Some alternatives are
estimated from the response of the features to distortions. They use the photographs of the folder, distorted as
`strengths.py` does, and no opinions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from PIL import Image
from strengths import DISTORTIONS, read_photographs, tensor
from terms import ALL_FEATURES, CHROMA, THUMBNAIL, Floats, add_sets, open_sets, row, worse_of
from torch.nn.functional import avg_pool2d, interpolate, pad

import innersight
from innersight.backbones.features import resolve_layers
from innersight.datasets.dataset import DataSet
from innersight.distances.channel_moments import channel_moments
from innersight.distances.chroma_range import chroma_range
from innersight.distances.pointwise import l2
from innersight.io.images import read_image
from innersight.metrics.config import LOG_FLOOR
from innersight.metrics.feature_batch import ViewFeatures, layer_key
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.preprocess.input_policy import fit_short_side
from innersight.preprocess.perturbation import Perturbation

Choice: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""An alternative: features of one layer of two images to one number, 0 for equal features."""

Extract: TypeAlias = Callable[[torch.Tensor], ViewFeatures]
Pairs: TypeAlias = Iterable[tuple[torch.Tensor, torch.Tensor]]
T = TypeVar("T")

LITE = innersight.PRESETS["lite"]


def term_of(kind: type[T]) -> T:
    """Return the term of `lite` of a class."""
    return next(term for term in LITE.terms if isinstance(term, kind))


FEATURES, MOMENTS = term_of(FeatureDistance), term_of(ChannelMoments)
PIXEL_TERMS = (term_of(ThumbnailDistance), term_of(ChromaRange))
LAYERS = 5
DEEP = resolve_layers(MOMENTS.layers, LAYERS)
"""The layers of `lite` whose moments are compared."""


def norm(values: torch.Tensor, power: float) -> torch.Tensor:
    """Compute the power mean of values."""
    return values.pow(power).mean().pow(1 / power)


def relative(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compute the squared difference of two vectors of statistics, relative to their squares."""
    return 2 * (d - r).square().sum() / (r.square() + d.square()).sum().clamp(min=1e-12)


def nearest(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compare each position with the most similar one of the nine positions around its place, in both directions."""
    rows, columns = r.shape[-2:]

    def one_way(x: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        framed = pad(others, (1, 1, 1, 1), mode="replicate")
        moved = [framed[..., y : y + rows, x_ : x_ + columns] for y in range(3) for x_ in range(3)]
        return torch.stack([l2(x, other) for other in moved]).amin(0)

    return norm((one_way(r, d) + one_way(d, r)) / 2, 2)


def largest_tenth(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Average the largest tenth of the distances over positions."""
    positions = l2(r, d).flatten()
    return positions.topk(len(positions) // 10).values.mean()


def along(directions: torch.Tensor) -> Choice:
    """Return the distance along directions of the channels, (channels, directions)."""
    return lambda r, d: norm(torch.einsum("nchw,ck->nkhw", d - r, directions).square().mean(1), 2)


def sorted_channels(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compute the squared 2-Wasserstein distance of the values of each channel, relative to their variances."""
    a, b = (x.flatten(2).sort(-1).values for x in (r, d))
    own = a.var(-1).sum() + b.var(-1).sum()
    return 2 * (b - a).square().mean(-1).sum() / own.clamp(min=1e-12)


def gram(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compare the Gram matrices of the channels."""
    a, b = (x.flatten(2) @ x.flatten(2).transpose(1, 2) / x[0, 0].numel() for x in (r, d))
    return relative(a, b)


def in_windows(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compare standard deviations in windows of 4 x 4 positions instead of the whole image."""
    side = min(4, *r.shape[-2:])
    a, b = ((avg_pool2d(x.square(), side, 1) - avg_pool2d(x, side, 1).square()).clamp(min=0).sqrt() for x in (r, d))
    return relative(a, b)


def distance_correlation(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Compute 1 minus the distance correlation of the feature vectors of all positions, as DeepDC does."""

    def centred(x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2)[0].T.double()
        apart = torch.cdist(tokens, tokens)
        return apart - apart.mean(0, keepdim=True) - apart.mean(1, keepdim=True) + apart.mean()

    a, b = centred(r), centred(d)
    return (1 - (a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt().clamp(min=1e-12)).clamp(min=0)


DEEP_CHOICES: Mapping[str, Choice] = {
    "standard deviations": lambda r, d: channel_moments(r, d, 2),
    "means": lambda r, d: relative(r.mean((2, 3)), d.mean((2, 3))),
    "means and standard deviations, half each": lambda r, d: (
        (relative(r.mean((2, 3)), d.mean((2, 3))) + channel_moments(r, d, 2)) / 2
    ),
    "standard deviations in windows of 4 x 4 positions": in_windows,
    "sorted channels (Wasserstein)": sorted_channels,
    "Gram matrix": gram,
    "distance correlation": distance_correlation,
    "l2, rms over positions": lambda r, d: norm(l2(r, d), 2),
}
"""Alternatives to the channel moments of the deep layers."""


def first_layer_choices(metric: FeatureMetric, photographs: list[Image.Image]) -> dict[str, Choice]:
    """Return alternatives to the distance of the first layer. Some are estimated from distorted photographs."""
    covariance = torch.zeros(())
    variance = torch.zeros(())

    def first_layer(image: Image.Image) -> torch.Tensor:
        return metric.extract_features(tensor(image)).views[0].tensors[layer_key(0)]

    for photograph in photographs:
        features = first_layer(photograph)
        variance = variance + features.var((0, 2, 3))
        for distort, strengths in DISTORTIONS.values():
            difference = first_layer(distort(photograph, strengths[3])) - features
            flat = difference.transpose(0, 1).flatten(1)
            covariance = covariance + flat @ flat.T / flat.square().sum()  # each distortion has the same weight
    values, vectors = torch.linalg.eigh(covariance)
    return {
        "largest tenth of positions": largest_tenth,
        "fourth powers over positions": lambda r, d: norm(l2(r, d), 4),
        "nearest of 9 positions": nearest,
        "also at a half and a quarter of the size": lambda r, d: torch.stack(
            [norm(l2(*(avg_pool2d(x, side) for x in (r, d))), 2) for side in (1, 2, 4)]
        ).mean(),
        "each channel in units of its standard deviation": along(torch.diag((variance / variance.mean()).rsqrt())),
        "the 4 directions with the largest response to distortions": along(vectors[:, -4:]),
        "whitened by the response to distortions": along(vectors * (values / values.mean()).rsqrt()),
    }


def numbers(r: ViewFeatures, d: ViewFeatures, first_layer: Mapping[str, Choice]) -> Iterator[tuple[str, float]]:
    """Compute every number that can be weighted, by its name."""
    layers = [(r.tensors[layer_key(index)], d.tensors[layer_key(index)]) for index in range(LAYERS)]
    yield "features", norm(l2(*layers[0]), 2).item()
    yield "thumbnail", norm(l2(r.tensors[THUMBNAIL], d.tensors[THUMBNAIL]), 2).item()
    yield "chroma", norm(chroma_range(r.tensors[CHROMA], d.tensors[CHROMA]), term_of(ChromaRange).power).item()
    for name, choice in first_layer.items():
        yield f"features: {name}", choice(*layers[0]).item()
    for layer in DEEP:
        yield f"moments {layer}", channel_moments(*layers[layer], MOMENTS.order).item()
        for name, choice in DEEP_CHOICES.items():
            yield f"moments: {name} {layer}", choice(*layers[layer]).item()


def measure(extractions: Mapping[str, Extract], pairs: Pairs, first_layer: Mapping[str, Choice]) -> dict[str, Floats]:
    """Compute all numbers of all pairs, for each kind of extraction."""
    found: dict[str, list[float]] = {}
    for r, d in pairs:
        for kind, extract in extractions.items():
            for name, number in numbers(extract(r), extract(d), first_layer):
                found.setdefault(f"{kind} {name}", []).append(number)
    return {name: np.array(values) for name, values in found.items()}


def pairs_of(dataset: DataSet, perturbation: Perturbation | None) -> Pairs:
    """Read the pairs of a data set, with a perturbation or without."""
    for pair in dataset.pairs:
        files = dataset.root / pair.reference, dataset.root / pair.distorted
        r, d = (torch.from_numpy(read_image(file)) for file in files)
        if perturbation is not None:
            r, d = perturbation.of_reference(r), perturbation.of_distorted(d)
        yield r[None], d[None]


def distorted(photographs: list[Image.Image]) -> Pairs:
    """Distort photographs: every distortion, every second strength."""
    for photograph in photographs:
        for distort, strengths in DISTORTIONS.values():
            for strength in strengths[::2]:
                yield tensor(photograph), tensor(distort(photograph, strength))


def log(values: Floats) -> Floats:
    """Apply the logarithmic scale of `lite`."""
    return np.log1p(values / LOG_FLOOR)


def weighted(
    found: Mapping[str, Floats],
    scale: Callable[[str, Floats], Floats] = lambda _, values: log(values),
    *,
    extraction: str = "smooth",
    features: str = "features",
    moments: str = "moments",
) -> Floats:
    """Sum the numbers with the weights of `lite`, with alternatives in the place of its own numbers."""
    weights = {features: FEATURES.weight} | {term.name: term.weight for term in PIXEL_TERMS}
    weights |= {f"{moments} {layer}": MOMENTS.weight / len(DEEP) for layer in DEEP}
    total: Floats = np.sum(
        [weight * scale(name, found[f"{extraction} {name}"]) for name, weight in weights.items()], axis=0, dtype=float
    )
    return total


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sets(parser)
    parser.add_argument("--photographs", type=Path, required=True, help="folder of .png photographs")
    arguments = parser.parse_args()
    metric = innersight.create_metric(f"lite:{ALL_FEATURES}")
    native = innersight.create_metric(f"lite:input=native:{ALL_FEATURES}")
    if not isinstance(metric, FeatureMetric) or not isinstance(native, FeatureMetric):
        raise TypeError("presets are metrics of features")

    short = LITE.views[0].input.short_side
    if short is None:
        raise ValueError("lite resizes images to a short side")

    def smooth(image: torch.Tensor) -> ViewFeatures:
        return metric.extract_features(image).views[0]

    def jagged(image: torch.Tensor) -> ViewFeatures:
        """Extract features after a resize without anti-aliasing."""
        size = fit_short_side(image.shape[-2], image.shape[-1], short)
        resized = interpolate(image, size=size, mode="bilinear", align_corners=False)
        return native.extract_features(resized).views[0]

    extractions = {"smooth": smooth, "jagged": jagged}
    photographs = read_photographs(arguments.photographs)
    first_layer = first_layer_choices(metric, photographs)
    known = measure({"smooth": smooth}, distorted(photographs), first_layer)
    units = {name.removeprefix("smooth "): np.median(values) for name, values in known.items()}
    sets = open_sets(arguments)
    found = [measure(extractions, pairs_of(dataset, perturbation), first_layer) for dataset, perturbation in sets]
    worse = [worse_of(dataset) for dataset, _ in sets]
    print("| alternative | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")

    def show(label: str, scores: Callable[[dict[str, Floats]], Floats]) -> None:
        print(row(label, [scores(one) for one in found], worse))

    show("`lite`", weighted)
    for name in first_layer:
        show(f"features: {name}", lambda one, name=name: weighted(one, features=f"features: {name}"))
    for name in DEEP_CHOICES:
        show(f"moments: {name}", lambda one, name=name: weighted(one, moments=f"moments: {name}"))
    show("resized without anti-aliasing", lambda one: weighted(one, extraction="jagged"))
    show(
        "numbers in units of their medians over distorted photographs, no logarithms",
        lambda one: weighted(one, lambda name, values: values / units[name]),
    )
    show(
        "the square roots of these",
        lambda one: weighted(one, lambda name, values: np.sqrt(values / units[name])),
    )


if __name__ == "__main__":
    main()
