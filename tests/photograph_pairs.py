"""Five real photographs of scikit-image, cropped to odd sizes, and three distortions of each that need no encoder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

Pixels = npt.NDArray[np.float64]

CROPS = {
    "astronaut": (256, 257),
    "chelsea": (300, 451),
    "coffee": (301, 333),
    "rocket": (225, 319),
    "motorcycle_left": (333, 275),
}
DISTORTIONS = ("noise", "blur", "colour")


def photograph(name: str) -> Pixels:
    """Return the middle of one photograph, (H, W, 3), whole numbers from 0 to 255."""
    from skimage import data, io

    height, width = CROPS[name]
    pixels = (
        io.imread(f"{data.__path__[0]}/motorcycle_left.png") if name == "motorcycle_left" else getattr(data, name)()
    )
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    cropped: Pixels = pixels[top : top + height, left : left + width, :3].astype(np.float64)
    return cropped


def distort(pixels: Pixels, kind: str) -> Pixels:
    """Return a copy with Gaussian noise, a 5 x 5 box blur, or quantized and more saturated colour."""
    if kind == "noise":
        changed = pixels + np.random.default_rng(7).normal(0, 12, pixels.shape)
    elif kind == "blur":
        padded = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), mode="edge")
        changed = np.mean(
            [padded[y : y + pixels.shape[0], x : x + pixels.shape[1]] for y in range(5) for x in range(5)], axis=0
        )
    else:
        grey = pixels.mean(2, keepdims=True)
        changed = np.round((grey + 1.4 * (pixels - grey)) / 16) * 16
    return changed.round().clip(0, 255)


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """Return (1, 3, H, W) float64 in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


def pairs() -> Iterator[tuple[str, str, torch.Tensor, torch.Tensor]]:
    """Yield (photograph, distortion, reference, distorted) for all fifteen pairs."""
    for name in CROPS:
        pixels = photograph(name)
        for kind in DISTORTIONS:
            yield name, kind, to_tensor(pixels), to_tensor(distort(pixels, kind))
