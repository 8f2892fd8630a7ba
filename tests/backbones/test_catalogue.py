"""The catalogue is true of timm, and any timm name resolves."""

from __future__ import annotations

import pytest
import timm

from innersight.backbones.catalogue import CATALOGUE, find_entry, resolve
from innersight.errors import ArgumentError

PAPER = (
    "dinov1-vitb16", "dinov2-vitb14", "clip-vitb32", "clip-rn50", "openclip-vitb32", "openclip-convnext-base",
    "tecoa4-vitb32", "tecoa4-convnext-base", "imagenet-vitb16",
)  # fmt: skip


def test_every_model_of_the_paper_has_its_alias() -> None:
    assert {*PAPER, "efficientnet-lite0", "dinov2-vits14"} == {entry.alias for entry in CATALOGUE}


@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE if not entry.embedded], ids=lambda entry: entry.alias)
def test_an_entry_says_what_timm_says(entry) -> None:
    config = timm.get_pretrained_cfg(entry.timm_name)
    assert entry.mean == pytest.approx(config.mean)
    assert entry.std == pytest.approx(config.std)
    if entry.hub_id.startswith("timm/"):
        assert entry.hub_id == config.hf_hub_id


def test_exactly_the_embedded_entry_has_no_hub_id() -> None:
    assert [entry.alias for entry in CATALOGUE if entry.hub_id is None] == ["efficientnet-lite0"]
    assert [entry.alias for entry in CATALOGUE if entry.embedded] == ["efficientnet-lite0"]


def test_alias_and_timm_name_mean_the_same() -> None:
    assert resolve("clip-rn50") is resolve("resnet50_clip.openai")
    assert resolve("vit_base_patch16_224.dino") is find_entry("dinov1-vitb16")


def test_timms_own_lite0_weights_are_not_the_embedded_ones() -> None:
    assert resolve("tf_efficientnet_lite0").embedded
    assert not resolve("tf_efficientnet_lite0.in1k").embedded


def test_any_timm_name_resolves_with_its_default_tag() -> None:
    entry = resolve("resnet18")
    assert entry.timm_name == "resnet18.a1_in1k"
    assert entry.hub_id == "timm/resnet18.a1_in1k"
    assert resolve("resnet18.tv_in1k").hub_id == "timm/resnet18.tv_in1k"


def test_an_unknown_name_gets_its_nearest_matches() -> None:
    with pytest.raises(
        ArgumentError, match=r"`backbone` must be one of .* but got 'dinov1-vitb61'\. Did you mean dinov1-vitb16"
    ):
        resolve("dinov1-vitb61")


def test_an_unknown_tag_gets_the_tags_there_are() -> None:
    with pytest.raises(ArgumentError, match=r"timm's resnet18 has no weights tagged 'a9_in1k'; it has \(a1_in1k,"):
        resolve("resnet18.a9_in1k")
