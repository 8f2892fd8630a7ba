"""One score in one call, and several scorers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from innersight.errors import ArgumentError
from innersight.inference.choice import choose_backends
from innersight.inference.scorer import Scorer, scorer_of
from innersight.io.image_sources import ImageSource

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from innersight.metrics.base import FullReferenceMetric
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.factory import Overrides


def score(
    reference: ImageSource,
    distorted: ImageSource,
    *,
    metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> float:
    """Score one pair of images.

    Args:
        reference: Reference image: a path, or anything else that `innersight.read_image` takes.
        distorted: Distorted image, of the same size.
        metric: As for `Scorer`, which is made at each call. For many pairs, make one `Scorer`. Default: `lite`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        device: `auto` (default), `cpu`, `cuda`, `cuda:1`.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        changes: Values to change in the configuration, by path, such as `{"terms.moments.weight": 0}`.
        **overrides: `backbone`, `features`, `input`, `layers` and `distance`, as for `innersight.create_metric`.

    Returns:
        The score. For a metric of features it is 0 for identical images, and lower is more similar.

    Raises:
        ImageError: If an image cannot be read, or the sizes differ.
        ArgumentError: If the choices do not fit together, or come with a metric that is made already.
        WeightsError: If the weights are not available.

    Example:
        >>> from PIL import Image
        >>> folder = getfixture("tmp_path")
        >>> Image.new("RGB", (64, 64), (200, 30, 30)).save(folder / "a.png")
        >>> score(folder / "a.png", folder / "a.png")
        0.0
    """
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, changes=changes, **overrides)
    return scorer(reference, distorted)


def create_scorers(
    metrics: Sequence[str | Path | MetricConfig],
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    runtime: str = "auto",
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> dict[str, Scorer]:
    """Make several scorers. Those that torch computes share their networks.

    Args:
        metrics: Each as `metric` of `Scorer`, each once.
        weights: As for `Scorer`.
        device: As for `Scorer`.
        precision: As for `Scorer`.
        runtime: As for `Scorer`.
        changes: Values to change in all configurations. Changes in a metric's own text take precedence.
        **overrides: Fields to change in all configurations.

    Returns:
        The scorers by the text that asked for them; by its name for a configuration.

    Raises:
        ArgumentError: As `Scorer`, or if a metric is named twice.
        WeightsError: As `Scorer`.

    Example:
        >>> list(create_scorers(["lite"]))
        ['lite']
    """
    backends = choose_backends(
        metrics,
        weights=weights,
        device=device,
        precision=precision,
        runtime=runtime,
        changes=changes,
        overrides=overrides,
    )
    return {name: scorer_of(backend) for name, backend in backends.items()}


def as_scorers(metrics: Mapping[str, Scorer | FullReferenceMetric]) -> dict[str, Scorer]:
    """Return scorers by name, made from those metrics that are not scorers yet.

    Raises:
        ArgumentError: If `metrics` is not a mapping, or a value is neither a scorer nor a metric.
    """
    if not isinstance(metrics, Mapping):
        raise ArgumentError(
            f"Argument `metrics` must be a dictionary of metrics by name, but got {type(metrics).__name__}: use "
            "{'lite': innersight.Scorer('lite')}."
        )
    return {name: one if isinstance(one, Scorer) else Scorer(one) for name, one in metrics.items()}
