"""Measure how a backbone's layers answer white noise on photographs that nobody rated; writes what `whitening` reads.

    python research/noise_response.py efficientnet-lite0

The photographs come with scikit-image. No opinion, no data set and no distorted image takes part.
"""

from __future__ import annotations

import argparse
import itertools

import torch
from safetensors.torch import save_file
from skimage import data

import innersight
from innersight.backbones.whitening import NOISE_FOLDER

PHOTOGRAPHS = (data.astronaut, data.chelsea, data.coffee, data.rocket)
DEVIATION = 0.02  # about five 8-bit levels: weak enough for the network's answer to be proportional
DRAWS = 4


@torch.inference_mode()
def measure(backbone: str) -> dict[str, torch.Tensor]:
    """Mean of the changes' outer product over all positions, by layer, in units of the noise's variance."""
    # As `lite` sees images: colour at half the resolution, so that noise is mostly that of luma.
    metric = innersight.create_metric("lite", backbone=backbone, whitening="none", colour="none")
    totals: dict[str, torch.Tensor] = {}
    for load, seed in itertools.product(PHOTOGRAPHS, range(DRAWS)):
        clean = torch.from_numpy(load()).permute(2, 0, 1)[None].float() / 255
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
        noisy = (clean + DEVIATION * noise).clamp(0, 1)
        for layer, before, after in zip(
            metric.layers, *(metric.look(image).features.layers for image in (clean, noisy)), strict=True
        ):
            change = (after - before)[0].flatten(1).double()
            outer = change @ change.T / change.shape[1] / DEVIATION**2
            totals[str(layer)] = totals.get(str(layer), 0) + outer / (len(PHOTOGRAPHS) * DRAWS)
    return {layer: total.float() for layer, total in totals.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone", help="an alias of a convolutional network, such as efficientnet-lite0")
    backbone = parser.parse_args().backbone
    path = NOISE_FOLDER / f"{backbone}.safetensors"
    responses = measure(backbone)
    save_file(responses, path)
    for layer, response in responses.items():
        values = torch.linalg.eigvalsh(response).flip(0)
        print(
            f"layer {layer}: {len(values)} channels, half of the answer in "
            f"{int((values.cumsum(0) < values.sum() / 2).sum()) + 1}"
        )
    print(path)


if __name__ == "__main__":
    main()
