"""The distance between thumbnails of the images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import torch

from innersight.distances.numerics import pool
from innersight.distances.registry import Positional, find_rule
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TERMS, FeatureSource, PixelFeature, Term, TermFeatures
from innersight.metrics.values import check_choice

Pooling = Literal["mean", "rms"]

_MAX_CELLS = 64


@TERMS.register("thumbnail")
@dataclass(frozen=True, kw_only=True)
class ThumbnailDistance(Term):
    r"""The distance between thumbnails: both images averaged over square cells.

    With the distance `l2` the number of a cell p is

    .. math:: \delta_p = \frac13 \sum_{c \in RGB} (d_{pc} - r_{pc})^2

    with r and d the means of the images over the cell. The term responds to changes of brightness and colour over large
    areas, to which the network is nearly insensitive.

    Attributes:
        name: Default: `thumbnail`.
        distance: Name of a distance of maps with a number for each position. Default: `l2`.
        cells: Number of cells along the shorter side of the image (of a window, where the view has windows), from 1 to
            64. Default: 8.
        pooling: `mean` or `rms` (root of the mean square) over cells. Default: `rms`.

    Raises:
        ArgumentError: If a field holds a value that is not allowed.
    """

    summary: ClassVar[str] = "distance between the images averaged over square cells"

    name: str = "thumbnail"
    distance: str = "l2"
    cells: int = 8
    pooling: Pooling = "rms"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.path("pooling"), self.pooling, get_args(Pooling))
        if not isinstance(find_rule(self.distance, "maps", "a thumbnail"), Positional):
            raise ArgumentError(
                f"Argument `{self.path('distance')}` must be a distance with a number for each position, which "
                f"{self.distance!r} of maps is not: use 'l2', 'rel-l2' or 'channel-cos'."
            )
        if type(self.cells) is not int or not 1 <= self.cells <= _MAX_CELLS:
            raise ArgumentError(
                f"Argument `{self.path('cells')}` must be a whole number from 1 to {_MAX_CELLS}, but got "
                f"{self.cells!r}."
            )

    @property
    def pixel_feature(self) -> PixelFeature:
        """The thumbnail of the image as the network gets it: (N, 3, rows, columns)."""
        return PixelFeature(f"thumbnail {self.cells}", partial(_thumbnail_as_shown, cells=self.cells))

    def scores(self, reference: TermFeatures, distorted: TermFeatures) -> torch.Tensor:
        """Compute the pooled distance: (N, 1), from 0."""
        (positions,) = self.maps(reference, distorted)
        weights = None if reference.weights is None else reference.weights.pixels
        return pool(positions, self.pooling, weights)[:, None]

    def accepts_mask(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def has_map(self, source: FeatureSource) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def maps(self, reference: TermFeatures, distorted: TermFeatures) -> tuple[torch.Tensor, ...]:
        """Compute the distance of each cell: (N, rows, columns)."""
        if reference.pixels is None or distorted.pixels is None:
            raise ValueError("the thumbnail is missing from the features")
        return (find_rule(self.distance, "maps", "a thumbnail")(reference.pixels, distorted.pixels),)


def thumbnail(images: torch.Tensor, cells: int) -> torch.Tensor:
    """Average images over square cells.

    Args:
        images: (N, C, H, W).
        cells: Number of cells along the shorter side; the longer side has as many as fit its length, rounded.

    Returns:
        (N, C, rows, columns).

    Example:
        >>> thumbnail(torch.rand(1, 3, 64, 128), 8).shape
        torch.Size([1, 3, 8, 16])
    """
    height, width = images.shape[-2:]
    # Sizes are symbols in an exported graph, which min would compare with each other for good.
    shorter: Any = torch.sym_min(height, width) if torch.compiler.is_exporting() else min(height, width)
    rows, columns = (_divide_rounded(cells * side, shorter) for side in (height, width))
    return _averages(height, rows, images) @ images @ _averages(width, columns, images).T


def _divide_rounded(numerator: int, denominator: int) -> int:
    """Divide positive integers, which may be symbols, and round to the nearest integer, halves to the even one."""
    quotient, rest = (
        (2 * numerator + denominator) // (2 * denominator),
        (2 * numerator + denominator) % (2 * denominator),
    )
    tie = (2 * denominator - rest) // (2 * denominator)  # 1 if rest is 0, else 0
    return quotient - tie * (quotient % 2)


def _averages(length: int, cells: int, like: torch.Tensor) -> torch.Tensor:
    """Make the matrix (cells, length) that averages positions over cells; cells of unequal length share a position."""
    index = torch.arange(cells, device=like.device)
    starts, ends = index * length // cells, ((index + 1) * length + cells - 1) // cells
    position = torch.arange(length, device=like.device)
    inside = (position >= starts[:, None]) & (position < ends[:, None])
    return inside.to(like.dtype) / (ends - starts)[:, None]


def _thumbnail_as_shown(images: torch.Tensor, shown: torch.Tensor, cells: int) -> torch.Tensor:  # noqa: ARG001
    return thumbnail(shown, cells)
