"""Versions of the software that decides a score."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from innersight._version import __version__

TORCH = ("torch", "torchvision", "timm")
"""Distributions that run the networks of metrics of torch."""

ONNX = ("onnxruntime",)
"""Distributions that run bundles."""

_DECODERS = ("Pillow", "imagecodecs", "tifffile")
"""Distributions that decode the images."""


@cache
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
def _versions(runtime: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return (("innersight", __version__), *((name, version_of(name)) for name in (*runtime, *_DECODERS)))


def versions(runtime: tuple[str, ...]) -> dict[str, str]:
    """Return the version of each distribution that decides a score.

    Args:
        runtime: The distributions that run the network: `TORCH` or `ONNX`.

    Example:
        >>> list(versions(ONNX))
        ['innersight', 'onnxruntime', 'Pillow', 'imagecodecs', 'tifffile']
    """
    return dict(_versions(runtime))
