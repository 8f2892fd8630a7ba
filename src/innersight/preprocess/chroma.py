"""An image's colour apart from its luma: the eye sees colour far less sharply than brightness."""

from __future__ import annotations

import torch

_LUMA = (0.299, 0.587, 0.114)  # of R, G and B (ITU-T T.871)
_CHROMA = ((-0.299 / 1.772, -0.587 / 1.772, 0.5), (0.5, -0.587 / 1.402, -0.114 / 1.402))


def halve_chroma(images: torch.Tensor) -> torch.Tensor:
    r"""Show colour at half the resolution, as video codecs' 4:2:0 does, and luma at all of it.

    .. math:: x' = S(x) + Y(x - S(x))

    with S the reduction to half the size (anti-aliased) and back (both bilinear), and Y the luma, added to R, G and B
    alike. Since S is linear, the luma of :math:`x'` is that of x. What falls out of [0, 1] is cut off.

    Args:
        images: (N, 3, H, W), sRGB in [0, 1].

    Returns:
        The same shape, in [0, 1].

    Example:
        >>> grey = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
        >>> bool((halve_chroma(grey) - grey).abs().max() < 1e-5)
        True
    """
    height, width = images.shape[-2:]
    half = (height + 1) // 2, (width + 1) // 2
    small = torch.nn.functional.interpolate(images, size=half, mode="bilinear", antialias=True)
    smooth = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    weights = images.new_tensor(_LUMA).view(1, 3, 1, 1)
    return (smooth + ((images - smooth) * weights).sum(1, keepdim=True)).clamp(0, 1)


def chroma_of(images: torch.Tensor) -> torch.Tensor:
    r"""Compute the two chroma planes of images, the Cb and Cr of JPEG (ITU-T T.871), without its offset.

    .. math:: C_b = \frac{B - Y}{1.772}, \quad C_r = \frac{R - Y}{1.402}

    Args:
        images: (N, 3, H, W), sRGB in [0, 1].

    Returns:
        (N, 2, H, W), from -0.5 to 0.5; 0 where a pixel is grey.

    Example:
        >>> chroma_of(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).flatten()
        tensor([-0.1687,  0.5000])
    """
    return torch.einsum("kc,nchw->nkhw", images.new_tensor(_CHROMA), images)
