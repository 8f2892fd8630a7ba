"""Conversion of configuration values from text, and their validation."""

from __future__ import annotations

import math
from collections.abc import Sequence

from innersight.errors import ArgumentError, unknown_name

Layers = int | tuple[int, ...] | None
"""A choice of layers: None for all layers, n for the last n layers, or a tuple of indices."""

_FORMS = "'all', 'last-4' or '0,3,-1'"


def parse_layers(argument: str, layers: object) -> Layers:
    """Convert a choice of layers to the form that a configuration holds.

    Args:
        argument: The name of the argument, for the error.
        layers: None or `all` for all layers. n or `last-n` for the last n layers. A sequence of indices, or their text
            such as `0,3,-1`; negative indices count from the end.

    Returns:
        None, n, or a tuple of indices.

    Raises:
        ArgumentError: If it is none of these.

    Example:
        >>> parse_layers("layers", "last-4"), parse_layers("layers", "0,3,-1"), parse_layers("layers", "all")
        (4, (0, 3, -1), None)
    """
    if layers is None or type(layers) is int:
        return layers
    if isinstance(layers, str):
        text = layers.strip()
        if text == "all":
            return None
        try:
            if text.startswith("last-"):
                return parse_whole(argument, text.removeprefix("last-"))
            return tuple(parse_whole(argument, part.strip()) for part in text.split(","))
        except ArgumentError:
            raise ArgumentError(
                f"Argument `{argument}` must be a selection of layers such as {_FORMS}, but got {layers!r}."
            ) from None
    if isinstance(layers, Sequence) and layers and all(type(index) is int for index in layers):
        return tuple(layers)
    raise ArgumentError(
        f"Argument `{argument}` must be a selection of layers such as None, 4, [0, 3, -1], {_FORMS}, but got "
        f"{layers!r}."
    )


def parse_number(argument: str, number: object) -> float:
    """Convert a number or its text to a float.

    Raises:
        ArgumentError: If it is not a finite number.

    Example:
        >>> parse_number("weight", "0.5"), parse_number("weight", 1)
        (0.5, 1.0)
    """
    wrong = ArgumentError(f"Argument `{argument}` must be a number, but got {number!r}.")
    if isinstance(number, str) and (not number.isascii() or "_" in number):
        raise wrong  # float() also reads digits of other scripts, and 1_0
    if isinstance(number, bool) or not isinstance(number, (int, float, str)):
        raise wrong
    try:
        value = float(number)
    except (ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(value):
        raise wrong
    return value


def parse_whole(argument: str, number: object) -> int:
    """Convert a whole number or its text, of up to 19 digits, to an int.

    Raises:
        ArgumentError: If it is not a whole number.

    Example:
        >>> parse_whole("order", "4"), parse_whole("order", -1)
        (4, -1)
    """
    if type(number) is int:
        return number
    if isinstance(number, str) and number.isascii():
        digits = number.removeprefix("-")
        if digits.isdecimal() and len(digits) <= 19:  # Python refuses to read a number of thousands of digits
            return int(number)
    raise ArgumentError(f"Argument `{argument}` must be a whole number, but got {number!r}.")


def parse_switch(argument: str, value: object) -> bool:
    """Convert `true`, `false` or a bool to a bool.

    Raises:
        ArgumentError: If it is none of these.

    Example:
        >>> parse_switch("flag", "true")
        True
    """
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ArgumentError(f"Argument `{argument}` must be true or false, but got {value!r}.")


def check_layers(argument: str, layers: object) -> None:
    """Check that a field has the form of `Layers`.

    Raises:
        ArgumentError: If not.
    """
    indices = isinstance(layers, tuple) and bool(layers) and all(type(index) is int for index in layers)
    if layers is not None and type(layers) is not int and not indices:
        raise ArgumentError(
            f"Argument `{argument}` must be None, a whole number or a tuple of whole numbers, but got {layers!r}."
        )


def check_choice(argument: str, value: object, allowed: Sequence[str]) -> None:
    """Check that a field holds one of several texts.

    Raises:
        ArgumentError: If not, with the nearest matches.
    """
    if not isinstance(value, str) or value not in allowed:
        raise unknown_name(argument, value, allowed)


def check_number(argument: str, value: object, least: float, most: float) -> None:
    """Check that a field holds a number in a range, the limits included.

    Raises:
        ArgumentError: If not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ArgumentError(f"Argument `{argument}` must be a number from {least:g} to {most:g}, but got {value!r}.")


def check_name(argument: str, value: object) -> None:
    """Check that a field holds a name: ASCII letters, digits, `_` and `-`.

    Raises:
        ArgumentError: If not.
    """
    ok = isinstance(value, str) and value.isascii() and value.replace("_", "").replace("-", "").isalnum()
    if not ok:
        raise ArgumentError(
            f"Argument `{argument}` must be a name of letters, digits, - and _, but got {value!r}: choose another name."
        )
