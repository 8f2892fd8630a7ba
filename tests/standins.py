"""Deterministic stand-in weights and images, so that scores can be held against numbers from outside this code.

The fixtures in `fixtures/paper_scores.json` were computed by an independent implementation of the paper's method on
exactly these weights and images. `fill` seeds each tensor by its own name, so construction order does not matter.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import save_file


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """Overwrite a model's state in place with name-seeded values; returns it in evaluation mode."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            noise = torch.randn(tensor.shape, generator=draw, dtype=torch.float32)
            if name.endswith("running_var"):
                value = 1.0 + 0.1 * noise.abs()
            elif name.endswith("gamma"):  # LayerScale
                value = 0.3 + 0.05 * noise
            elif tensor.ndim == 1 and name.endswith("weight"):  # a norm's gain
                value = 1.0 + 0.1 * noise
            elif tensor.ndim <= 1:
                value = 0.02 * noise
            elif tensor.ndim == 4:  # a convolution
                value = noise * math.sqrt(2.0 / math.prod(tensor.shape[1:]))
            else:
                value = 0.03 * noise
            tensor.copy_(value.to(tensor.dtype))
    return model.eval()


def write_weights(timm_name: str, folder: Path, **options: Any) -> Path:
    """Write a timm model's stand-in weights as safetensors under timm's own names."""
    path = folder / f"{timm_name}.safetensors"
    state = fill(timm.create_model(timm_name, pretrained=False, **options)).state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def image_pair(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth colour picture with edges and its noisy, darkened, quantised copy; uint8 arrays (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    reference = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(6):
            fy, fx, phase = rng.uniform(0.01, 0.12), rng.uniform(0.01, 0.12), rng.uniform(0, 6.28)
            reference[..., channel] += np.sin(fy * y + fx * x + phase)
    reference += 1.5 * (((x // 37 + y // 29) % 2) - 0.5)[..., None]
    reference = 255 * (reference - reference.min()) / (reference.max() - reference.min())
    distorted = np.round((0.85 * reference + rng.normal(0, 12, reference.shape)) / 12) * 12
    return reference.round().astype(np.uint8), distorted.clip(0, 255).astype(np.uint8)


def tensor_pair(height: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`image_pair` as (1, 3, H, W) floats in [0, 1]."""
    reference, distorted = (
        torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255 for array in image_pair(height, width, seed)
    )
    return reference, distorted


def noisy(images: torch.Tensor, strength: float, seed: int = 0) -> torch.Tensor:
    """Images with white noise of this deviation, cut to [0, 1]."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + strength * noise).clamp(0, 1)
