"""Versions of the software that decides a score."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from innersight._version import __version__

_DECIDING = ("torch", "torchvision", "timm", "Pillow", "imagecodecs", "tifffile")
"""Distributions that run the networks and decode the images."""


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or `unknown`.

    Args:
        distribution: Its name, as `pip` knows it.

    Example:
        >>> version_of("no-such-distribution")
        'unknown'
    """
    try:
        return version(distribution)
    except PackageNotFoundError:  # another distribution can hold the same module, as pillow-simd does
        return "unknown"


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return (("innersight", __version__), *((name, version_of(name)) for name in _DECIDING))


def versions() -> dict[str, str]:
    """Return the version of each distribution that decides a score.

    Example:
        >>> list(versions())
        ['innersight', 'torch', 'torchvision', 'timm', 'Pillow', 'imagecodecs', 'tifffile']
    """
    return dict(_versions())
