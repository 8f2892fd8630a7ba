"""The access to layers: the right one for each architecture, all layers without indices, and the sizes it takes."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from innersight.backbones.layer_readers import find_reader, gives_tokens, size_rule, special_reader
from innersight.errors import ArgumentError
from standins import fill

FAMILIES = {
    "vit_tiny_patch16_224": "tokens",
    "resnet18": "maps",
    "convnext_atto": "maps",
    "resnet50_clip.openai": "maps",
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_no_indices_mean_all_layers(name: str) -> None:
    model = fill(timm.create_model(name, pretrained=False))
    reader = find_reader(model, name)
    assert reader.kind == FAMILIES[name]
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        every = reader.read(model, images, None)
        listed = reader.read(model, images, list(range(reader.count)))
    assert len(every) == reader.count
    for one, other in zip(every, listed, strict=True):
        assert torch.equal(one, other)


def test_only_convnext_and_clip_resnets_are_special() -> None:
    special = {name for name in FAMILIES if special_reader(timm.create_model(name, pretrained=False)) is not None}
    assert special == {"convnext_atto", "resnet50_clip.openai"}


def test_a_model_without_intermediate_features_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"timm's mine \(Identity\) has no method forward_intermediates\. Use another"
    ):
        find_reader(nn.Identity(), "mine")


def test_tokens_are_recognised_by_the_prefix_tokens() -> None:
    assert gives_tokens(timm.create_model("vit_tiny_patch16_224", depth=1))
    assert not gives_tokens(timm.create_model("resnet18"))


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("resnet18", {}, (1, None)),
        ("vit_tiny_patch16_224", {}, (16, (224, 224))),
        ("vit_tiny_patch16_224", {"img_size": (64, 96)}, (16, (64, 96))),
        ("vit_tiny_patch16_224", {"dynamic_img_size": True}, (16, None)),
        ("vit_small_patch14_dinov2.lvd142m", {"img_size": 28}, (14, (28, 28))),
    ],
)
def test_the_sizes_that_timms_models_take(name: str, options: dict, rule: tuple) -> None:
    assert size_rule(timm.create_model(name, pretrained=False, **options)) == rule


def test_a_patch_embedding_without_timms_configuration_decides_alone() -> None:
    module = nn.Module()
    assert size_rule(module) == (1, None)
    module.patch_embed = nn.Module()
    module.patch_embed.patch_size = 8
    assert size_rule(module) == (8, None)
    module.patch_embed.img_size = 64
    assert size_rule(module) == (8, (64, 64))
