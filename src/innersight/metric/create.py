"""From a preset's name and overrides to a metric ready to score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from typing_extensions import Unpack

from innersight.backbones.features import Backbone, load_backbone
from innersight.distances.registry import Positional, Stacked, find_distance, find_rule
from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.metric.config import MetricConfig, Overrides, parse_layers
from innersight.metric.module import Metric
from innersight.metric.presets import find_preset
from innersight.windows import InputPolicy

_DEVICES = ("cpu", "cuda")
PRECISIONS = {"fp32": torch.float32, "fp64": torch.float64}


def create_metric(
    metric: str = "lite",
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    **overrides: Unpack[Overrides],
) -> Metric:
    """Make a metric: a torch module, frozen, in evaluation mode.

    Args:
        metric: Name of a preset: `lite` or `paper`.
        weights: A file of weights instead of the usual places.
        device: Where to compute; `auto` takes a CUDA device if there is one, else the CPU.
        precision: `fp32` or `fp64`.
        **overrides: Fields of `innersight.MetricConfig` to change, one by one: backbone, features, layers, input,
            normalisation, distance, layer_pooling, position_pooling, seed. `input` takes its text form too, `layers`
            'last-4' and '0,3,-1'. A pooling of the preset that an overridden distance has no use for becomes None.

    Returns:
        The metric; `metric(reference, distorted)` scores.

    Raises:
        ArgumentError: If a name is unknown (with the nearest matches) or the choices don't fit together.
        WeightsError: If the weights are not to be had, or not the backbone's.

    Example:
        >>> metric = create_metric("lite", layers="last-2", distance="channel-cos")
        >>> metric.layers, metric.config.distance
        ((3, 4), 'channel-cos')
    """
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    target = find_device(device)
    config = configure(metric, **overrides)
    find_distance(config.distance)  # before the seconds that a network takes
    backbone = load_backbone(config.backbone, weights=weights, window=config.input.window)
    config = _drop_unused_poolings(config, backbone, asked=overrides)
    return Metric(config, backbone).to(device=target, dtype=PRECISIONS[precision])


def configure(preset: str, **overrides: Unpack[Overrides]) -> MetricConfig:
    """Return a preset with some fields changed; see `create_metric`.

    Raises:
        ArgumentError: If a name is unknown, or a value is not one the field takes.

    Example:
        >>> configure("paper", input="short=448,window=224,stride=200").input.short_side
        448
    """
    config = find_preset(preset)
    changes: dict[str, Any] = dict(overrides)
    for field in changes:
        if field not in Overrides.__annotations__:
            raise unknown_name("overrides", field, Overrides.__annotations__)
    if "layers" in changes:
        changes["layers"] = parse_layers(changes["layers"])
    if isinstance(changes.get("input"), str):
        changes["input"] = InputPolicy.parse(changes["input"])
    return replace(config, **changes)


def find_device(device: str | torch.device) -> torch.device:
    """Return the device a name means, `auto` being CUDA if there is any, else the CPU.

    Raises:
        ArgumentError: If there is no such device here.

    Example:
        >>> find_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = str(device)
    if name.partition(":")[0] not in _DEVICES:
        raise ArgumentError(f"Argument `device` must be auto, cpu or cuda (cuda:1, ...), but got {device!r}.")
    try:
        found = torch.device(name)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise ArgumentError(
            f"Argument `device`: there is no {name} here ({first_line(error)}); use auto or cpu."
        ) from None
    return found


def _drop_unused_poolings(config: MetricConfig, backbone: Backbone, asked: Overrides) -> MetricConfig:
    """Set to None what the distance has no use for, unless the user asked for it: then the metric refuses it."""
    rule = find_rule(config.distance, backbone.kind_of(config.features), config.backbone)
    if not isinstance(rule, Positional) and "position_pooling" not in asked:
        config = replace(config, position_pooling=None)
    if isinstance(rule, Stacked) and "layer_pooling" not in asked:
        config = replace(config, layer_pooling=None)
    return config
