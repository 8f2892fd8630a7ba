"""From a preset's name and overrides to a metric ready to score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from typing_extensions import Unpack

from innersight.backbones.catalogue import find_entry
from innersight.backbones.features import Backbone, load_backbone
from innersight.distances.registry import Positional, Stacked, find_distance, find_rule
from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.metrics.combined import CombinedMetric
from innersight.metrics.config import WEIGHTS, MetricConfig, Overrides, parse_layers, parse_number
from innersight.metrics.module import Metric
from innersight.metrics.presets import COMBINED, find_preset
from innersight.preprocess.windows import InputPolicy
from innersight.runtimes.choice import Runtime, check_choice, start_runtime

_DEVICES = ("cpu", "cuda")


def create_metric(
    metric: str = "lite",
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    **overrides: Unpack[Overrides],
) -> Metric | CombinedMetric:
    """Make a metric: a torch module, frozen, in evaluation mode.

    Args:
        metric: Name of a preset, `lite`, `vit`, `best` or `paper`; fields may be changed in it, see `parse_metric`.
            Several joined by + are the weighted mean of their scores, as `best` is.
        weights: A file of weights instead of the usual places. Where several networks are asked for, those whose
            weights come with the package keep them.
        device: Where to compute; `auto` takes a CUDA device if there is one, else the CPU.
        precision: `fp32` or `fp64`; `fp16` or `bf16` has the network compute its products so, and is for GPUs; how far
            scores move is in `tests/runtime/test_eager.py`.
        runtime: What runs the network: `torch`, `torch-compile`, `openvino` (CPU), or `auto`: OpenVINO where it fits
            and is installed. OpenVINO takes one core a call, and the others for calls from other threads, as
            `score_pairs` makes them.
        validate: Check that pixel values lie in [0, 1], at the cost of one wait for the device a call. False skips this
            check, for training loops; shapes, dtypes and devices are checked all the same.
        **overrides: Fields of `innersight.MetricConfig` to change, one by one: backbone, features, layers, input,
            normalisation, distance, layer_pooling, position_pooling, chroma, tokens, spread, spread_order,
            spread_layers, layer_scale, structure, colour, tint, seed. `input` takes its text form too, `layers` and
            `spread_layers` 'last-4' and '0,3,-1'. What the backbone, distance or features asked for leave without use
            in the preset is taken out of it, as the description says.

    Returns:
        The metric; `metric(reference, distorted)` scores.

    Raises:
        ArgumentError: If a name is unknown (with the nearest matches) or the choices don't fit together.
        WeightsError: If the weights are not to be had, or not the backbone's.

    Example:
        >>> metric = create_metric("lite", layers="last-2", distance="channel-cos")
        >>> metric.layers, metric.config.distance
        ((2, 3, 4, 5, 6), 'channel-cos')
    """
    (ready,) = create_metrics(
        [metric],
        weights=weights,
        device=device,
        precision=precision,
        runtime=runtime,
        validate=validate,
        **overrides,
    ).values()
    return ready


def create_metrics(
    metrics: Sequence[str],
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    **overrides: Unpack[Overrides],
) -> dict[str, Metric | CombinedMetric]:
    """Make several metrics that share their networks.

    Args:
        metrics: As `metric` of `create_metric`, each once.
        weights: See `create_metric`, like all that follows.
        device: See there.
        precision: See there.
        runtime: See there.
        validate: Check that pixel values lie in [0, 1]; True by default.
        **overrides: For all of them; what is changed in a metric's own text comes first.

    Returns:
        The metrics by the text they were asked for with.

    Raises:
        ArgumentError: As `create_metric`, or if a metric comes twice.
        WeightsError: As `create_metric`.

    Example:
        >>> both = create_metrics(["lite", "lite:distance=channel-cos"])
        >>> both["lite"].backbone is both["lite:distance=channel-cos"].backbone
        True
    """
    if isinstance(metrics, str):
        raise ArgumentError(f"Argument `metrics` must be a list of names, but got {metrics!r}. Use [{metrics!r}].")
    doubled = [name for index, name in enumerate(metrics) if name in metrics[:index]]
    if doubled:
        raise ArgumentError(f"Argument `metrics` must name each metric once, but got {doubled[0]!r} twice.")
    target = find_device(device)
    members = {text: _members(text) for text in metrics}
    configs = {}
    for text in dict.fromkeys(member for texts in members.values() for member in texts):
        preset, own = parse_metric(text)
        asked: Overrides = {**overrides, **own}
        config = configure(preset, **asked)
        find_distance(config.distance)  # before the seconds that a network takes
        configs[text] = config, asked
    check_choice(runtime, precision)
    exact = torch.float64 if precision == "fp64" else torch.float32
    entries = {config.backbone: find_entry(config.backbone) for config, _ in configs.values()}
    embedded = {name: entry is not None and entry.embedded for name, entry in entries.items()}
    networks: dict[tuple[str, int | None], tuple[Backbone, Runtime]] = {}
    made = {}
    for text, (config, asked) in configs.items():
        built_for = config.backbone, config.input.window
        if built_for not in networks:
            file = None if embedded[config.backbone] and not all(embedded.values()) else weights
            backbone = load_backbone(config.backbone, weights=file, window=config.input.window)
            networks[built_for] = backbone, start_runtime(backbone, runtime, precision, target)
        backbone, running = networks[built_for]
        config = _drop_unused(config, backbone, asked)
        made[text] = Metric(config, backbone, running, validate=validate).to(device=target, dtype=exact)
    return {
        text: made[text] if texts == (text,) else CombinedMetric(text, {member: made[member] for member in texts})
        for text, texts in members.items()
    }


def _members(text: str) -> tuple[str, ...]:
    """Return the texts of the metrics that one is the mean of, or its own."""
    if not isinstance(text, str):
        find_preset(text)  # says what a preset is
    if text.partition(":")[0] in COMBINED and text not in COMBINED:
        raise ArgumentError(
            f"Argument `metric`: {text.partition(':')[0]!r} is a mean of metrics and has no fields of its own, but got "
            f"{text!r}; change those of its parts, as in '{COMBINED[text.partition(':')[0]]}:chroma=full'."
        )
    return tuple(COMBINED.get(text, text).split("+"))


def parse_metric(text: str) -> tuple[str, Overrides]:
    """Read a preset's name and the fields that are changed in it: `NAME[:FIELD=VALUE]...`.

    Raises:
        ArgumentError: If a part is not FIELD=VALUE.

    Example:
        >>> parse_metric("paper:distance=cos:layers=0,3")
        ('paper', {'distance': 'cos', 'layers': '0,3'})
    """
    if not isinstance(text, str):
        find_preset(text)  # says what a preset is
    preset, *parts = text.split(":")
    changes: dict[str, Any] = {}
    for part in parts:
        field, equals, value = part.partition("=")
        if not equals or not value or field in changes:
            raise ArgumentError(
                f"A metric is a preset's name and fields changed in it, such as 'paper:distance=cos:layers=last-4', "
                f"but got {text!r}."
            )
        changes[field] = int(value) if field == "seed" and _is_short_number(value) else value
    return preset, cast(Overrides, changes)


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
    for field in ("layers", "spread_layers"):
        if field in changes:
            changes[field] = parse_layers(changes[field], field)
    for field in ("spread_order", *WEIGHTS):
        if field in changes:
            changes[field] = parse_number(field, changes[field])
    if "spread_order" in changes and changes["spread_order"].is_integer():
        changes["spread_order"] = int(changes["spread_order"])
    # An embedding has no layers: those of the preset fall away with the features they are of.
    if changes.get("features") == "embedding" and "layers" not in changes:
        changes["layers"] = None
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
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else str(device)
    if name.partition(":")[0] not in _DEVICES:
        raise ArgumentError(f"Argument `device` must be auto, cpu or cuda (cuda:1, ...), but got {device!r}.")
    try:
        # A tensor names its device with an index: `cuda` becomes `cuda:0`, which tensors of images are compared with.
        found = torch.empty(0, device=torch.device(name)).device
    except (RuntimeError, AssertionError) as error:
        raise ArgumentError(
            f"Argument `device`: there is no {name} here ({first_line(error)}); use auto or cpu."
        ) from None
    return found


def _is_short_number(text: str) -> bool:
    """Tell whether a text is a whole number in ASCII digits; Python refuses to read one of thousands of digits."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(2**63))


def _drop_unused(config: MetricConfig, backbone: Backbone, asked: Overrides) -> MetricConfig:
    """Take out what the backbone, the distance or the features have no use for, unless the user asked for it."""
    kind = backbone.kind_of(config.features)
    rule = find_rule(config.distance, kind, config.backbone)
    unused: dict[str, Any] = {}
    if not isinstance(rule, Positional):
        unused["position_pooling"] = None
    if not isinstance(rule, Positional) or kind == "embedding":
        unused |= {"structure": 1.0, "colour": 0.0, "tint": 0.0}
    if isinstance(rule, Stacked):
        unused["layer_pooling"] = None
    if isinstance(rule, Stacked) or kind == "embedding":
        unused |= {"spread": 0.0, "layer_scale": "linear"}
    if kind != "tokens":
        unused["tokens"] = "plain"
    return replace(config, **{field: value for field, value in unused.items() if field not in asked})
