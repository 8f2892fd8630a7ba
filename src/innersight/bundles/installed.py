"""The bundles that are installed with the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from innersight.bundles.bundle import Bundle

SHIPPED = ("lite",)
"""Names of the presets whose bundle is installed with the package."""


@cache
def shipped(name: str) -> Bundle | None:
    """Return the bundle of a preset that is installed with the package, or None if there is none.

    Args:
        name: The name of the preset.

    Example:
        >>> shipped("lite").name, shipped("vit")
        ('lite', None)
    """
    return Bundle.load(shipped_folder(name)) if name in SHIPPED else None


def shipped_folder(name: str) -> Path:
    """Return the folder of the bundle of a preset."""
    return Path(__file__).parent / name
