"""Validate two restoration methods with torchmetrics: the mean score of each over a set of photographs.

Needs: pip install 'innersight[torchmetrics]'
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn.functional import interpolate
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

import innersight
from innersight.integrations.torchmetrics import Innersight

PHOTOGRAPHS = sorted((Path(__file__).parent / "photographs").glob("*.jpg"))


def batches() -> list[tuple[str, torch.Tensor]]:
    """Return the name and the middle 240 x 240 pixels of each photograph, (1, 3, 240, 240) in [0, 1]."""
    found = []
    for path in PHOTOGRAPHS:
        image = torch.from_numpy(innersight.read_image(path))[None]
        top, left = (image.shape[-2] - 240) // 2, (image.shape[-1] - 240) // 2
        found.append((path.stem, image[..., top : top + 240, left : left + 240]))
    return found


def main() -> None:
    print("Super-resolution by 3, mean over the photographs")
    for mode in ("bicubic", "nearest"):
        metrics = MetricCollection({"lite": Innersight("lite"), "psnr": PeakSignalNoiseRatio(data_range=1.0)})
        for _, target in batches():
            small = interpolate(target, scale_factor=1 / 3, mode="area")
            restored = interpolate(small, size=target.shape[-2:], mode=mode).clamp(0, 1)
            metrics.update(restored, target)  # the images first, then the targets
        means = metrics.compute()
        print(f"{mode:8} lite {means['lite']:.3f} (lower is better), PSNR {means['psnr']:.2f} dB (higher is better)")


if __name__ == "__main__":
    main()
