"""The thumbnail term compares the means of square cells of the image that the network gets."""

from __future__ import annotations

import pytest
import torch

from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TermFeatures
from innersight.metrics.terms.thumbnail import ThumbnailDistance, thumbnail


def sides(cells: int) -> list[TermFeatures]:
    draw = torch.Generator().manual_seed(0)
    images = [torch.rand(1, 3, 16, 32, generator=draw) for _ in range(2)]
    feature = ThumbnailDistance(cells=cells).pixel_feature
    unused = torch.zeros(1, 3, 16, 32)
    return [TermFeatures("maps", (), feature.compute(unused, image), None) for image in images]


def test_cells_are_means_of_squares_along_the_shorter_side() -> None:
    images = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(0))
    wanted = images.unflatten(2, (4, 4)).unflatten(4, (8, 4)).mean((3, 5))
    torch.testing.assert_close(thumbnail(images, 4), wanted)
    assert thumbnail(torch.rand(1, 3, 101, 199), 8).shape == (1, 3, 8, 16)
    assert thumbnail(torch.rand(1, 3, 5, 3), 8).shape == (1, 3, 13, 8)  # smaller than the cells


def test_mean_and_root_mean_square_written_out() -> None:
    r, d = sides(4)
    assert r.pixels is not None
    assert d.pixels is not None
    positions = (r.pixels - d.pixels).square().mean(1).flatten(1)
    torch.testing.assert_close(ThumbnailDistance(cells=4).scores(r, d)[:, 0], positions.square().mean(1).sqrt())
    torch.testing.assert_close(ThumbnailDistance(cells=4, pooling="mean").scores(r, d)[:, 0], positions.mean(1))


def test_thumbnails_of_other_sizes_are_other_features() -> None:
    assert ThumbnailDistance(cells=4).pixel_feature == ThumbnailDistance(cells=4, weight=3).pixel_feature
    assert ThumbnailDistance(cells=4).pixel_feature != ThumbnailDistance(cells=5).pixel_feature


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cells": 0}, r"`terms\.thumbnail\.cells` must be a whole number from 1 to 64, but got 0"),
        ({"cells": 2.0}, r"`terms\.thumbnail\.cells` must be a whole number from 1 to 64, but got 2\.0"),
        ({"pooling": "max"}, r"`terms\.thumbnail\.pooling` must be one of \(mean, rms\)"),
        ({"distance": "cos"}, r"`terms\.thumbnail\.distance` must be a distance with a number for each position, which 'cos'"),
        ({"distance": "jsd"}, "'jsd' is not defined for maps, which is what a thumbnail"),
    ],
)  # fmt: skip
def test_what_a_field_cannot_hold_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ThumbnailDistance(**fields)
