"""The record of a backbone is immutable data, and its defaults are those of a backbone from the hub."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import timm

from innersight.backbones.entry import IMAGENET_MEAN, IMAGENET_STD, BackboneEntry, EmbeddedWeights


def test_a_plain_entry_has_no_embedded_weights_and_owns_its_timm_name() -> None:
    entry = BackboneEntry("mine", "resnet18.tv_in1k", None, "ImageNet", "MIT", IMAGENET_MEAN, IMAGENET_STD, None)
    assert entry.embedded is None
    assert entry.weights_of_timm_name
    with pytest.raises(FrozenInstanceError):
        entry.alias = "other"
    assert not EmbeddedWeights("tiny==2.0", "tiny:path", "sha256:0").by_position


def test_the_statistics_of_imagenet_are_those_of_timm() -> None:
    assert timm.data.IMAGENET_DEFAULT_MEAN == IMAGENET_MEAN
    assert timm.data.IMAGENET_DEFAULT_STD == IMAGENET_STD
