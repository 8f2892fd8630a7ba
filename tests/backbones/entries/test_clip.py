"""The backbones of CLIP have the projection as their embedding; other authors' weights do not own timm's names."""

from __future__ import annotations

import timm

from innersight.backbones.catalogue import BACKBONES


def test_each_has_a_projection() -> None:
    entries = [entry for entry in BACKBONES.values() if entry.family in ("CLIP", "robust CLIP")]
    assert len(entries) == 6
    for entry in entries:
        assert entry.embedding == "projection"
        assert timm.get_pretrained_cfg(entry.timm_name).num_classes > 0  # timm's head holds the projection


def test_only_the_robust_ones_are_not_from_timm() -> None:
    for entry in BACKBONES.values():
        if entry.family in ("CLIP", "robust CLIP"):
            assert entry.weights_of_timm_name == entry.hub_id.startswith("timm/") == (entry.family == "CLIP")
