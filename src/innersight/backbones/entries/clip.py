"""Backbones that were trained on pairs of images and texts: OpenAI's CLIP, OpenCLIP and the robust TeCoA models."""

from __future__ import annotations

from innersight.backbones.catalogue import add
from innersight.backbones.entry import RGB, BackboneEntry

_MEAN: RGB = (0.48145466, 0.4578275, 0.40821073)
_STD: RGB = (0.26862954, 0.26130258, 0.27577711)

_HALF_PRECISION = "the scores that the paper published were computed in half precision"
_ROBUST = "fine-tuned on adversarial images, robust against them; checkpoint of OpenCLIP"


def _entry(
    alias: str,
    timm_name: str,
    hub_id: str,
    *,
    family: str = "CLIP",
    weights_of_timm_name: bool = True,
    note: str = "",
) -> BackboneEntry:
    return BackboneEntry(
        alias=alias,
        timm_name=timm_name,
        hub_id=hub_id,
        family=family,
        licence="MIT",
        mean=_MEAN,
        std=_STD,
        embedding="projection",
        weights_of_timm_name=weights_of_timm_name,
        note=note,
    )


add(
    _entry(
        "clip-vitb32",
        "vit_base_patch32_clip_quickgelu_224.openai",
        "timm/vit_base_patch32_clip_224.openai",
        note=_HALF_PRECISION,
    )
)
add(_entry("clip-rn50", "resnet50_clip.openai", "timm/resnet50_clip.openai", note=_HALF_PRECISION))
add(_entry("openclip-vitb32", "vit_base_patch32_clip_224.laion2b", "timm/vit_base_patch32_clip_224.laion2b"))
add(
    _entry(
        "openclip-convnext-base",
        "convnext_base.clip_laion2b",
        "timm/convnext_base.clip_laion2b",
        note="the scores that the paper published contain noise, because stochastic depth was active",
    )
)
add(
    _entry(
        "tecoa4-vitb32",
        "vit_base_patch32_clip_224.laion2b",
        "chs20/TeCoA4-ViT-B-32-laion2B-s34B-b79K",
        family="robust CLIP",
        weights_of_timm_name=False,
        note=_ROBUST,
    )
)
add(
    _entry(
        "tecoa4-convnext-base",
        "convnext_base.clip_laion2b",
        "chs20/TeCoA4-convnext_base_w-laion2B-s13B-b82K-augreg",
        family="robust CLIP",
        weights_of_timm_name=False,
        note=_ROBUST,
    )
)
