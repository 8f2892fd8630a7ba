"""Check that scores rise with the strength of a distortion: six distortions of each photograph, in eight strengths.

    python research/strengths.py FOLDER --metric lite
    python research/strengths.py FOLDER --metric vit --weights FILE

The output is, for each distortion, the median score over the photographs at each strength, and the number of
inversions. An inversion is a step to a stronger distortion at which the score does not rise. The first step is from the
photograph itself, whose score is 0.
"""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

import innersight
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.feature_metric import FeatureMetric


def coded(image: Image.Image, **options: object) -> Image.Image:
    """Save an image to memory and read it again."""
    buffer = io.BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return Image.open(buffer).convert("RGB")


def jpeg(image: Image.Image, quality: float) -> Image.Image:
    return coded(image, format="JPEG", quality=int(quality))


def jpeg2000(image: Image.Image, rate: float) -> Image.Image:
    return coded(image, format="JPEG2000", quality_mode="rates", quality_layers=[rate], irreversible=True)


def blur(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def noise(image: Image.Image, deviation: float) -> Image.Image:
    pixels = np.asarray(image) + np.random.default_rng(0).normal(0, deviation, (*image.size[::-1], 3))
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def contrast(image: Image.Image, share: float) -> Image.Image:
    pixels = np.asarray(image).astype(float)
    return Image.fromarray((pixels.mean() + share * (pixels - pixels.mean())).round().clip(0, 255).astype(np.uint8))


def down_up(image: Image.Image, factor: float) -> Image.Image:
    small = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    return image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


DISTORTIONS: Mapping[str, tuple[Callable[[Image.Image, float], Image.Image], tuple[float, ...]]] = {
    "blur, radius": (blur, (0.5, 0.8, 1.2, 1.8, 2.7, 4, 6, 9)),
    "JPEG, quality": (jpeg, (95, 85, 70, 50, 30, 18, 10, 5)),
    "JPEG 2000, rate": (jpeg2000, (5, 10, 18, 30, 50, 80, 130, 200)),
    "noise, deviation": (noise, (2, 4, 8, 14, 22, 34, 50, 75)),
    "contrast, share left": (contrast, (0.95, 0.9, 0.8, 0.7, 0.55, 0.4, 0.25, 0.1)),
    "down and up, factor": (down_up, (1.25, 1.6, 2, 2.7, 3.5, 5, 7, 10)),
}


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def read_photographs(folder: Path) -> list[Image.Image]:
    """Read all .png files of a folder.

    Raises:
        SystemExit: If there are none.
    """
    photographs = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
    if not photographs:
        raise SystemExit(f"The folder '{folder}' has no .png files: pass a folder of photographs.")
    return photographs


def scores_of(metric: FullReferenceMetric, reference: torch.Tensor, distorted: Iterable[torch.Tensor]) -> list[float]:
    """Score several distorted images of one reference; its features are extracted once where a metric has features."""
    on_device = (image.to(metric.device, metric.dtype) for image in distorted)
    reference = reference.to(metric.device, metric.dtype)
    if isinstance(metric, FeatureMetric):
        features = metric.extract_features(reference)
        return [metric.compare_features(features, metric.extract_features(image)).item() for image in on_device]
    return [metric(reference, image).item() for image in on_device]


@torch.inference_mode()
def measure(metric: FullReferenceMetric, photographs: list[Image.Image]) -> dict[str, tuple[list[list[float]], int]]:
    """Return the scores of each distortion (by photograph, by strength) and the number of its inversions.

    Inversions are only meaningful for metrics whose score is 0 for identical images and rises with differences.
    """
    found = {}
    for name, (distort, strengths) in DISTORTIONS.items():
        scores = [
            scores_of(metric, tensor(photograph), (tensor(distort(photograph, strength)) for strength in strengths))
            for photograph in photographs
        ]
        inversions = sum(b <= a for row in scores for a, b in zip([0.0, *row], row, strict=False))
        found[name] = scores, inversions
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of .png photographs")
    parser.add_argument("--metric", default="lite", help="metric of features, as for innersight score")
    parser.add_argument("--weights", type=Path, help="file of weights of the backbone")
    arguments = parser.parse_args()
    photographs = read_photographs(arguments.folder)
    metric = innersight.create_metric(arguments.metric, weights=arguments.weights)
    print(f"{len(photographs)} photographs, {metric.citation}\n")
    print("| distortion | strengths | median score | inversions |\n|---|---|---|---|")
    for name, (scores, inversions) in measure(metric, photographs).items():
        medians = " ".join(f"{statistics.median(column):.2f}" for column in zip(*scores, strict=True))
        strengths = " ".join(f"{strength:g}" for strength in DISTORTIONS[name][1])
        print(f"| {name} | {strengths} | {medians} | {inversions} of {sum(map(len, scores))} |")


if __name__ == "__main__":
    main()
