"""Choice of what computes the scores of a metric: a bundle or torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from innersight.bundles import SHIPPED, Bundle, shipped
from innersight.bundles.description import DESCRIPTION
from innersight.errors import ArgumentError
from innersight.extras import needed_for
from innersight.inference.backend import Backend

if TYPE_CHECKING:
    import torch

    from innersight.metrics.base import FullReferenceMetric
    from innersight.metrics.config import MetricConfig


def choose_backends(
    metrics: Sequence[str | Path | MetricConfig],
    *,
    weights: str | Path | None,
    device: str | torch.device,
    precision: str,
    runtime: str,
    changes: Mapping[str, object] | None,
    overrides: Mapping[str, Any],
) -> dict[str, Backend]:
    """Choose what computes the scores of several metrics; the arguments are those of `create_scorers`.

    Returns:
        The backends in the order of `metrics`.
    """
    if isinstance(metrics, (str, Path)) or not isinstance(metrics, Sequence):
        raise ArgumentError(f"Argument `metrics` must be a list, but got {metrics!r}. Use [{metrics!r}].")
    names = [str(metric if isinstance(metric, Path) else getattr(metric, "name", metric)) for metric in metrics]
    doubled = [name for index, name in enumerate(names) if name in names[:index]]
    if doubled:
        raise ArgumentError(f"Argument `metrics` must name each metric once, but got {doubled[0]!r} twice.")
    options = {"weights": weights, "device": device, "precision": precision, "runtime": runtime, "changes": changes}
    found = {name: _bundle(metric, options, overrides) for name, metric in zip(names, metrics, strict=True)}
    for_torch = {name: metric for name, metric in zip(names, metrics, strict=True) if found[name] is None}
    made: dict[str, Backend] = {name: backend for name, backend in found.items() if backend is not None}
    if for_torch:
        made |= _torch_backends(list(for_torch.values()), options, overrides)
    return {name: made[name] for name in names}


def choose_backend(
    metric: str | Path | MetricConfig | FullReferenceMetric,
    *,
    weights: str | Path | None,
    device: str | torch.device,
    precision: str,
    runtime: str,
    changes: Mapping[str, object] | None,
    overrides: Mapping[str, Any],
) -> Backend:
    """Choose what computes the scores of one metric; the arguments are those of `Scorer`."""
    options = {"weights": weights, "device": device, "precision": precision, "runtime": runtime, "changes": changes}
    if not isinstance(metric, (str, Path)):
        torch_backend = _import_torch_backend(metric)
        if torch_backend.is_torch_metric(metric):
            if overrides or options != _DEFAULTS:
                raise ArgumentError(
                    "Argument `metric` is a metric that is made already, so the other arguments have no effect on it: "
                    "pass them to create_metric."
                )
            made: Backend = torch_backend.TorchBackend(metric)
            return made
        if not torch_backend.is_config(metric):
            raise ArgumentError(
                "Argument `metric` must be a name, a path, a MetricConfig or a metric of torch, but got "
                f"{type(metric).__name__}: use 'lite', or innersight.create_metric."
            )
    backend = _bundle(metric, options, overrides)
    if backend is None:
        (backend,) = _torch_backends([metric], options, overrides).values()
    return backend


def is_bundle(metric: object) -> TypeGuard[str | Path]:
    """Tell whether a metric is the folder of a bundle, or the name of a bundle that is installed with the package."""
    return isinstance(metric, (str, Path)) and (str(metric) in SHIPPED or _is_folder(metric))


_DEFAULTS: Mapping[str, Any] = {
    "weights": None,
    "device": "auto",
    "precision": "fp32",
    "runtime": "auto",
    "changes": None,
}


def _bundle(metric: object, options: Mapping[str, Any], overrides: Mapping[str, Any]) -> Backend | None:
    """Return the backend of a bundle, or None if torch has to compute the scores.

    Raises:
        ArgumentError: If the arguments ask for something that this bundle, or no bundle, can do.
    """
    wrong = _not_for_bundles(options, overrides)
    runtime = options["runtime"]
    if is_bundle(metric):
        is_shipped = str(metric) in SHIPPED
        if not wrong:
            from innersight.inference.bundle_backend import BundleBackend

            # Another process can have another working directory.
            return BundleBackend(shipped(str(metric)) or Bundle.load(Path(metric).absolute()))
        if not is_shipped or runtime == "onnx":
            name, value = wrong[0]
            raise ArgumentError(
                f"Argument `{name}`: the bundle '{metric}' computes in fp32 on the CPU, with the values and weights it "
                f"was exported with, but got {value!r}: leave it out, or export the changed metric with `innersight "
                "export`."
            )
    elif runtime == "onnx":
        raise ArgumentError(
            f"Argument `runtime`: 'onnx' runs bundles, but {str(metric)!r} is none: write one with `innersight export "
            f"{metric} --out FOLDER` and pass the folder, or use runtime='auto'."
        )
    elif _is_path(metric) and Path(metric).is_dir():
        raise ArgumentError(
            f"Argument `metric`: the folder '{metric}' has no {DESCRIPTION}, so it is no bundle: `innersight export` "
            "writes one."
        )
    return None


def _not_for_bundles(options: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the arguments that ask for something that no bundle does."""
    return [(name, value) for name, value in {**options, **overrides}.items() if not _fits_bundle(name, value)]


def _fits_bundle(name: str, value: object) -> bool:
    allowed: Mapping[str, tuple[object, ...]] = {
        "device": ("auto", "cpu"),
        "precision": ("fp32",),
        "runtime": ("auto", "onnx"),
    }
    return str(value) in allowed[name] if name in allowed else not value


def _is_path(metric: object) -> TypeGuard[str | Path]:
    """Tell whether a metric can only be a path: a folder in the working directory can have the name of a preset."""
    return isinstance(metric, Path) or (isinstance(metric, str) and ("/" in metric or os.sep in metric))


def _is_folder(metric: str | Path) -> bool:
    try:
        return (Path(metric) / DESCRIPTION).is_file()
    except (OSError, ValueError):  # a text that cannot be a path
        return False


def _torch_backends(
    metrics: Sequence[Any], options: Mapping[str, Any], overrides: Mapping[str, Any]
) -> dict[str, Backend]:
    wrong = _not_for_bundles(options, overrides) if is_bundle(metrics[0]) else []
    torch_backend = _import_torch_backend(metrics[0], "".join(f" with {name}={value!r}" for name, value in wrong[:1]))
    found: dict[str, Backend] = torch_backend.create_backends(metrics, **options, **overrides)
    return found


def _import_torch_backend(metric: object, option: str = "") -> Any:
    """Import torch at the first metric that needs it; an error names the metric and the option that needs torch."""
    with needed_for(f"Argument `metric`: {metric!r}{option}"):
        from innersight.inference import torch_backend
    return torch_backend
