"""Use a score in a program that is written for lpips: only the import changes.

Needs: pip install 'innersight[torch]'
"""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.transforms.functional import gaussian_blur

import innersight
from innersight.integrations import lpips  # in the place of `import lpips`


def main() -> None:
    loss_fn = lpips.LPIPS(net="alex")  # the networks of lpips mean the preset `lite`
    path = Path(__file__).parent / "photographs" / "cat.jpg"
    image = 2 * torch.from_numpy(innersight.read_image(path))[None] - 1  # lpips takes values in [-1, 1]
    print(f"identical  {loss_fn(image, image).item():.3f}")
    for sigma in (0.5, 1.0, 2.0, 4.0):
        blurred = gaussian_blur(image, [25, 25], [sigma, sigma])
        print(f"blur {sigma}   {loss_fn(image, blurred).item():.3f}")

    spatial = lpips.LPIPS(net="alex", spatial=True)
    changed = image.clone()
    changed[..., :100, :100] *= -1  # the upper left corner is inverted
    where = spatial(image, changed)[0, 0]
    corner, rest = where[:100, :100].mean().item(), where[200:, 200:].mean().item()
    print(f"map of {where.shape[0]} x {where.shape[1]} pixels: mean {corner:.3f} in the corner, {rest:.3f} far from it")


if __name__ == "__main__":
    main()
