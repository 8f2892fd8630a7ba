"""Colours that a file describes by numbers: code points of ITU-T H.273, or gAMA and cHRM of PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from innersight.errors import ImageError
from innersight.io.arrays import Floats
from innersight.io.colour_profiles import Bytes
from innersight.io.image_sources import capitalised

Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white."""

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_BT709: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_PRIMARIES: dict[int, Chromaticities] = {  # ITU-T H.273, table 2
    1: _BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_DCI),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_UNSPECIFIED = 2
_SRGB_CURVES = (1, _UNSPECIFIED, 6, 13, 14, 15)  # BT.709, BT.601, sRGB, BT.2020 with 10 and 12 bits
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}
_SRGB_GAMMA = 0.45455
_GAMMA_TOLERANCE, _CHROMATICITY_TOLERANCE = 0.05, 0.002
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STRIP = 1 << 20  # pixels that are converted at a time


@dataclass(frozen=True)
class ColourTags:
    """Colours other than sRGB.

    Attributes:
        chromaticities: The primaries and the white.
        gamma: Exponent that makes a sample linear light, above 0; None for the curve of sRGB.
    """

    chromaticities: Chromaticities
    gamma: float | None

    def to_srgb(self, colour: Floats | Bytes) -> Floats:
        """Convert samples to sRGB: to linear light, to the primaries of sRGB with its white, to its curve.

        Another white is adapted by Bradford's method. Colours outside the gamut of sRGB are clipped.

        Args:
            colour: (H, W, 3), 8-bit or float32 in [0, 1].

        Returns:
            (H, W, 3), float32 in [0, 1].
        """
        matrix = (np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(self.chromaticities)).astype(np.float32)
        found = np.empty(colour.shape, dtype=np.float32)
        rows = max(1, _STRIP // colour.shape[1])
        table = self._linear(np.arange(256, dtype=np.float32) / np.float32(255))
        for top in range(0, colour.shape[0], rows):
            part = colour[top : top + rows]
            linear = table[part] if part.dtype == np.uint8 else self._linear(part.astype(np.float32))
            found[top : top + rows] = _srgb_curve((linear @ matrix.T).clip(0, 1))
        return found

    def _linear(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self.gamma is not None:
            powered: npt.NDArray[np.float32] = np.power(values, np.float32(self.gamma), dtype=np.float32)
            return powered
        low = values <= np.float32(0.04045)
        return np.where(low, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def tags_of_cicp(primaries: int, transfer: int, name: str, *, full_range: bool = True) -> ColourTags | None:
    """Return the colours of two code points of ITU-T H.273; None for sRGB.

    Unspecified values count as those of sRGB. The curves of BT.709, BT.601 and BT.2020 count as that of sRGB, since
    images with them are made for the same displays.

    Args:
        primaries: `ColourPrimaries`.
        transfer: `TransferCharacteristics`.
        name: What a message calls the image.
        full_range: Whether samples use the full range. Default: True.

    Raises:
        ImageError: If there is no rule for the values: HDR, narrow range, or another code point.

    Example:
        >>> tags_of_cicp(1, 13, "'a.png'") is None
        True
        >>> tags_of_cicp(12, 13, "'a.png'").gamma is None  # Display P3
        True
    """
    if transfer in _HDR:
        raise ImageError(
            f"{capitalised(name)} has HDR colours ({_HDR[transfer]}), for which there is no rule. Tone-map it to sRGB "
            "first."
        )
    if not full_range:
        raise ImageError(f"{capitalised(name)} has samples of narrow range. Convert it to full range first.")
    chromaticities = _PRIMARIES.get(1 if primaries == _UNSPECIFIED else primaries)
    if chromaticities is None or (transfer not in _SRGB_CURVES and transfer not in _GAMMAS):
        raise ImageError(
            f"{capitalised(name)} has the colours {primaries}/{transfer} of ITU-T H.273 (primaries/transfer), for "
            "which there is no rule. Convert it to sRGB first."
        )
    gamma = _GAMMAS.get(transfer)
    if gamma is None and chromaticities == _BT709:
        return None
    return ColourTags(chromaticities, gamma)


def tags_of_gamma(gamma: float | None, chromaticities: Sequence[float] | None, name: str) -> ColourTags | None:
    """Return the colours of the chunks gAMA and cHRM of PNG; None for sRGB.

    A gamma within 5 % of 0.45455 with chromaticities within 0.002 of those of sRGB counts as sRGB; libpng has the same
    limit for gamma.

    Args:
        gamma: The value of gAMA: the exponent of the encoding. Default of PNG: none, which means that of sRGB.
        chromaticities: x and y of white, red, green and blue. Default of PNG: none, which means those of sRGB.
        name: What a message calls the image.

    Raises:
        ImageError: If the values are not those of colours.

    Example:
        >>> tags_of_gamma(0.45455, None, "'a.png'") is None
        True
        >>> tags_of_gamma(1.0, None, "'a.png'").gamma
        1.0
    """
    like_srgb = gamma is None or abs(gamma / _SRGB_GAMMA - 1) <= _GAMMA_TOLERANCE
    wanted: Chromaticities = _BT709
    if chromaticities is not None:
        x, y, *primaries = (float(value) for value in chromaticities)
        found = (*primaries, x, y)
        if max(abs(one - other) for one, other in zip(found, _BT709, strict=True)) > _CHROMATICITY_TOLERANCE:
            wanted = found  # type: ignore[assignment]
    if like_srgb and wanted == _BT709:
        return None
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # a y of 0
            possible = (gamma is None or gamma > 0) and bool(np.isfinite(np.linalg.inv(_to_xyz(wanted))).all())
    except (np.linalg.LinAlgError, ZeroDivisionError):
        possible = False
    if not possible:
        raise ImageError(
            f"{capitalised(name)} has colours that cannot be (gAMA {gamma}, cHRM {chromaticities}). Repair or remove "
            "these chunks."
        )
    return ColourTags(wanted, None if gamma is None else 1 / gamma)


def _to_xyz(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ with the white D65."""
    xy = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    columns = np.stack((xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]))
    white = columns[:, 3]
    matrix = columns[:, :3] * np.linalg.solve(columns[:, :3], white)
    x, y = _D65
    target = np.array([x / y, 1, (1 - x - y) / y])
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ target) / (_BRADFORD @ white)) @ _BRADFORD
    found: npt.NDArray[np.float64] = adaptation @ matrix
    return found


def _srgb_curve(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low = linear <= np.float32(0.0031308)
    return np.where(low, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055).astype(np.float32)
