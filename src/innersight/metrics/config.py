"""A metric's configuration: all that decides a score but the weights, as frozen data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from innersight.distances.channel_moments import ORDERS
from innersight.errors import ArgumentError, unknown_name
from innersight.preprocess.windows import InputPolicy

FeaturesName = Literal["intermediate", "embedding"]
Normalisation = Literal["none", "backbone"]
LayerPooling = Literal["sum", "mean"]
LayerScale = Literal["linear", "log"]
PositionPooling = Literal["mean", "rms"]
Chroma = Literal["full", "half"]
Tokens = Literal["plain", "normed"]

WEIGHTS = ("structure", "spread", "colour", "tint")
"""The fields that hold the weight of a term."""

_MOST_WEIGHT = 100.0
_LAYERS = re.compile(r"last-[0-9]{1,6}| *-?[0-9]{1,6} *(, *-?[0-9]{1,6} *)*")


@dataclass(frozen=True)
class MetricConfig:
    r"""All that decides a score but the weights.

    Attributes:
        preset: Name of the preset it started from.
        backbone: An alias of the catalogue or a timm model name.
        features: `intermediate`: the layers' outputs. `embedding`: what the network gives at its end.
        layers: None for all, n for the last n, or indices (negative ones from the end); None for an embedding.
        input: What of the image the network sees, at which size.
        normalisation: `none`: the network sees RGB in [0, 1], as in the paper. `backbone`: with the channel means
            and deviations it was trained with.
        distance: A name of `innersight metrics`.
        layer_pooling: How the layers' numbers become one; with `mean`, so do the terms beside the distance, by their
            weights. None where the distance takes all layers at once.
        position_pooling: How the positions' numbers become one, `rms` being the root of the mean square; None where
            the distance gives no number a position.
        chroma: `half`: the network sees colour at half the resolution of brightness, see `innersight.preprocess.chroma`.
            `full`: at the same.
        tokens: `normed`: a transformer's tokens are compared as its next block sees them, each brought to mean 0 and
            deviation 1 over its channels. `plain`: as they are.
        spread: Weight of an order-free term beside the distance, see `innersight.distances.channel_moments`; 0 leaves it out.
        spread_order: Order of the moments it compares, 2 (deviations), 4 or 8.
        spread_layers: The layers it is taken of, in the forms of `layers`, pooled as `layer_pooling` says.
        layer_scale: `linear`: a layer's number is what the distance gives. `log`: :math:`\ln(1 + 10^5 d)`, so that no
            layer decides by its size; takes the linear form for differences under a hundred-thousandth.
        structure: Weight of the distance itself, 1 but where only the terms beside it are wanted.
        colour: Weight of the distance between the pictures themselves as seen from afar, averaged over cells of an
            eighth of the short side; 0 leaves it out.
        tint: Weight of the chroma's difference pixel by pixel, see `innersight.distances.chroma_range`, the mean of fourth
            powers over positions and its root; 0 leaves it out.
        seed: Of the random directions of `swd`, the only distance that has any.

    Raises:
        ArgumentError: If a field holds what it can't.
    """

    preset: str
    backbone: str
    features: FeaturesName
    layers: int | tuple[int, ...] | None
    input: InputPolicy
    normalisation: Normalisation
    distance: str
    layer_pooling: LayerPooling | None
    position_pooling: PositionPooling | None
    chroma: Chroma = "full"
    tokens: Tokens = "plain"
    spread: float = 0.0
    spread_order: int = 2
    spread_layers: int | tuple[int, ...] | None = None
    layer_scale: LayerScale = "linear"
    structure: float = 1.0
    colour: float = 0.0
    tint: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("features", self.features, get_args(FeaturesName))
        _check_choice("normalisation", self.normalisation, get_args(Normalisation))
        _check_choice("tokens", self.tokens, get_args(Tokens))
        _check_choice("layer_scale", self.layer_scale, get_args(LayerScale))
        _check_choice("chroma", self.chroma, get_args(Chroma))
        for field in WEIGHTS:
            _check_number(field, getattr(self, field), _MOST_WEIGHT)
        if not self.structure and not self.spread:
            raise ArgumentError(
                "Arguments `structure` and `spread` must not both be 0: nothing the network sees would be compared."
            )
        if self.spread_order not in ORDERS:
            raise ArgumentError(f"Argument `spread_order` must be one of {ORDERS}, but got {self.spread_order!r}.")
        if self.layer_pooling is not None:
            _check_choice("layer_pooling", self.layer_pooling, get_args(LayerPooling))
        if self.position_pooling is not None:
            _check_choice("position_pooling", self.position_pooling, get_args(PositionPooling))
        if not isinstance(self.input, InputPolicy):
            raise ArgumentError(f"Argument `input` must be an InputPolicy or its text, but got {self.input!r}.")
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise ArgumentError(f"Argument `seed` must be a whole number from 0 to 2^63 - 1, but got {self.seed!r}.")
        for field, layers in (("layers", self.layers), ("spread_layers", self.spread_layers)):
            if layers is not None and type(layers) is not int and not _are_indices(layers):
                raise ArgumentError(
                    f"Argument `{field}` must be None, a whole number or a tuple of them, got {layers!r}."
                )
        if self.features == "embedding" and self.layers is not None:
            raise ArgumentError(
                f"Argument `layers` must be None with features='embedding', which has no layers, but got {self.layers}."
            )

    @property
    def weight(self) -> float:
        """Sum of the terms' weights."""
        return self.structure + self.spread + self.colour + self.tint


