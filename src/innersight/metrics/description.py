"""What decided a metric's score: one line to cite, and a record in JSON types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from innersight._version import __version__
from innersight.backbones.features import Backbone

if TYPE_CHECKING:
    from innersight.metrics.module import Metric


def network_name(backbone: Backbone) -> str:
    """Return timm's name of a network; without the tag of the weights if the user gave a file of weights."""
    name = backbone.entry.timm_name
    return name.partition(".")[0] if backbone.weights.source == "file" else name


def cite(metric: Metric) -> str:
    """Return one line to cite with a score: everything that decided it."""
    config, weights = metric.config, metric.backbone.weights
    if config.features == "embedding":
        features = "embedding"
    else:
        layers = metric.terms.distance_layers or metric.terms.spread_layers
        features = f"intermediate layer{'s'[: len(layers) > 1]} {_list(layers)} of {metric.backbone.count}"
    seed = f" (seed {config.seed})" if config.distance == "swd" else ""
    poolings = [
        f"{pooling} over {what}"
        for pooling, what in ((config.position_pooling, "positions"), (config.layer_pooling, "layers"))
        if pooling
    ]
    terms = [
        *([f"structure {config.structure:g}"] if config.structure != 1 else []),
        *(
            [f"spread {config.spread:g} (order {config.spread_order}, layers {_list(metric.terms.spread_layers)})"]
            if config.spread
            else []
        ),
        *(["log"] if config.layer_scale == "log" else []),
        *([f"colour {config.colour:g}"] if config.colour else []),
        *([f"tint {config.tint:g}"] if config.tint else []),
    ]
    chroma = f"chroma {config.chroma}, " if config.chroma != "full" else ""
    tokens = f"tokens {config.tokens}, " if config.tokens != "plain" else ""
    return (
        f"innersight {__version__} {config.preset}: {network_name(metric.backbone)} "
        f"(weights {weights.digest[:19]}), {features}, "
        f"input {config.input}, {chroma}normalisation {config.normalisation}, {tokens}"
        f"{', '.join([config.distance + seed, *terms, *poolings])}, {metric.precision}"
    )


def describe(metric: Metric) -> dict[str, Any]:
    """Return everything that decided a score, in JSON types."""
    config, entry, weights = metric.config, metric.backbone.entry, metric.backbone.weights
    return {
        "preset": config.preset,
        "innersight": __version__,
        "backbone": entry.alias,
        "timm_name": network_name(metric.backbone),
        "weights": {"source": weights.source, "file": weights.path.name, "digest": weights.digest},
        "features": config.features,
        "structure": config.structure,
        "layers": list(metric.terms.distance_layers) if config.features == "intermediate" else None,
        "input": str(config.input),
        "resize": "bilinear, anti-aliased" if config.input.short_side else None,
        "chroma": config.chroma,
        "normalisation": config.normalisation,
        "tokens": config.tokens,
        "distance": config.distance,
        "spread": config.spread,
        "spread_order": config.spread_order if config.spread else None,
        "spread_layers": list(metric.terms.spread_layers) if config.spread else None,
        "per_layer": metric.layer_names,
        "layer_scale": config.layer_scale,
        "colour": config.colour,
        "tint": config.tint,
        "position_pooling": config.position_pooling,
        "layer_pooling": config.layer_pooling,
        "window_pooling": "mean" if config.input.window else None,
        "seed": config.seed if config.distance == "swd" else None,
        "precision": metric.precision,
        "runtime": metric.runtime.name,
        "device": str(metric.device),
        "citation": metric.citation,
    }


def _list(layers: tuple[int, ...]) -> str:
    """Write ascending layers short, '0-4' or '0,3'."""
    run = len(layers) > 1 and layers == tuple(range(layers[0], layers[-1] + 1))
    return f"{layers[0]}-{layers[-1]}" if run else ",".join(str(layer) for layer in layers)
