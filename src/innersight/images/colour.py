"""Take detail out of an image's colour and leave its luma: the eye sees colour far less sharply than brightness."""

from __future__ import annotations

import torch

_LUMA = (0.299, 0.587, 0.114)  # of R, G and B (ITU-T T.871)


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
