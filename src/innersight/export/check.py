"""Check of a bundle: its scores, parts of layers and maps against those of torch, on images of many sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from innersight.bundles.bundle import Bundle, Floats
from innersight.errors import ArgumentError
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.view_comparison import ViewComparison
from innersight.preprocess.masks import Mask, window_masks

TOLERANCE = 1e-5
"""Largest allowed difference, relative to torch's value."""

SIZES = (
    (64, 64), (64, 97), (101, 64), (128, 128), (101, 203), (200, 333), (224, 224),
    (225, 231), (256, 256), (240, 380), (256, 301), (301, 257), (384, 512), (512, 384),
    (431, 582), (449, 424), (620, 430), (480, 640), (600, 800), (767, 511), (300, 1500),
    (1500, 300), (720, 1280), (1280, 720), (333, 999), (650, 651), (1080, 1920),
    (1081, 1923), (300, 3000), (2160, 3840), (4320, 7680),
)  # fmt: skip
"""(height, width) of the images: small and large, portrait, panorama, odd sides."""

_NAMES = {
    "score": "score",
    "per_layer": "parts of layers",
    "identical": "score of identical images, which must be 0,",
    "map": "map",
    "masked": "score of a part of an image",
}
"""The compared quantities, in words for the error."""

_LEAST_SIZES = 20
_MOST_WINDOWS = 30
"""Larger images are left out where a metric has windows: more windows repeat the same computation."""


