"""The contract of a term, and the registry of terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch

from innersight.backbones.features import FeatureKind
from innersight.errors import ArgumentError
from innersight.metrics.values import check_name, check_number
from innersight.registry import Registry

MAX_WEIGHT = 100.0
"""The largest weight of a term."""


@dataclass(frozen=True)
class FeatureSource:
    """The features that a view offers to its terms.

    Attributes:
        backbone: Alias of the backbone, for messages.
        kind: `tokens`, `maps` or `embedding`.
        count: Number of layers; 1 for an embedding.
    """

    backbone: str
    kind: FeatureKind
    count: int

    @property
    def described(self) -> str:
        """The features in words, for messages."""
        return f"the embedding of {self.backbone}" if self.kind == "embedding" else self.backbone


@dataclass(frozen=True)
class PixelFeature:
    """A feature that is computed from pixels, without the network.

    Attributes:
        key: Its name. Two pixel features of one key are the same function.
        compute: A function of the image and of the image as the network gets it (after the view's `chroma` option),
            both (N, 3, H, W) in [0, 1], that returns (N, ...).
    """

    key: str
    compute: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = field(compare=False, repr=False)


@dataclass(frozen=True)
class TermWeights:
    """How much each position counts, where a mask limits the comparison.

    Attributes:
        layers: For each layer that the term compares (N, T) for tokens, those without a position included, or (N, H, W)
            for maps: the share of the position that the mask covers, from 0 to 1.
        pixels: The same for the term's pixel feature, (N, H, W), or None.
    """

    layers: tuple[torch.Tensor, ...]
    pixels: torch.Tensor | None


@dataclass(frozen=True)
class TermFeatures:
    """The features of N images, or of N windows, that a term compares.

    Attributes:
        kind: `tokens`, `maps` or `embedding`.
        layers: One tensor for each layer that the term compares, in ascending order: (N, T, D) tokens or embedding,
            (N, C, H, W) maps.
        pixels: The term's pixel feature, or None.
        grid: (rows, columns) of the tokens that have a position, at the end of T; None for the other kinds.
        weights: How much each position counts, or None if all count equally. It is the same for both images.
    """

    kind: FeatureKind
    layers: tuple[torch.Tensor, ...]
    pixels: torch.Tensor | None
    grid: tuple[int, int] | None
    weights: TermWeights | None = None

    def with_positions(self, features: torch.Tensor) -> torch.Tensor:
        """Drop the tokens without a position (class, register) from (N, T, ...); return maps as they are."""
        return features if self.grid is None else features[:, -self.grid[0] * self.grid[1] :]


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    r"""One weighted part of a metric.

    A term compares features of a reference and of a distorted image and gives P numbers :math:`v_p \ge 0` for each
    pair, 0 for identical images. With the weights :math:`w_t` of all terms and :math:`\lambda` the `scale` of the
    configuration, the score is

    .. math:: S = \frac{\sum_t w_t \frac{1}{P_t} \sum_p \lambda(v_{tp})}{\sum_t w_t}
        \quad (\mathrm{reduce = mean}), \qquad
        S = \sum_t w_t \sum_p \lambda(v_{tp}) \quad (\mathrm{reduce = sum}).

    A subclass is a frozen dataclass, registered with `TERMS`. Its fields are the term's parameters; the command line,
    the configuration files, the description and the citation are derived from them.

    Attributes:
        name: Name of the term in its configuration.
        view: Name of the view whose features it compares. Default: `main`.
        weight: Weight in the score, from 0 to 100; 0 disables the term. Default: 1.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.
    """

    summary: ClassVar[str]
    """One line for a table."""

    name: str
    view: str = "main"
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_name("terms", self.name)
        check_number(self.path("weight"), self.weight, 0, MAX_WEIGHT)

    def path(self, parameter: str) -> str:
        """Return the name of a parameter in messages and changes, such as `terms.moments.order`."""
        return f"terms.{self.name}.{parameter}"

    def check(self, source: FeatureSource) -> None:  # noqa: B027 - most terms accept every source
        """Check that the term is defined for these features.

        Raises:
            ArgumentError: If not, with the way out.
        """

    def compared_layers(self, source: FeatureSource) -> tuple[int, ...]:  # noqa: ARG002
        """Return the indices of the layers that the term compares, ascending. Default: none."""
        return ()

    @property
    def pixel_feature(self) -> PixelFeature | None:
        """The pixel feature that the term compares. Default: None."""
        return None

    @abstractmethod
    def scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the term's numbers, unweighted and unscaled: (N, P), from 0."""

    def columns(self, source: FeatureSource) -> int:
        """Return P, the number of columns of `scores`. Default: one for each compared layer, else 1."""
        return max(1, len(self.compared_layers(source)))

    def layer_scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute a number for each compared layer: (N, layers), or (N, 1) without layers. Default: `scores`."""
        return self.scores(reference, distorted)

    def accepts_mask(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return whether `scores` and `layer_scores` use `TermFeatures.weights`. Default: False."""
        return False

    def has_map(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return whether the term has a number for each position. Default: False."""
        return False

    def maps(
        self,
        reference: TermFeatures,  # noqa: ARG002
        distorted: TermFeatures,  # noqa: ARG002
    ) -> tuple[torch.Tensor, ...]:
        """Compute the numbers of each position, before pooling: one (N, rows, columns) for each of the P columns.

        Raises:
            ArgumentError: If the term has no map.
        """
        raise ArgumentError(f"The term {self.name!r} has no map: leave it out of a map.")

    def describe(self, source: FeatureSource) -> dict[str, Any]:
        """Return the parameters in JSON types. A parameter without effect on these features is None."""
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("name", "view")}
        if "layers" in own:
            own["layers"] = self.compared_layers(source)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}


TERMS: Registry[type[Term]] = Registry("term", "innersight.metrics.terms", group="innersight.terms", kind=type)


def type_of(term: Term) -> str:
    """Return the registered name of a term's class.

    Raises:
        ArgumentError: If the class is not registered.
    """
    for name, known in TERMS.items():
        if known is type(term):
            return name
    raise ArgumentError(
        f"The class {type(term).__name__} of the term {term.name!r} is not registered: decorate it with "
        "TERMS.register(NAME), or name it in an entry point of the group innersight.terms."
    )
