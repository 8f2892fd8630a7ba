"""The term of channel moments compares the moments of each layer, without regard to positions."""

from __future__ import annotations

import pytest
import torch

from innersight.errors import ArgumentError
from innersight.metrics.terms.base import FeatureSource, TermFeatures
from innersight.metrics.terms.channel_moments import ChannelMoments


def test_it_is_the_relative_difference_of_the_moments_written_out() -> None:
    draw = torch.Generator().manual_seed(0)
    r, d = (torch.rand(1, 5, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    sides = [TermFeatures("tokens", (x,), None, (2, 2)) for x in (r, d)]  # the first token has no position
    a, b = ((x[:, 1:] - x[:, 1:].mean(1, keepdim=True)).pow(4).mean(1).pow(1 / 4) for x in (r, d))
    wanted = 2 * (a - b).square().sum(1) / (a.square() + b.square()).sum(1)
    torch.testing.assert_close(ChannelMoments(order=4).scores(*sides)[:, 0], wanted)


def test_the_order_of_positions_has_no_effect() -> None:
    maps = torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    sides = [TermFeatures("maps", (x,), None, None) for x in (maps, maps.flip(2, 3))]
    assert ChannelMoments().scores(*sides) < 1e-10


def test_an_embedding_is_refused_with_the_way_out() -> None:
    with pytest.raises(ArgumentError, match=r"'moments' needs intermediate features.*terms\.moments\.weight=0"):
        ChannelMoments().check(FeatureSource("net", "embedding", 1))


@pytest.mark.parametrize("order", [3, 0, 2.0, "2", True, None])
def test_an_order_that_there_is_not_is_refused(order: object) -> None:
    with pytest.raises(ArgumentError, match=r"`terms\.moments\.order` must be one of \(2, 4, 8\), but got"):
        ChannelMoments(order=order)  # type: ignore[arg-type]


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`terms\.moments\.layers`"):
        ChannelMoments(layers=(9,)).check(FeatureSource("net", "maps", 3))
