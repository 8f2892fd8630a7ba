"""Description of what decides a score: a record in JSON types, and one line to cite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from innersight._version import __version__
from innersight.metrics.config import MetricConfig
from innersight.metrics.terms.base import type_of
from innersight.metrics.view_comparison import ViewComparison
from innersight.metrics.view_extractor import ViewExtractor
from innersight.provenance import TORCH, versions


def describe(config: MetricConfig, comparisons: Sequence[ViewComparison]) -> dict[str, Any]:
    """Return the configuration and the weights of a metric in JSON types.

    Args:
        config: The configuration.
        comparisons: The comparisons of its views.

    Returns:
        `name`, `versions` of the software, `scale`, `reduce`, `views` and `terms` by name. Layers are indices. A
        parameter without effect is None.
    """
    return {
        "name": config.name,
        "versions": versions(TORCH),
        "scale": config.scale,
        "reduce": config.reduce,
        "views": {comparison.extractor.view.name: _describe_view(comparison.extractor) for comparison in comparisons},
        "terms": {
            term.name: {"type": type_of(term), "view": term.view, **term.describe(comparison.extractor.source)}
            for comparison in comparisons
            for term in comparison.terms
        },
    }


def cite(config: MetricConfig, comparisons: Sequence[ViewComparison]) -> str:
    """Return one line to cite with a score: everything that decided it.

    Args:
        config: The configuration.
        comparisons: The comparisons of its views.
    """
    extractor = comparisons[0].extractor
    made = f"{extractor.precision}, {extractor.runtime.name} (torch {versions(TORCH)['torch']})"
    return f"{cite_configuration(config, comparisons)}; {made}"


def cite_configuration(config: MetricConfig, comparisons: Sequence[ViewComparison]) -> str:
    """Return the part of the citation that does not depend on the runtime.

    Args:
        config: The configuration.
        comparisons: The comparisons of its views.
    """
    record = describe(config, comparisons)
    views = []
    for comparison in comparisons:
        extractor = comparison.extractor
        view = record["views"][extractor.view.name]
        own = {key: view[key] for key in ("features", "input", "chroma", "normalisation", "token_norm")}
        weights = extractor.backbone.weights.digest[:19]
        views.append(f"{extractor.view.name} = {extractor.network_name} (weights {weights}; {_listed(own)})")
    terms = []
    for name, term in record["terms"].items():
        own = {key: value for key, value in term.items() if key not in ("type", "weight")}
        if len(comparisons) == 1:
            del own["view"]
        terms.append(f"{name} {term['weight']:g} ({_listed(own)})")
    return (
        f"innersight {__version__} {config.name}: {', '.join(views)}; {', '.join(terms)}; scale {config.scale}, "
        f"{config.reduce} of terms"
    )


def _describe_view(extractor: ViewExtractor) -> dict[str, Any]:
    view, weights = extractor.view, extractor.backbone.weights
    return {
        "backbone": extractor.backbone.entry.alias,
        "timm_name": extractor.network_name,
        "weights": {
            "source": weights.source,
            "file": None if weights.path is None else weights.path.name,
            "digest": weights.digest,
        },
        "features": view.features,
        "input": str(view.input),
        "resize": "bilinear, anti-aliased" if view.input.short_side else None,
        "window_pooling": "mean" if view.input.window else None,
        "chroma": view.chroma,
        "normalisation": view.normalisation,
        "token_norm": view.token_norm,
    }


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {_short(value)}" for key, value in values.items() if value not in (None, {}, "none", "full")
    )


def _short(value: Any) -> str:
    """Write a value short: ascending layers as '0-4' or '0,3', options as 'seed=0'."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        run = len(value) > 1 and value == list(range(value[0], value[-1] + 1))
        return f"{value[0]}-{value[-1]}" if run else ",".join(str(item) for item in value)
    return str(value)
