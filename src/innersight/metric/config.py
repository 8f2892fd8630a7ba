"""A metric's configuration: all that decides a score but the weights, as frozen data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from innersight.errors import ArgumentError, unknown_name
from innersight.windows import InputPolicy

FeaturesName = Literal["intermediate", "embedding"]
Normalisation = Literal["none", "backbone"]
LayerPooling = Literal["sum", "mean"]
PositionPooling = Literal["mean", "rms"]


@dataclass(frozen=True)
class MetricConfig:
    """All that decides a score but the weights.

    Attributes:
        preset: Name of the preset it started from.
        backbone: An alias of the catalogue or a timm model name.
        features: `intermediate`: the layers' outputs. `embedding`: what the network gives at its end.
        layers: None for all, n for the last n, or indices (negative ones from the end); None for an embedding.
        input: What of the image the network sees, at which size.
        normalisation: `none`: the network sees RGB in [0, 1], as in the paper. `backbone`: with the channel means
            and deviations it was trained with.
        distance: A name of `innersight metrics`.
        layer_pooling: How the layers' numbers become one; None where the distance takes all layers at once.
        position_pooling: How the positions' numbers become one, `rms` being the root of the mean square; None where
            the distance gives no number a position.
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
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("features", self.features, get_args(FeaturesName))
        _check_choice("normalisation", self.normalisation, get_args(Normalisation))
        if self.layer_pooling is not None:
            _check_choice("layer_pooling", self.layer_pooling, get_args(LayerPooling))
        if self.position_pooling is not None:
            _check_choice("position_pooling", self.position_pooling, get_args(PositionPooling))
        if not isinstance(self.input, InputPolicy):
            raise ArgumentError(f"Argument `input` must be an InputPolicy or its text, but got {self.input!r}.")
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise ArgumentError(f"Argument `seed` must be a whole number from 0 to 2^63 - 1, but got {self.seed!r}.")
        if self.layers is not None and type(self.layers) is not int and not _are_indices(self.layers):
            raise ArgumentError(
                f"Argument `layers` must be None, a whole number or a tuple of them, got {self.layers!r}."
            )
        if self.features == "embedding" and self.layers is not None:
            raise ArgumentError(
                f"Argument `layers` must be None with features='embedding', which has no layers, but got {self.layers}."
            )


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
    seed: int


def parse_layers(layers: int | Sequence[int] | str | None) -> int | tuple[int, ...] | None:
    """Bring a choice of layers to the form a configuration holds.

    Args:
        layers: None or 'all'; n or 'last-n'; indices or their list in text, '0,3,-1'.

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
    wrong = ArgumentError(f"Argument `layers` must be such as {allowed}, but got {layers!r}.")
    if not isinstance(layers, str):
        if not isinstance(layers, Sequence) or not all(type(index) is int for index in layers):
            raise wrong
        return tuple(int(index) for index in layers)
    if layers == "all":
        return None
    try:
        if layers.startswith("last-"):
            return int(layers.removeprefix("last-"))
        return tuple(int(part) for part in layers.split(","))
    except ValueError:
        raise wrong from None


def _are_indices(layers: object) -> bool:
    return isinstance(layers, tuple) and all(type(index) is int for index in layers)


def _check_choice(argument: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise unknown_name(argument, value, allowed)
