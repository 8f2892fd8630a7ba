"""The formulas of the presets' terms, written out without the package's own distances."""

from __future__ import annotations

import torch
from torch.nn import functional

from innersight.preprocess.chroma import chroma_of


def log_scale(value: torch.Tensor) -> torch.Tensor:
    """The scale `log`."""
    return torch.log1p(1e5 * value)


def rms_of_l2(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    """l2 of (positions, channels), root of the mean square over positions."""
    return (reference - distorted).square().mean(1).square().mean().sqrt()


def moments_difference(reference: torch.Tensor, distorted: torch.Tensor, order: int) -> torch.Tensor:
    """The relative difference of the channels' central moments of (positions, channels)."""
    r, d = ((x - x.mean(0)).double().pow(order).mean(0).pow(1 / order).float() for x in (reference, distorted))
    return 2 * (r - d).square().sum() / (r.square().sum() + d.square().sum())


def chroma_range_of(reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
    """The chroma range of (1, 3, H, W) images, root of the mean of fourth powers."""
    r, d = (chroma_of(image)[0].double() for image in (reference, distorted))

    def outside(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        near = functional.unfold(functional.pad(y[:, None], (1, 1, 1, 1), value=torch.nan), 3).view(2, 9, *x.shape[1:])
        most, least = near.nan_to_num(-9).amax(1), near.nan_to_num(9).amin(1)
        return (x - x.clamp(least, most)).square().sum(0)

    positions = (outside(r, d) + outside(d, r)) / ((r.square() + d.square()).sum(0).mean() + 2e-3)
    return positions.pow(4).mean().pow(1 / 4).float()
