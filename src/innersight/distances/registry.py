"""The table of distances, and the kinds of features that each is defined for.

A distance registers itself in the module of its function, so that a new distance is one new file. Other packages add
theirs through entry points of the group `innersight.distances`, each of which loads a `Distance`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from innersight.errors import ArgumentError, unknown_name
from innersight.registry import Registry

KINDS = ("tokens", "maps", "embedding")
"""Kinds of features: tokens and embeddings are (N, T, D), maps are (N, C, H, W)."""


@dataclass(frozen=True)
class _Rule:
    """A function on two tensors of features, with options.

    The options are the parameters of the function beyond the first two, which all have defaults.

    Attributes:
        function: Takes the reference and the distorted features. Use a function of a module: a lambda cannot be
            pickled.
    """

    function: Callable[..., torch.Tensor]

    def __post_init__(self) -> None:
        required = [p.name for p in self._parameters() if p.default is p.empty]
        if len(required) > 2:
            raise ArgumentError(
                f"Argument `function` must take the reference and the distorted features and options with defaults, "
                f"but the parameter `{required[2]}` has no default. Give it one."
            )

    def __call__(self, reference: torch.Tensor, distorted: torch.Tensor, **options: object) -> torch.Tensor:
        """Compute the distance. The options are passed on to the function."""
        return self.function(reference, distorted, **options)

    @property
    def options(self) -> Mapping[str, object]:
        """The options of the function with their defaults."""
        return {p.name: p.default for p in self._parameters() if p.default is not p.empty}

    def check_options(self, given: Mapping[str, object]) -> None:
        """Check the names and the types of options. The function itself checks their ranges.

        An option whose default is an integer takes integers, and one whose default is a float takes integers and
        floats. Any other option takes values of the type of its default, or any value if its default is None.

        Args:
            given: Options by name. Those that are absent keep their defaults.

        Raises:
            ArgumentError: If an option is unknown, with the nearest name, or has a value of another type.
        """
        known = self.options
        for name, value in given.items():
            if not known:
                raise ArgumentError(
                    f"Argument `options` must be empty, since this distance has no options, but got {name!r}. "
                    f"Remove it."
                )
            if name not in known:
                raise unknown_name("options", name, known)
            default = known[name]
            wanted = (int, float) if isinstance(default, float) else type(default)
            is_misplaced_bool = isinstance(value, bool) and not isinstance(default, bool)
            if default is not None and (is_misplaced_bool or not isinstance(value, wanted)):
                raise ArgumentError(
                    f"Argument `{name}` must be {_describe_type(default)}, such as the default {default!r}, but got "
                    f"{value!r} of type {type(value).__name__}."
                )

    def _parameters(self) -> list[inspect.Parameter]:
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except ValueError:  # some functions that are written in C have no signature
            return []
        return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@dataclass(frozen=True)
class Positional(_Rule):
    """A distance with one value per position: two layers -> (N, T) or (N, H, W).

    The values can be pooled in several ways, and shown as a map.

    Example:
        >>> from innersight.distances.pointwise import l2
        >>> Positional(l2)(torch.zeros(1, 2, 4), torch.ones(1, 2, 4))
        tensor([[1., 1.]])
    """


@dataclass(frozen=True)
class Layerwise(_Rule):
    """A distance with one value per layer: two layers -> (N,)."""


@dataclass(frozen=True)
class Stacked(_Rule):
    """A distance with one value for all layers together: two stacks (N, L, T, D) -> (N,).

    Example:
        >>> from innersight.distances.sliced import swd
        >>> Stacked(swd).options
        {'seed': 0}
        >>> Stacked(swd).check_options({"sed": 1})
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `options` must be one of (seed), but got 'sed'. Did you mean seed?
    """


Rule = Positional | Layerwise | Stacked
"""How a distance is computed for one kind of features."""


@dataclass(frozen=True)
class Distance:
    """A distance, as `DISTANCES` holds it under its name.

    Attributes:
        summary: One line for a table.
        rules: How the distance is computed for each kind of features that it is defined for. The kinds are `KINDS`.

    Raises:
        ArgumentError: If `rules` is empty, has an unknown kind, or holds anything but rules.
    """

    summary: str
    rules: Mapping[str, Rule]

    def __post_init__(self) -> None:
        if not self.rules:
            raise ArgumentError(f"Argument `rules` must have a rule for at least one of ({', '.join(KINDS)}).")
        for kind, rule in self.rules.items():
            if kind not in KINDS:
                raise unknown_name("rules", kind, KINDS)
            if not isinstance(rule, Rule):
                raise ArgumentError(
                    f"Argument `rules` must map {kind!r} to a Positional, Layerwise or Stacked, but got an object of "
                    f"type {type(rule).__name__}. Wrap the function in one of these."
                )


DISTANCES: Registry[Distance] = Registry(
    "distance", "innersight.distances", group="innersight.distances", kind=Distance
)
"""The distances by name."""


def find_rule(name: str, kind: str, what: str) -> Rule:
    """Return how a distance is computed for a kind of features.

    Args:
        name: Name of the distance, from `DISTANCES`.
        kind: `tokens`, `maps` or `embedding`.
        what: The network or output that gives these features, for the error message.

    Raises:
        ArgumentError: If the distance is unknown or not defined for this kind. The message names those that are.

    Example:
        >>> find_rule("skld", "maps", "clip-rn50")
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `distance`: 'skld' is not defined for maps, which is what clip-rn50
        gives. Defined for maps: channel-cos, cos, l2, rel-l2.
    """
    rule = DISTANCES.find(name).rules.get(kind)
    if rule is None:
        defined = ", ".join(other for other, distance in DISTANCES.items() if kind in distance.rules)
        raise ArgumentError(
            f"Argument `distance`: {name!r} is not defined for {kind}, which is what {what} gives. "
            f"Defined for {kind}: {defined}."
        )
    return rule


def _describe_type(default: object) -> str:
    match default:
        case bool():
            return "True or False"
        case int():
            return "an integer"
        case float():
            return "a number"
        case _:
            return f"of type {type(default).__name__}"
