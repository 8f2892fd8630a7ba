"""Construction of metrics from a name, a file or a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, overload

import torch
from torch import nn
from typing_extensions import Unpack

from innersight.backbones.catalogue import find_entry
from innersight.backbones.features import Backbone, load_backbone
from innersight.backbones.user_module import backbone_of
from innersight.errors import ArgumentError, first_line, unknown_name
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.external.registry import METRICS
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import SUFFIXES, TERM_SHORTCUTS, VIEW_SHORTCUTS, change, read_config
from innersight.metrics.view_extractor import ViewExtractor
from innersight.preprocess.input_policy import InputPolicy
from innersight.runtimes.choice import Runtime, check_choice, start_runtime

PresetName = Literal["lite", "vit", "best", "paper"]

_DEVICES = ("cpu", "cuda")
_FILE = re.compile(rf"(.*(?:{'|'.join(re.escape(suffix) for suffix in SUFFIXES)}))(?::(.*))?", re.IGNORECASE)


class Overrides(TypedDict, total=False):
    """The fields of a configuration that may be changed by their own name."""

    backbone: str | nn.Module
    features: str
    input: InputPolicy | str
    layers: int | Sequence[int] | str | None
    distance: str


@overload
def create_metric(
    metric: PresetName | MetricConfig = "lite",
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> FeatureMetric: ...


@overload
def create_metric(
    metric: str | Path,
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> FullReferenceMetric: ...


def create_metric(
    metric: str | Path | MetricConfig = "lite",
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> FullReferenceMetric:
    """Make a metric: a torch module, frozen, in evaluation mode.

    Args:
        metric: A preset (`lite`, `vit`, `best`, `paper`), a metric of another library (`psnr`, `vsi`, ...), a
            configuration, or the path of a .toml or .json file with one. Changes may follow a name or path, as in
            `paper:distance=cos:layers=last-4` or `lite:terms.moments.weight=0`. Default: `lite`.
        weights: A file of weights, in place of the usual locations. Where a configuration has several backbones, those
            whose weights are installed with the package keep them. Default: the usual locations.
        device: The device: `cpu`, `cuda`, `cuda:1`; `auto` takes a CUDA device if there is one, else the CPU. Default:
            `cpu`.
        precision: `fp32` or `fp64`. `fp16` and `bf16` let the network compute its products in 16 bits, and are for
            GPUs. Default: `fp32`.
        runtime: What runs the network: `torch`, or `torch-compile`, which takes about a minute for each new image size
            and is faster after that. Default: `torch`.
        validate: Check that pixel values are in [0, 1], which waits for the device once a call. False skips this check
            only. Default: True.
        changes: Values to change in the configuration, by path, such as `{"terms.moments.weight": 0}`; see
            `innersight.metrics.serialization.change`.
        **overrides: `backbone`, `features` and `input` of the configuration's only view, `layers` and `distance` of its
            only feature distance. `backbone` may be a `torch.nn.Module` of your own, see
            `innersight.backbones.user_module`.

    Returns:
        The metric; `metric(reference, distorted)` scores. A `FeatureMetric` for presets and configurations.

    Raises:
        ArgumentError: If a name is unknown (with the nearest matches), or the choices do not fit together.
        WeightsError: If the weights are not available, or are not those of the backbone.

    Example:
        >>> metric = create_metric("lite", layers="last-2", distance="channel-cos")
        >>> metric.layer_names
        ('layer 2', 'layer 3', 'layer 4', 'thumbnail', 'chroma')
    """
    (made,) = create_metrics(
        [metric],
        weights=weights,
        device=device,
        precision=precision,
        runtime=runtime,
        validate=validate,
        changes=changes,
        **overrides,
    ).values()
    return made


def create_metrics(
    metrics: Sequence[str | Path | MetricConfig],
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    runtime: str = "torch",
    validate: bool = True,
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> dict[str, FullReferenceMetric]:
    """Make several metrics that share their networks.

    Args:
        metrics: Each as `metric` of `create_metric`, each once.
        weights: A file of weights; see `create_metric`.
        device: The device; default `cpu`.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        runtime: What runs the networks: `torch` (default) or `torch-compile`.
        validate: Check that pixel values are in [0, 1]; default True.
        changes: Values to change in all configurations. Changes in a metric's own text take precedence.
        **overrides: Fields to change in all configurations.

    Returns:
        The metrics by the text that asked for them; by its name for a configuration.

    Raises:
        ArgumentError: As `create_metric`, or if a metric is named twice.
        WeightsError: As `create_metric`.

    Example:
        >>> both = create_metrics(["lite", "psnr"])
        >>> both["lite"].higher_is_better, both["psnr"].higher_is_better
        (False, True)
    """
    if isinstance(metrics, (str, Path, MetricConfig)):
        raise ArgumentError(f"Argument `metrics` must be a list, but got {metrics!r}. Use [{metrics!r}].")
    names = [metric.name if isinstance(metric, MetricConfig) else str(metric) for metric in metrics]
    doubled = [name for index, name in enumerate(names) if name in names[:index]]
    if doubled:
        raise ArgumentError(f"Argument `metrics` must name each metric once, but got {doubled[0]!r} twice.")
    target = find_device(device)
    check_choice(runtime, precision)
    module = overrides.get("backbone")
    own = backbone_of(module) if isinstance(module, nn.Module) else None
    shared = _all_changes(changes, overrides, own)
    configs = {name: resolve(metric, shared) for name, metric in zip(names, metrics, strict=True)}
    used = [config for config in configs.values() if config is not None]
    networks = _Networks(used, own, weights, precision, runtime, target)
    made: dict[str, FullReferenceMetric] = {}
    for name, config in configs.items():
        if config is None:
            made[name] = METRICS[name].create(target)
            continue
        extractors = [
            ViewExtractor(view, *networks.load(view.backbone, view.input.window), validate=validate)
            for view in config.active_views
        ]
        made[name] = FeatureMetric(config, extractors, validate=validate)
    return made


def resolve(metric: str | Path | MetricConfig, changes: Mapping[str, object] | None = None) -> MetricConfig | None:
    """Return the configuration that a text, path or configuration means; None for a metric without one.

    Args:
        metric: As for `create_metric`.
        changes: Values to change in it. Changes in the text of the metric take precedence.

    Returns:
        The configuration, or None for a metric of another library.

    Raises:
        ArgumentError: If the name is unknown, a change is not FIELD=VALUE or does not fit, or changes are asked of a
            metric without a configuration.

    Example:
        >>> resolve("paper:input=short=448,window=224,stride=200").views[0].input.short_side
        448
        >>> resolve("psnr") is None
        True
    """
    given = dict(changes or {})
    if isinstance(metric, MetricConfig):
        return change(metric, given) if given else metric
    text = str(metric)
    file = _FILE.fullmatch(text)
    name, _, rest = (file[1], "", file[2] or "") if file else text.partition(":")
    given |= _parse_changes(text, rest)
    if file:
        config = read_config(Path(name))
    elif name in PRESETS:
        config = PRESETS[name]
    else:
        METRICS.find(name, before=PRESETS, more="The name of a configuration file ends with .toml or .json.")
        if given:
            raise ArgumentError(
                f"Argument `metric`: {name!r} has no configuration, so nothing can be changed in it, but got "
                f"{', '.join(given)}: leave the changes out."
            )
        return None
    return change(config, given) if given else config


def find_device(device: str | torch.device) -> torch.device:
    """Return the device that a name means; `auto` means CUDA if there is any, else the CPU.

    Raises:
        ArgumentError: If there is no such device on this machine.

    Example:
        >>> find_device("cpu")
        device(type='cpu')
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else str(device)
    if name.partition(":")[0] not in _DEVICES:
        raise ArgumentError(f"Argument `device` must be auto, cpu or cuda (cuda:1, ...), but got {device!r}.")
    try:
        # A tensor names its device with an index: `cuda` becomes `cuda:0`, which the device of images is compared with.
        found = torch.empty(0, device=torch.device(name)).device
    except (RuntimeError, AssertionError) as error:
        raise ArgumentError(
            f"Argument `device`: there is no {name} on this machine ({first_line(error)}); use auto or cpu."
        ) from None
    return found