def check_bundle(bundle: Bundle, metric: FeatureMetric, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Compare a bundle with its metric.

    For each size, a distorted image is compared with its reference, and the reference with itself. The difference of a
    score and that of the part of a layer are relative to the score. That of a map is the mean absolute difference of
    both maps, relative to the mean of torch's map. The distortions are strong: the smaller a difference is, the
    more of its digits are decided by the rounding of float32, in torch as in the bundle.

    Args:
        bundle: The bundle.
        metric: The metric in torch.
        sizes: (height, width) of the images.

    Returns:
        The number of sizes, and the largest differences with their sizes, in JSON types.

    Raises:
        ArgumentError: If a difference is above `TOLERANCE`, or identical images do not score 0. The message has the
            worst case.
    """
    accepted = [size for size in sizes if _accepts(bundle, size)]
    if len(accepted) < min(_LEAST_SIZES, len(sizes)):
        raise ArgumentError(
            f"Argument `metric` must accept {_LEAST_SIZES} of the sizes of the check, but {metric.name} accepts "
            f"{len(accepted)}: use a smaller window."
        )
    worst: dict[str, tuple[float, tuple[int, int]]] = {}
    for index, size in enumerate(accepted):
        for what, difference in _differences(bundle, metric, index, size):
            if what not in worst or not difference <= worst[what][0]:
                worst[what] = (difference, size)
    key = max(worst, key=lambda key: worst[key][0])
    difference, size = worst[key]
    if not difference <= TOLERANCE:
        raise ArgumentError(
            f"Argument `metric`: the bundle of {metric.name} differs from torch by {difference:.1e} in the "
            f"{_NAMES[key]} of an image of {size[0]} x {size[1]} (height x width), above the limit of {TOLERANCE:.0e}. "
            "Use the metric with torch."
        )
    return {
        "sizes": len(accepted),
        "largest_difference": {
            key: {"value": float(f"{value:.2g}"), "height": height, "width": width}
            for key, (value, (height, width)) in worst.items()
        },
    }


def photograph(index: int, height: int, width: int) -> torch.Tensor:
    """Draw an image with structure at all scales, as photographs have: (1, 3, height, width), in [0, 1]."""
    draw = torch.Generator().manual_seed(index)
    image = torch.zeros(1, 3, height, width)
    scale = 8
    while scale < 2 * max(height, width):
        grid = torch.rand(1, 3, -(-height // scale) + 1, -(-width // scale) + 1, generator=draw) - 0.5
        octave = torch.nn.functional.interpolate(grid, size=(height, width), mode="bilinear")
        image += octave * scale**0.5
        scale *= 4
    image = image / image.std() / 4 + 0.5
    # Edges and a fine texture.
    image[..., width // 3 :] += 0.2
    image += 0.03 * torch.rand(1, 1, height, width, generator=draw)
    return image.clamp(0, 1)


def distort(index: int, image: torch.Tensor) -> torch.Tensor:
    """Distort an image in one of five ways, strongly: blur, noise, few levels, colour, low contrast."""
    draw = torch.Generator().manual_seed(index)
    kind = index % 5
    if kind == 0:
        radius = 2 + min(image.shape[-2:]) // 50
        # Columns, then rows: the time of a square kernel grows with its area, to 20 minutes for the largest image.
        for ahead in ((radius, 0), (0, radius)):
            kernel = (2 * ahead[0] + 1, 2 * ahead[1] + 1)
            image = torch.nn.functional.avg_pool2d(image, kernel, 1, ahead, count_include_pad=False)
        return image
    if kind == 1:
        return (image + 0.15 * torch.randn(image.shape, generator=draw)).clamp(0, 1)
    if kind == 2:
        return (image * 5).round() / 5
    if kind == 3:
        return (image * torch.tensor([1.4, 1.0, 0.4]).view(1, 3, 1, 1)).clamp(0, 1)
    return 0.5 + 0.5 * (image - 0.5)


@torch.inference_mode()
def _differences(
    bundle: Bundle, metric: FeatureMetric, index: int, size: tuple[int, int]
) -> Iterator[tuple[str, float]]:
    reference = photograph(index, *size)
    distorted = distort(index, reference)
    threads = torch.get_num_threads()
    r, d = (bundle.extract(image.numpy(), threads=threads) for image in (reference, distorted))
    score, parts = bundle.compare(r, d, threads=threads)
    wanted = metric(reference, distorted).item()
    yield "score", abs(score - wanted) / wanted
    expected = metric.per_layer(reference, distorted)[0].numpy()
    yield "per_layer", float(np.abs(parts - expected).max()) / wanted
    same, no_parts = bundle.compare(r, bundle.extract(reference.numpy(), threads=threads), threads=threads)
    yield "identical", 0.0 if same == 0 and not any(no_parts) else 1.0
    if bundle.accepts_mask:
        mask = half_mask(*size)
        of_bundle, _ = bundle.compare_in_mask(r, d, bundle.window_masks(mask), threads=threads)
        wanted = sum(_score_in_mask(comparison, reference, distorted, mask) for comparison in metric.comparisons)
        yield "masked", abs(of_bundle - wanted) / wanted
    if bundle.has_map:
        found = bundle.map(r, d, size, threads=threads)
        yield "map", _relative(found, metric.map(reference, distorted)[0].numpy())


def half_mask(height: int, width: int) -> Mask:
    """Make a mask of the left half of an image, with a soft edge."""
    ramp = (1.5 - 2 * np.arange(width, dtype=np.float32) / width).clip(0, 1)
    return np.tile(ramp, (height, 1))


def _score_in_mask(comparison: ViewComparison, reference: torch.Tensor, distorted: torch.Tensor, mask: Mask) -> float:
    extractor = comparison.extractor
    masks = window_masks(mask, extractor.view.input, extractor.backbone.multiple, extractor.view.name)
    score, _ = comparison.compare_in_mask(comparison.extract(reference), comparison.extract(distorted), masks)
    return score.item()


def _relative(found: Floats, expected: Floats) -> float:
    return float(np.abs(found - expected).mean(dtype=np.float64) / expected.mean(dtype=np.float64))


def _accepts(bundle: Bundle, size: tuple[int, int]) -> bool:
    try:
        return bundle.count_windows(*size) <= _MOST_WINDOWS
    except ArgumentError:
        return False
