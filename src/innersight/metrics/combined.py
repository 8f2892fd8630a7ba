"""Several metrics as one: the weighted mean of their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import nn

from innersight._version import __version__
from innersight.errors import ArgumentError
from innersight.metrics.contract import PairMetric
from innersight.metrics.module import Metric
from innersight.metrics.views import Views


class CombinedMetric(nn.Module):
    r"""The weighted mean of all terms of several metrics, each with its own network and input.

    .. math:: S(r, d) = \frac{\sum_m w_m S_m(r, d)}{\sum_m w_m}

    with :math:`w_m` the `weight` of a metric, the sum of its terms' weights: a term counts by its own in whichever
    member it is. Made by `innersight.create_metric("best")`. Meant for metrics on one scale, such as those whose layers
    enter as logarithms and are averaged. Used as an `innersight.Metric`.

    Args:
        name: What it is called.
        members: The metrics by name, two at least, on one device and in one precision.

    Attributes:
        is_differentiable: True.
        higher_is_better: False.
        members: As given.

    Raises:
        ArgumentError: If there are fewer than two members, or their scores are not on one scale.

    Example:
        >>> import innersight
        >>> members = innersight.create_metrics(["lite", "lite:chroma=full"])
        >>> both = CombinedMetric("both", members)
        >>> reference = torch.rand(2, 3, 96, 128)
        >>> both(reference, reference), both.per_layer(reference, reference).shape
        (tensor([0., 0.]), torch.Size([2, 12]))
    """

    is_differentiable = True
    higher_is_better = False

    def __init__(self, name: str, members: Mapping[str, Metric]) -> None:
        super().__init__()
        if len(members) < 2:
            raise ArgumentError(f"Argument `members` must hold two metrics at least, but got {list(members)}.")
        for member_name, member in members.items():
            if (member.config.layer_scale, member.config.layer_pooling) != ("log", "mean"):
                raise ArgumentError(
                    f"Argument `members`: scores can be averaged where each is a mean of logarithms, but {member_name} "
                    f"has layer_scale={member.config.layer_scale!r}, layer_pooling={member.config.layer_pooling!r}."
                )
        self.name = name
        self.members = dict(members)
        self._modules_of_members = nn.ModuleList(self.members.values())  # for .to()

    def train(self, mode: bool = True) -> CombinedMetric:  # noqa: ARG002
        """Stay in evaluation mode, also as part of a model that trains."""
        return super().train(False)

    def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Score each pair; as `Metric.forward`."""
        return self._mean([member(reference, distorted) for member in self.members.values()])

    def look(self, images: torch.Tensor) -> tuple[Views, ...]:
        """Compute what each member's network sees of images, to compare it with others later; as `Metric.look`."""
        return tuple(member.look(images) for member in self.members.values())

    def compare(self, reference: tuple[Views, ...], distorted: tuple[Views, ...]) -> torch.Tensor:
        """Score what was seen by `look`, (N,); as `Metric.compare`."""
        seen = zip(self.members.values(), reference, distorted, strict=True)
        return self._mean([member.compare(r, d) for member, r, d in seen])

    def per_layer(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Compute each layer's part of the score, in the order of `layer_names`: (N, layers), their sum the score."""
        parts = zip(self.members.values(), shares_of(self), strict=True)
        return torch.cat([share * member.per_layer(reference, distorted) for member, share in parts], dim=1)

    def map(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Show where the images differ: the members' maps, weighted as their scores, (N, H, W); as `Metric.map`.

        A member without a map adds nothing.

        Raises:
            ArgumentError: As `Metric.map`, or if no member has one.
        """
        parts = list(zip(self.members.values(), shares_of(self), strict=True))
        shown = [(member, share) for member, share in parts if member.has_map] or parts  # a first one says why not
        return torch.stack([share * member.map(reference, distorted) for member, share in shown]).sum(0)

    def _mean(self, scores: list[torch.Tensor]) -> torch.Tensor:
        shares = scores[0].new_tensor(shares_of(self))
        return (torch.stack(scores, dim=1) * shares).sum(1)

    @property
    def layer_names(self) -> list[str]:
        """What each number of `per_layer` is of."""
        return [f"{name} {layer}" for name, member in self.members.items() for layer in member.layer_names]

    @property
    def dtype(self) -> torch.dtype:
        """The dtype scores are computed in."""
        return next(iter(self.members.values())).dtype

    @property
    def device(self) -> torch.device:
        """The device scores are computed on."""
        return next(iter(self.members.values())).device

    @property
    def citation(self) -> str:
        """One line to quote beside a number: everything that decided it."""
        parts = "; ".join(member.citation.partition(": ")[2] for member in self.members.values())
        return f"innersight {__version__} {self.name}, mean of all terms of {' and '.join(self.members)}: {parts}"

    def describe(self) -> dict[str, Any]:
        """Return everything that decided a score, in JSON types."""
        return {
            "preset": self.name,
            "innersight": __version__,
            "mean_of": {name: member.describe() for name, member in self.members.items()},
            "per_layer": self.layer_names,
            "citation": self.citation,
        }


AnyMetric: TypeAlias = PairMetric | CombinedMetric
"""What a list of pairs can be scored by."""


def shares_of(metric: AnyMetric) -> tuple[float, ...]:
    """Return what each of `members_of` counts in the score; together 1."""
    if not isinstance(metric, CombinedMetric):
        return (1.0,)
    weights = [member.weight for member in metric.members.values()]
    return tuple(weight / sum(weights) for weight in weights)


def members_of(metric: AnyMetric) -> tuple[PairMetric, ...]:
    """Return the metrics whose scores' weighted mean a metric's score is: its members, or itself alone."""
    return tuple(metric.members.values()) if isinstance(metric, CombinedMetric) else (metric,)
