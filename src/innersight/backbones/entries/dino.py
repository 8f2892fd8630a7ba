"""Backbones that were trained without labels by DINO and DINOv2."""

from __future__ import annotations

from innersight.backbones.catalogue import add
from innersight.backbones.entry import IMAGENET_MEAN, IMAGENET_STD, BackboneEntry


def _entry(alias: str, timm_name: str, note: str) -> BackboneEntry:
    return BackboneEntry(
        alias=alias,
        timm_name=timm_name,
        hub_id=f"timm/{timm_name}",
        family="DINO",
        licence="Apache-2.0",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        embedding="tokens",
        note=note,
    )


add(_entry("dinov1-vitb16", "vit_base_patch16_224.dino", "the best results in the paper"))
add(
    _entry(
        "dinov2-vitb14",
        "vit_base_patch14_dinov2.lvd142m",
        "position embedding interpolated from 518 pixels to the size of the input",
    )
)
add(_entry("dinov2-vits14", "vit_small_patch14_dinov2.lvd142m", "small; the backbone of the presets `vit` and `best`"))
