"""The backbones of DINO have the tokens of the last layer as their embedding."""

from __future__ import annotations

import timm

from innersight.backbones.catalogue import BACKBONES


def test_they_are_transformers_without_a_head() -> None:
    entries = [entry for entry in BACKBONES.values() if entry.family == "DINO"]
    assert {entry.alias for entry in entries} == {"dinov1-vitb16", "dinov2-vitb14", "dinov2-vits14"}
    for entry in entries:
        assert entry.embedding == "tokens"
        assert timm.get_pretrained_cfg(entry.timm_name).num_classes == 0
