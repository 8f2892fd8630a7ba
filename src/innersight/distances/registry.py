"""The distances by name, and for which features each is defined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from innersight.distances.paper_divergences import jsd, skld, wsd
from innersight.distances.pointwise import cos_along_width, cosine, l2, relative_l2
from innersight.distances.sliced import swd
from innersight.errors import ArgumentError, unknown_name


@dataclass(frozen=True)
class Positional:
    """One number a position: layer, layer -> (N, T) or (N, H, W). It can be pooled in several ways, and mapped."""

    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Layerwise:
    """One number a layer: layer, layer -> (N,)."""

    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Stacked:
    """One number for all layers at once: (N, L, T, D), (N, L, T, D) -> (N,); a seeded one takes `seed` too."""

    function: Callable[..., torch.Tensor]
    seeded: bool = False

    def __call__(self, reference: torch.Tensor, distorted: torch.Tensor, seed: int) -> torch.Tensor:
        """Compute the distance, with the seed if it has any use for it."""
        return self.function(reference, distorted, seed) if self.seeded else self.function(reference, distorted)


Rule = Positional | Layerwise | Stacked


@dataclass(frozen=True)
class Distance:
    """A named distance.

    Attributes:
        name: As in `distance=...`.
        summary: One line for a table.
        rules: How it is computed for each kind of features it is defined for.
    """

    name: str
    summary: str
    rules: Mapping[str, Rule]


def _distance(name: str, summary: str, **rules: Rule) -> Distance:
    return Distance(name, summary, MappingProxyType(rules))


DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {
        distance.name: distance
        for distance in (
            _distance("l2", "mean squared error (paper)", tokens=Positional(l2), maps=Positional(l2)),
            _distance(
                "cos",
                "1 - cosine, along channels; for maps along the image width, as published (paper)",
                tokens=Positional(cosine),
                maps=Layerwise(cos_along_width),
                embedding=Positional(cosine),
            ),
            _distance(
                "skld",
                "symmetric Kullback-Leibler + l2 term on the folded stack (paper)",
                tokens=Stacked(skld),
            ),
            _distance("jsd", "Jensen-Shannon on the folded stack (paper)", tokens=Stacked(jsd)),
            _distance(
                "wsd",
                "1-D Wasserstein + l2 term on the folded stack (paper)",
                tokens=Stacked(wsd),
            ),
            _distance("swd", "sliced Wasserstein across layers, seeded (paper)", tokens=Stacked(swd, seeded=True)),
            _distance(
                "rel-l2",
                "squared error over both images' energy, scale-free",
                tokens=Positional(relative_l2),
                maps=Positional(relative_l2),
            ),
            _distance("channel-cos", "1 - cosine along channels", tokens=Positional(cosine), maps=Positional(cosine)),
        )
    }
)


def find_distance(name: str) -> Distance:
    """Return a distance by its name.

    Raises:
        ArgumentError: If there is none, with the nearest matches.
    """
    if not isinstance(name, str) or name not in DISTANCES:
        raise unknown_name("distance", name, DISTANCES)
    return DISTANCES[name]


def find_rule(name: str, kind: str, what: str) -> Rule:
    """Return how a distance is computed for a kind of features.

    Args:
        name: The distance.
        kind: `tokens`, `maps` or `embedding`.
        what: Whose features these are, for the message.

    Raises:
        ArgumentError: If the distance is unknown, or not defined for this kind; the message names those that are.

    Example:
        >>> find_rule("skld", "maps", "clip-rn50")
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `distance`: 'skld' is not defined for maps, which is what clip-rn50
        gives. Defined for maps: l2, cos, rel-l2, channel-cos.
    """
    rule = find_distance(name).rules.get(kind)
    if rule is None:
        defined = ", ".join(other.name for other in DISTANCES.values() if kind in other.rules)
        raise ArgumentError(
            f"Argument `distance`: {name!r} is not defined for {kind}, which is what {what} gives. "
            f"Defined for {kind}: {defined}."
        )
    return rule
