"""Do scores rise with the strength of a distortion? Every photograph of a folder, six distortions, eight strengths.

    python research/strengths.py FOLDER --metric lite
    python research/strengths.py FOLDER --metric vit --weights FILE

Prints, for each distortion, the scores' medians over the photographs and the number of inversions: steps to a stronger
distortion at which the score did not rise.
"""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

import innersight
from innersight.metrics.combined import AnyMetric


def coded(image: Image.Image, **options: object) -> Image.Image:
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
    small = tuple(max(1, round(side / factor)) for side in image.size)
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


@torch.inference_mode()
def measure(metric: AnyMetric, photographs: list[Image.Image]) -> dict[str, tuple[list[list[float]], int]]:
    """Return each distortion's scores (by photograph, by strength) and its inversions."""
    found = {}
    for name, (distort, strengths) in DISTORTIONS.items():
        scores = []
        for photograph in photographs:
            seen = metric.look(tensor(photograph))
            scores.append([metric.compare(seen, metric.look(tensor(distort(photograph, s)))).item() for s in strengths])
        inversions = sum(b <= a for row in scores for a, b in zip([0.0, *row], row, strict=False))
        found[name] = scores, inversions
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--metric", default="lite")
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    photographs = [Image.open(path).convert("RGB") for path in sorted(arguments.folder.glob("*.png"))]
    metric = innersight.create_metric(arguments.metric, weights=arguments.weights, runtime="auto")
    print(f"{len(photographs)} photographs, {metric.citation}\n")
    print("| distortion | strengths | median score | inversions |\n|---|---|---|---|")
    for name, (scores, inversions) in measure(metric, photographs).items():
        medians = " ".join(f"{statistics.median(column):.2f}" for column in zip(*scores, strict=True))
        strengths = " ".join(f"{strength:g}" for strength in DISTORTIONS[name][1])
        print(f"| {name} | {strengths} | {medians} | {inversions} of {sum(map(len, scores))} |")


if __name__ == "__main__":
    main()
