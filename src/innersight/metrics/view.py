"""The configuration of a view: what a metric extracts from an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from innersight.errors import ArgumentError
from innersight.metrics.values import check_choice, check_name
from innersight.preprocess.input_policy import InputPolicy

FeaturesName = Literal["intermediate", "embedding"]
Normalisation = Literal["none", "backbone"]
Chroma = Literal["full", "half"]
TokenNorm = Literal["none", "layernorm"]


@dataclass(frozen=True, kw_only=True)
class View:
    """What a metric extracts from an image: a backbone, its input and its features.

    Attributes:
        name: Name of the view in its configuration. Default: `main`.
        backbone: Alias of a backbone, or the name of a timm model.
        features: `intermediate`, the outputs of the layers, or `embedding`, the final output. Default: `intermediate`.
        input: Resize policy and sliding windows. Default: the whole image at its native size.
        normalisation: `none`: the network gets RGB in [0, 1]. `backbone`: the channel means and standard deviations of
            its training are applied first. Default: `none`.
        chroma: `half`: chroma is reduced to half the resolution of luma before the network, as 4:2:0 video coding
            does (see `innersight.preprocess.chroma`). `full`: chroma is left as it is. Default: `full`.
        token_norm: `layernorm`: the tokens of each layer are normalised to mean 0 and variance 1 over their channels,
            as the next block of the transformer does. `none`: they are left as they are. Default: `none`.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.

    Example:
        >>> View(backbone="efficientnet-lite0", input=InputPolicy(short_side=256)).chroma
        'full'
    """

    name: str = "main"
    backbone: str
    features: FeaturesName = "intermediate"
    input: InputPolicy = field(default_factory=InputPolicy)
    normalisation: Normalisation = "none"
    chroma: Chroma = "full"
    token_norm: TokenNorm = "none"

    def __post_init__(self) -> None:
        check_name("views", self.name)
        where = f"views.{self.name}"
        if not isinstance(self.backbone, str):
            raise ArgumentError(f"Argument `{where}.backbone` must be a name, but got {self.backbone!r}.")
        check_choice(f"{where}.features", self.features, get_args(FeaturesName))
        check_choice(f"{where}.normalisation", self.normalisation, get_args(Normalisation))
        check_choice(f"{where}.chroma", self.chroma, get_args(Chroma))
        check_choice(f"{where}.token_norm", self.token_norm, get_args(TokenNorm))
        if not isinstance(self.input, InputPolicy):
            raise ArgumentError(f"Argument `{where}.input` must be an InputPolicy, but got {self.input!r}.")
