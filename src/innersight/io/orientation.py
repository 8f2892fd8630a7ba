"""The EXIF and TIFF orientation of an image."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

ORIENTATION_TAG = 274
"""The tag of the orientation in EXIF and TIFF."""

# Orientation -> (swap rows and columns, then flip vertically, then flip horizontally).
_ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def oriented(samples: npt.NDArray[Any], orientation: object) -> npt.NDArray[Any]:
    """Apply an orientation to samples.

    Args:
        samples: (H, W) or (H, W, C), as stored.
        orientation: The value of the tag, 1 to 8. Any other value counts as 1, which changes nothing.

    Returns:
        A view of the samples, as they are shown.
    """
    swap, upside_down, mirrored = _ORIENTATIONS.get(orientation, _ORIENTATIONS[1])  # type: ignore[call-overload]
    if swap:
        samples = samples.swapaxes(0, 1)
    return samples[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
