"""The configuration of a metric, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from innersight.errors import ArgumentError, unknown_name
from innersight.metrics.terms.base import Term
from innersight.metrics.values import check_choice
from innersight.metrics.view import View

Scale = Literal["linear", "log"]
Reduce = Literal["mean", "sum"]

LOG_FLOOR = 1e-5
"""The value at which the scale `log` changes from linear to logarithmic."""


@dataclass(frozen=True, kw_only=True)
class MetricConfig:
    r"""Everything that decides a score, except the weights of the networks.

    The score is the weighted mean, or the weighted sum, of the terms; `innersight.metrics.terms.base.Term` has the
    formula.

    Attributes:
        name: Name of the configuration.
        views: What is extracted from an image: one or several views with different names.
        terms: What is compared: one or several terms with different names, each of a view.
        scale: `linear`: the numbers of a term enter as they are. `log`: they enter as :math:`\ln(1 + 10^5 v)`, so that
            terms of different size have comparable influence. Default: `linear`.
        reduce: `mean`: the weighted mean of the terms. `sum`: the weighted sum over terms and layers, as in the paper.
            Default: `mean`.

    Raises:
        ArgumentError: If a name is used twice, a term has an unknown view, or no term has a weight.

    Example:
        >>> from innersight.metrics.terms.feature_distance import FeatureDistance
        >>> config = MetricConfig(
        ...     name="mine", views=(View(backbone="efficientnet-lite0"),), terms=(FeatureDistance(layers=(0, 1)),)
        ... )
        >>> config.active_terms[0].distance, config.reduce
        ('l2', 'mean')
    """

    name: str
    views: tuple[View, ...]
    terms: tuple[Term, ...]
    scale: Scale = "linear"
    reduce: Reduce = "mean"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ArgumentError(f"Argument `name` must be a text of one character at least, but got {self.name!r}.")
        check_choice("scale", self.scale, get_args(Scale))
        check_choice("reduce", self.reduce, get_args(Reduce))
        for argument, items, kind in (("views", self.views, View), ("terms", self.terms, Term)):
            if not isinstance(items, tuple) or not items or not all(isinstance(item, kind) for item in items):
                raise ArgumentError(
                    f"Argument `{argument}` must be a tuple of one or more {kind.__name__}s, but got {items!r}."
                )
            names = [item.name for item in items]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ArgumentError(f"Argument `{argument}` has the name {twice[0]!r} twice: give each its own name.")
        views = [view.name for view in self.views]
        for term in self.terms:
            if term.view not in views:
                raise unknown_name(term.path("view"), term.view, views)
        if not self.active_terms:
            raise ArgumentError("Argument `terms`: all weights are 0. Give one term a weight, such as 1.")

    @property
    def active_terms(self) -> tuple[Term, ...]:
        """The terms whose weight is not 0."""
        return tuple(term for term in self.terms if term.weight)

    @property
    def active_views(self) -> tuple[View, ...]:
        """The views that an active term compares."""
        used = {term.view for term in self.active_terms}
        return tuple(view for view in self.views if view.name in used)
