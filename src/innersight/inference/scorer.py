"""Score one pair of image files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from typing_extensions import Unpack

from innersight.errors import ArgumentError, ImageError
from innersight.io.images import read_image
from innersight.metrics.combined import CombinedMetric
from innersight.metrics.config import Overrides
from innersight.metrics.create import create_metric
from innersight.metrics.module import Metric
from innersight.preprocess.validation import check_same_size


def score(
    reference: str | Path,
    distorted: str | Path,
    *,
    metric: str | Metric | CombinedMetric = "lite",
    weights: str | Path | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    **overrides: Unpack[Overrides],
) -> float:
    """Score one pair of image files.

    Args:
        reference: The original; read by `innersight.read_image`.
        distorted: What became of it, of the same size.
        metric: A preset's name, which builds the network at each call; for many pairs, a metric made once.
        weights: See `innersight.create_metric`, like all that follows.
        device: Where to compute, `auto` by default.
        precision: `fp32` or `fp64`.
        **overrides: Fields of the preset to change.

    Returns:
        From 0 (identical), lower is more alike.

    Raises:
        ImageError: If a file can't be read as an image, or the sizes differ.
        ArgumentError: If the choices don't fit together, or come beside a ready metric.
        WeightsError: If the weights are not to be had.

    Example:
        >>> from PIL import Image
        >>> folder = getfixture("tmp_path")
        >>> Image.new("RGB", (64, 64), (200, 30, 30)).save(folder / "a.png")
        >>> score(folder / "a.png", folder / "a.png")
        0.0
    """
    if isinstance(metric, str):
        metric = create_metric(metric, weights=weights, device=device, precision=precision, **overrides)
    elif overrides or weights is not None or device != "auto" or precision != "fp32":
        raise ArgumentError(
            "Argument `metric` is a ready metric: its configuration is changed by create_metric, not here."
        )
    return score_images(metric, *read_pair(reference, distorted)).score


def read_pair(reference: str | Path, distorted: str | Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Read two image files that are to be compared.

    Args:
        reference: The original.
        distorted: What became of it.

    Returns:
        Both as (3, H, W) floats, see `innersight.read_image`.

    Raises:
        ImageError: If a file can't be read as an image, or the sizes differ.
    """
    images = read_image(reference), read_image(distorted)
    (_, height, width), (_, other_height, other_width) = (image.shape for image in images)
    check_same_size((height, width), (other_height, other_width), (str(reference), str(distorted)))
    return images


@dataclass(frozen=True)
class PairScore:
    """What came of one pair.

    Attributes:
        score: From 0, lower is more alike.
        per_layer: Each layer's part of the score, or None if not asked for.
        map: (H, W) map of where the images differ, on the CPU, or None if not asked for.
    """

    score: float
    per_layer: list[float] | None
    map: torch.Tensor | None


@torch.inference_mode()
def score_images(
    metric: Metric | CombinedMetric,
    reference: torch.Tensor,
    distorted: torch.Tensor,
    *,
    with_layers: bool = False,
    with_map: bool = False,
) -> PairScore:
    """Score one pair of images with a ready metric.

    Args:
        metric: Made by `create_metric`.
        reference: (3, H, W) in [0, 1].
        distorted: The same shape.
        with_layers: Whether to compute `per_layer`.
        with_map: Whether to compute `map`.

    Returns:
        The score and what was asked for beside it.

    Raises:
        ArgumentError: If the images are smaller than a window, or the distance has no map.
        ImageError: If the score is not a finite number.
    """
    r, d = (image[None].to(device=metric.device, dtype=metric.dtype) for image in (reference, distorted))
    score = metric(r, d).item()
    if not math.isfinite(score):
        raise ImageError(f"The score is {score}: the network's features of these images are not finite.")
    return PairScore(
        score=score,
        per_layer=metric.per_layer(r, d)[0].tolist() if with_layers else None,
        map=metric.map(r, d)[0].float().cpu() if with_map else None,
    )
