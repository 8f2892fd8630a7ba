"""The catalogue of backbones that have an alias, and the search for a backbone by its name.

This module and the modules of `innersight.backbones.entries` import no torch, so that a listing is fast.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, ValuesView

from innersight.backbones.entry import RGB, BackboneEntry
from innersight.errors import ArgumentError
from innersight.registry import Registry

BACKBONES: Registry[BackboneEntry] = Registry(
    "backbone", "innersight.backbones.entries", group="innersight.backbones", kind=BackboneEntry
)
"""The entries by alias. An installed package adds one through the entry point group `innersight.backbones`; the name of
the entry point must be the alias."""

CATALOGUE: ValuesView[BackboneEntry] = BACKBONES.values()
"""The entries of `BACKBONES`. They are loaded at the first iteration."""


def add(entry: BackboneEntry) -> BackboneEntry:
    """Add a backbone to the catalogue.

    Args:
        entry: The backbone.

    Returns:
        The entry.

    Raises:
        ArgumentError: If its alias is taken.
    """
    return BACKBONES.add(entry.alias, entry)


def find_entry(name: object) -> BackboneEntry | None:
    """Return the entry of the catalogue for an alias or a timm name, or None for any other name.

    Several entries can share an architecture. A timm name then means the entry whose weights it stands for.

    Args:
        name: An alias or a timm name. Anything else than a string is no name.

    Example:
        >>> find_entry("dinov1-vitb16") is find_entry("vit_base_patch16_224.dino")
        True
        >>> find_entry("vit_base_patch32_clip_224.laion2b").alias
        'openclip-vitb32'
        >>> find_entry("resnet18.a1_in1k") is None
        True
    """
    if not isinstance(name, str):
        return None
    if name in BACKBONES:
        return BACKBONES[name]
    return next((entry for entry in CATALOGUE if entry.timm_name == name and entry.weights_of_timm_name), None)


def resolve(name: str) -> BackboneEntry:
    """Return the entry of an alias, or make one for a timm model from the data of timm.

    Args:
        name: An alias of the catalogue, or a name of `timm.list_models(pretrained=True)`. The tag can be omitted.

    Returns:
        The entry of the catalogue. For another timm model, an entry whose alias is the timm name with its tag.

    Raises:
        ArgumentError: If there is no such backbone. The message has the nearest names.
    """
    entry = find_entry(name)
    if entry is not None:
        return entry
    if not isinstance(name, str):
        return BACKBONES.find(name)  # raises the error for an unknown name

    import timm  # here, since the import takes seconds and an alias does not need it

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(name, timm.list_models(pretrained=True), n=3)
        nearest = f" The nearest names in timm are ({', '.join(near)})." if near else ""
        return BACKBONES.find(
            name,
            more=f"Any timm model works too; `innersight backbones --search TEXT` lists them.{nearest}",
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise ArgumentError(
            f"Argument `backbone` must name weights that timm has for {architecture}, one of ({', '.join(tags)}), but "
            f"got {name!r}."
        )
    config = timm.get_pretrained_cfg(name)
    if config is None:
        raise ArgumentError(
            f"Argument `backbone` must name a model with pretrained weights, but timm has none for {name!r}. Use "
            "another backbone; `innersight backbones --search TEXT` lists them."
        )
    full_name = f"{architecture}.{config.tag}" if config.tag else architecture
    return find_entry(full_name) or BackboneEntry(
        alias=full_name,
        timm_name=full_name,
        hub_id=config.hf_hub_id,
        family="timm",
        licence=config.license or "unknown",
        mean=_rgb(config.mean),
        std=_rgb(config.std),
        embedding=None,
    )


def _rgb(values: Iterable[float]) -> RGB:
    red, green, blue = values
    return red, green, blue
