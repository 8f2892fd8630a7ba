"""Features to keep in a cache of features, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from innersight.inference.feature_cache import FeatureCache

PLENTY = 1 << 30
"""A limit that no test reaches, bytes."""


def made(index: int = 0, tokens: int = 100) -> dict[str, np.ndarray]:
    """Make features of 160 bytes for each token. Each index has other values."""
    draw = np.random.default_rng(index)
    return {f"layer {layer}": draw.random((1, tokens, 20), dtype=np.float32) for layer in (3, 7)}


def key(index: int) -> str:
    """Return a key of the form that `FeatureCache.key` returns."""
    return f"{index:064x}"


def saved(folder: Path, index: int = 0) -> Path:
    """Save one entry and return its file."""
    FeatureCache(folder, PLENTY).save(
        key(index), made(index), {"height": "160", "fingerprint": "00ff", "extractor_id": "an extractor"}
    )
    return folder / f"{key(index)}.safetensors"


def same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Tell whether two sets of features are equal to the last bit, in the same order."""
    pairs = zip(one.items(), other.items(), strict=True)
    return all(a == b and x.dtype == y.dtype and np.array_equal(x, y) for (a, x), (b, y) in pairs)
