"""Scoring of one pair of image files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from typing_extensions import Unpack

from innersight.errors import ArgumentError, ImageError
from innersight.io.images import read_image
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.factory import Overrides, create_metric
from innersight.preprocess.validation import check_same_size


def score(
    reference: str | Path,
    distorted: str | Path,
    *,
    metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    changes: Mapping[str, object] | None = None,
    **overrides: Unpack[Overrides],
) -> float:
    """Score one pair of image files.

    Args:
        reference: Reference image file; see `innersight.read_image`.
        distorted: Distorted image file, of the same size.
        metric: A name, a file or a configuration, as for `innersight.create_metric`; the network is then built at each
            call. For many pairs, pass a metric that `create_metric` made. Default: `lite`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        device: `auto` (default), `cpu`, `cuda`, `cuda:1`. `auto` takes a CUDA device if there is one.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        changes: Values to change in the configuration, by path, such as `{"terms.moments.weight": 0}`.
        **overrides: `backbone`, `features`, `input`, `layers` and `distance`, as for `innersight.create_metric`.

    Returns:
        The score. For a `FeatureMetric` it is 0 for identical images, and lower is more similar.

    Raises:
        ImageError: If a file cannot be read as an image, or the sizes differ.
        ArgumentError: If the choices do not fit together, or come with a metric that is made already.
        WeightsError: If the weights are not available.

    Example:
        >>> from PIL import Image
        >>> folder = getfixture("tmp_path")
        >>> Image.new("RGB", (64, 64), (200, 30, 30)).save(folder / "a.png")
        >>> score(folder / "a.png", folder / "a.png")
        0.0
    """
    if not isinstance(metric, FullReferenceMetric):
        metric = create_metric(
            metric, weights=weights, device=device, precision=precision, changes=changes, **overrides
        )
    elif overrides or changes or weights is not None or device != "auto" or precision != "fp32":
        raise ArgumentError(
            "Argument `metric` is a metric that is made already, so the other arguments have no effect on it: pass "
            "them to create_metric."
        )
    return score_images(metric, *read_pair(reference, distorted)).score


def read_pair(reference: str | Path, distorted: str | Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Read two image files of one size.

    Args:
        reference: Reference image file.
        distorted: Distorted image file.

    Returns:
        Both images as (3, H, W) floats, see `innersight.read_image`.

    Raises:
        ImageError: If a file cannot be read as an image, or the sizes differ.
    """
    images = read_image(reference), read_image(distorted)
    (_, height, width), (_, other_height, other_width) = (image.shape for image in images)
    check_same_size((height, width), (other_height, other_width), (str(reference), str(distorted)))
    return images


@dataclass(frozen=True)
class PairScore:
    """The result of one pair.

    Attributes:
        score: The score.
        per_layer: Each layer's part of the score, or None if it was not asked for.
        map: (H, W) map of the differences on the CPU, or None if it was not asked for.
    """

    score: float
    per_layer: list[float] | None
    map: torch.Tensor | None


@torch.inference_mode()
def score_images(
    metric: FullReferenceMetric,
    reference: torch.Tensor,
    distorted: torch.Tensor,
    *,
    with_layers: bool = False,
    with_map: bool = False,
) -> PairScore:
    """Score one pair of images.

    Args:
        metric: The metric.
        reference: (3, H, W) in [0, 1].
        distorted: The same shape.
        with_layers: Whether to compute `per_layer`. Default: False.
        with_map: Whether to compute `map`. Default: False.

    Returns:
        The score and what was asked for beside it.

    Raises:
        ArgumentError: If the images are smaller than a window, or the metric has no layers or no map.
        ImageError: If the score is not a finite number.
    """
    r, d = (image[None].to(device=metric.device, dtype=metric.dtype) for image in (reference, distorted))
    value = metric(r, d).item()
    if not math.isfinite(value):
        raise ImageError(f"The score is {value}: the features of these images are not finite.")
    return PairScore(
        score=value,
        per_layer=metric.per_layer(r, d)[0].tolist() if with_layers else None,
        map=metric.map(r, d)[0].float().cpu() if with_map else None,
    )