class _Networks:
    """The networks of several configurations, each loaded once."""

    def __init__(
        self,
        configs: Sequence[MetricConfig],
        own: Backbone | None,
        weights: str | Path | None,
        precision: str,
        runtime: str,
        device: torch.device,
    ) -> None:
        backbones = {view.backbone for config in configs for view in config.active_views}
        entries = {name: find_entry(name) for name in backbones}
        self._embedded = {name: entry is not None and entry.embedded is not None for name, entry in entries.items()}
        self._weights = weights
        self._precision = precision
        self._runtime = runtime
        self._device = device
        self._loaded: dict[tuple[str, int | None], tuple[Backbone, Runtime]] = {}
        self._own = own

    def load(self, name: str, window: int | None) -> tuple[Backbone, Runtime]:
        """Return a network on the device, and what runs it."""
        if (name, window) not in self._loaded:
            if self._own is not None and name == self._own.entry.alias:
                backbone = self._own
            else:
                keeps_its_own = self._embedded[name] and not all(self._embedded.values())
                backbone = load_backbone(name, weights=None if keeps_its_own else self._weights, window=window)
            running = start_runtime(backbone, self._runtime, self._precision)
            backbone.to(device=self._device, dtype=torch.float64 if self._precision == "fp64" else torch.float32)
            self._loaded[name, window] = backbone, running
        return self._loaded[name, window]


def _all_changes(changes: Mapping[str, object] | None, overrides: Overrides, own: Backbone | None) -> dict[str, object]:
    allowed = (*VIEW_SHORTCUTS, *TERM_SHORTCUTS)
    for field in overrides:
        if field not in allowed:
            raise unknown_name(
                "overrides", field, allowed, "Change other values with changes={'terms.NAME.weight': 0}."
            )
    found: dict[str, Any] = {**(changes or {}), **overrides}
    if own is not None:
        found["backbone"] = own.entry.alias
    return found


def _parse_changes(text: str, rest: str) -> dict[str, object]:
    """Read `FIELD=VALUE:FIELD=VALUE`."""
    found: dict[str, object] = {}
    for part in rest.split(":") if rest else ():
        field, equals, value = part.partition("=")
        if not field or not equals or not value or field in found:
            raise ArgumentError(
                "Argument `metric` must be a name and changes of its configuration, such as "
                f"'paper:distance=cos:layers=last-4', but got {text!r}."
            )
        found[field] = value
    return found
