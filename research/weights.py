"""Measure how much the weights of the terms of a metric matter: each weight is halved, doubled and set to 0.

    python research/terms.py lite vit vit:input=short=364 ... --save terms.npz
    python research/weights.py terms.npz --metric lite --metric vit --metric best

The output is SRCC on the data sets of `terms.py`. It is computed from the numbers that `terms.py` saved, so no network
runs. A metric can be a preset, or a preset with other layers, orders and pooling, if `terms.py` saved the numbers of
its views. A metric with changes is shown as it is, without changes of its weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from terms import CHROMA, POWER, SHOWN, THUMBNAIL

from innersight.backbones.features import resolve_layers
from innersight.evaluation.correlation import srcc
from innersight.metrics.config import MetricConfig
from innersight.metrics.factory import resolve
from innersight.metrics.serialization import change
from innersight.metrics.terms.base import Term
from innersight.metrics.terms.channel_moments import ChannelMoments
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.metrics.terms.feature_distance import FeatureDistance
from innersight.metrics.terms.thumbnail import ThumbnailDistance
from innersight.metrics.view import View

Numbers = Mapping[str, npt.NDArray[np.float64]]

CHANGES = (("halved", 0.5), ("doubled", 2.0), ("left out", 0.0))


def read(text: str) -> MetricConfig:
    """Return the configuration of a metric.

    Raises:
        SystemExit: If it has none, or is not the weighted mean of logarithms.
    """
    config = resolve(text)
    if config is None or (config.scale, config.reduce) != ("log", "mean"):
        raise SystemExit(
            f"The metric {text!r} is not a weighted mean of logarithms: pass presets such as lite and vit."
        )
    return config


def numbers_of(term: Term, layers: int) -> list[str]:
    """Return the names that `terms.py` gives to the numbers of a term.

    Args:
        term: The term.
        layers: Number of layers of the backbone.

    Raises:
        SystemExit: If `terms.py` does not compute the numbers.
    """
    if isinstance(term, FeatureDistance) and term.distance == "l2":
        return [f"{layer} {term.pooling}" for layer in resolve_layers(term.layers, layers)]
    if isinstance(term, ChannelMoments):
        return [f"{layer} moments {term.order}" for layer in resolve_layers(term.layers, layers)]
    if isinstance(term, ThumbnailDistance) and term.distance == "l2" and term.pixel_feature.key == THUMBNAIL:
        return [f"thumbnail {term.pooling}"]
    if isinstance(term, ChromaRange) and term.power == POWER and term.pixel_feature.key == CHROMA:
        return ["chroma"]
    raise SystemExit(f"The numbers of this term are not saved, so it cannot be weighted: {term}")


def saved_views(saved: Numbers) -> dict[str, View]:
    """Return the views whose numbers are saved, by the metric that `terms.py` was given."""
    first = f"{SHOWN[0]} "
    names = [key[len(first) : -len(" chroma")] for key in saved if key.startswith(first) and key.endswith(" chroma")]
    return {name: read(name).views[0] for name in names if not name.startswith("shifted ")}


def agreement(config: MetricConfig, views: Mapping[str, View], saved: Numbers) -> list[float]:
    """Compute SRCC of a configuration on each data set.

    Raises:
        SystemExit: If the numbers of a view are not saved.
    """
    names = {}
    for view in config.active_views:
        same = [name for name, kept in views.items() if replace(view, name=kept.name) == kept]
        if not same:
            raise SystemExit(f"The numbers of this view are not saved; save them with terms.py: {view}")
        names[view.name] = same[0]
    found = []
    for shown in SHOWN:
        total = np.zeros(())
        for term in config.active_terms:
            start = f"{shown} {names[term.view]} "
            layers = sum(key.startswith(start) and key.endswith(" rms") for key in saved) - 1  # one is the thumbnail
            numbers = [saved[start + name] for name in numbers_of(term, layers)]
            total = total + term.weight * np.mean(numbers, axis=0)
        found.append(srcc(total, saved[f"{shown} worse"]))
    return found


def show(label: str, values: Sequence[float]) -> None:
    cells = " | ".join(f"{value:.3f}".replace("0.", ".") for value in values)
    print(f"| {label} | {cells} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("saved", type=Path, metavar="FILE.npz", help="file that terms.py saved")
    parser.add_argument("--metric", action="append", required=True, help="metric, as for innersight score; repeatable")
    arguments = parser.parse_args()
    saved: Numbers = dict(np.load(arguments.saved))
    views = saved_views(saved)
    print("| weights | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")
    for text in arguments.metric:
        config = read(text)
        show(f"`{text}`", agreement(config, views, saved))
        if ":" in text:
            continue
        for term in config.active_terms:
            for word, share in CHANGES:
                changed = change(config, {term.path("weight"): share * term.weight})
                show(f"{term.name} {term.weight:g} {word}", agreement(changed, views, saved))


if __name__ == "__main__":
    main()