class Overrides(TypedDict, total=False):
    """Fields of a preset that may be given one by one, in the forms a user types."""

    backbone: str
    features: FeaturesName
    layers: int | Sequence[int] | str | None
    input: InputPolicy | str
    normalisation: Normalisation
    distance: str
    layer_pooling: LayerPooling
    position_pooling: PositionPooling
    chroma: Chroma
    tokens: Tokens
    spread: float | str
    spread_order: int | str
    spread_layers: int | Sequence[int] | str | None
    layer_scale: LayerScale
    structure: float | str
    colour: float | str
    tint: float | str
    seed: int


def parse_layers(layers: int | Sequence[int] | str | None, argument: str = "layers") -> int | tuple[int, ...] | None:
    """Bring a choice of layers to the form a configuration holds.

    Args:
        layers: None or 'all'; n or 'last-n'; indices or their list in text, '0,3,-1'.
        argument: What an error calls it.

    Returns:
        None, n, or a tuple of indices.

    Raises:
        ArgumentError: If it is none of these.

    Example:
        >>> parse_layers("last-4"), parse_layers("0,3,-1"), parse_layers("all")
        (4, (0, 3, -1), None)
    """
    if layers is None or (isinstance(layers, int) and not isinstance(layers, bool)):
        return layers
    allowed = "'all', 'last-4' or '0,3,-1'" if isinstance(layers, str) else "None, n (the last n) or [0, 3, -1]"
    wrong = ArgumentError(f"Argument `{argument}` must be such as {allowed}, but got {layers!r}.")
    if not isinstance(layers, str):
        if not isinstance(layers, Sequence) or not all(type(index) is int for index in layers):
            raise wrong
        return tuple(int(index) for index in layers)
    if layers == "all":
        return None
    if _LAYERS.fullmatch(layers) is None:
        raise wrong
    if layers.startswith("last-"):
        return int(layers.removeprefix("last-"))
    return tuple(int(part) for part in layers.split(","))


def parse_number(argument: str, number: float | str) -> float:
    """Read a number that may come as text.

    Raises:
        ArgumentError: If it is not one.

    Example:
        >>> parse_number("spread", "0.5"), parse_number("spread", 1)
        (0.5, 1.0)
    """
    try:
        if isinstance(number, str) and (not number.isascii() or "_" in number):
            raise ValueError(number)  # float() also reads digits of other scripts, and 1_0
        return float(number)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"Argument `{argument}` must be a number, but got {number!r}.") from None


def _check_number(argument: str, value: object, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ArgumentError(f"Argument `{argument}` must be a number from 0 to {most:g}, but got {value!r}.")


def _are_indices(layers: object) -> bool:
    return isinstance(layers, tuple) and all(type(index) is int for index in layers)


def _check_choice(argument: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise unknown_name(argument, value, allowed)
