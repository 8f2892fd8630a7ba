"""Features to keep in a cache of features, for its tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from innersight.inference.feature_cache import FeatureCache
from innersight.metrics.feature_batch import ViewFeatures

PLENTY = 1 << 30
"""A limit that no test reaches, bytes."""


def made(index: int = 0, tokens: int = 100) -> ViewFeatures:
    """Make features of 160 bytes for each token. Each index has other values."""
    draw = torch.Generator().manual_seed(index)
    tensors = {f"layer {layer}": torch.rand(1, tokens, 20, generator=draw) for layer in (3, 7)}
    return ViewFeatures("tokens", tensors, (tokens // 10, 10), 1, (160, 16 * tokens), "an extractor")


def key(index: int) -> str:
    """Return a key of the form that `FeatureCache.key` returns."""
    return f"{index:064x}"


def saved(folder: Path, index: int = 0) -> Path:
    """Save one entry and return its file."""
    FeatureCache(folder, PLENTY).save(key(index), made(index), {"height": "160", "fingerprint": "00ff"})
    return folder / f"{key(index)}.safetensors"


def same(one: ViewFeatures, other: ViewFeatures) -> bool:
    """Tell whether two sets of features are equal to the last bit, in the same order."""
    bare = [replace(features, tensors={}) for features in (one, other)]
    tensors = zip(one.tensors.items(), other.tensors.items(), strict=True)
    return bare[0] == bare[1] and all(a == b and torch.equal(first, second) for (a, first), (b, second) in tensors)
