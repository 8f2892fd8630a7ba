"""The record that describes one backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Embedding = Literal["projection", "tokens"]

RGB = tuple[float, float, float]

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
"""Channel means of the ImageNet training set, of RGB in [0, 1]."""

IMAGENET_STD: RGB = (0.229, 0.224, 0.225)
"""Channel standard deviations of the ImageNet training set, of RGB in [0, 1]."""


@dataclass(frozen=True)
class EmbeddedWeights:
    """Weights that a Python package contains, so that the backbone works without a network.

    Attributes:
        requirement: The package and its version, as pip takes them.
        locate: The function that returns the path of the file, as `module:function`. It takes no argument.
        digest: `sha256:` and the hexadecimal SHA-256 that the file must have.
        by_position: Whether the file holds the tensors in the order of timm's model but under other names. Then they
            are matched by position. False, the default, matches them by name.
    """

    requirement: str
    locate: str
    digest: str
    by_position: bool = False


@dataclass(frozen=True)
class BackboneEntry:
    """One backbone of the catalogue.

    Attributes:
        alias: The name in this package.
        timm_name: timm's name: the architecture, a dot and the tag of the weights.
        hub_id: The repository of the weights on the Hugging Face hub, or None if there is none.
        family: The kind of training.
        licence: The licence of the weights, as an SPDX identifier.
        mean: Channel means of the training, of RGB in [0, 1]. They are used with `normalisation="backbone"`.
        std: Channel standard deviations of the training, of RGB in [0, 1].
        embedding: What `features="embedding"` returns. `projection` is the vector of the image-text projection.
            `tokens` is every token of the last layer after the final norm. None means that no embedding is defined.
        embedded: The weights that an installed package contains, or None.
        weights_of_timm_name: Whether the weights are those that `timm_name` stands for. False if another author
            trained the same architecture; the timm name then never means this entry. Default: True.
        note: What a user should know.
    """

    alias: str
    timm_name: str
    hub_id: str | None
    family: str
    licence: str
    mean: RGB
    std: RGB
    embedding: Embedding | None
    embedded: EmbeddedWeights | None = None
    weights_of_timm_name: bool = True
    note: str = ""
