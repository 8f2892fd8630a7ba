"""Chroma of images: its resolution and its planes."""

from __future__ import annotations

import torch

_LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma (ITU-T T.871)."""

_CHROMA = ((-0.299 / 1.772, -0.587 / 1.772, 0.5), (0.5, -0.587 / 1.402, -0.114 / 1.402))
"""Weights of R, G and B in Cb and Cr (ITU-T T.871)."""


def halve_chroma(images: torch.Tensor) -> torch.Tensor:
    r"""Reduce the resolution of the chroma to half, as 4:2:0 video coding does, and keep that of the luma.

    .. math:: x' = S(x) + Y(x - S(x))

    S reduces an image to half its size (bilinear, anti-aliased) and enlarges it to its size again (bilinear). Y is the
    luma, which is added to R, G and B equally. Since S is linear, the luma of :math:`x'` is that of x. The result is
    clamped to [0, 1].

    Args:
        images: (N, 3, H, W), sRGB in [0, 1].

    Returns:
        A tensor of the same shape, in [0, 1].

    Example:
        >>> grey = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
        >>> bool((halve_chroma(grey) - grey).abs().max() < 1e-5)
        True
    """
    height, width = images.shape[-2:]
    half = (height + 1) // 2, (width + 1) // 2
    small = torch.nn.functional.interpolate(images, size=half, mode="bilinear", antialias=True)
    smooth = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    return (smooth + _weighted(images - smooth, _LUMA)).clamp(0, 1)


def chroma_of(images: torch.Tensor) -> torch.Tensor:
    r"""Compute the chroma planes of images: Cb and Cr of JPEG (ITU-T T.871), without the offset of 128.

    .. math:: C_b = \frac{B - Y}{1.772}, \quad C_r = \frac{R - Y}{1.402}

    Args:
        images: (N, 3, H, W), sRGB in [0, 1].

    Returns:
        (N, 2, H, W), from -0.5 to 0.5. Grey pixels have a chroma of 0.

    Example:
        >>> chroma_of(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).flatten()
        tensor([-0.1687,  0.5000])
    """
    return torch.cat([_weighted(images, weights) for weights in _CHROMA], 1)


def _weighted(images: torch.Tensor, weights: tuple[float, float, float]) -> torch.Tensor:
    """Compute the weighted sum of R, G and B: (N, 1, H, W)."""
    # Numbers of Python need no copy to the device, for which the caller would wait.
    red, green, blue = torch.chunk(images, 3, dim=1)
    return weights[0] * red + weights[1] * green + weights[2] * blue
