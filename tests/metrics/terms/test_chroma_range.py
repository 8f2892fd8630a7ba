"""The chroma term is the power mean of the chroma range over the pixels of the image at full chroma resolution."""

from __future__ import annotations

import pytest
import torch

from innersight.distances.chroma_range import chroma_range
from innersight.errors import ArgumentError
from innersight.metrics.terms.base import TermFeatures
from innersight.metrics.terms.chroma_range import ChromaRange
from innersight.preprocess.chroma import chroma_of


@pytest.mark.parametrize("power", [1, 4, 16])
def test_it_is_the_power_mean_written_out(power: int) -> None:
    draw = torch.Generator().manual_seed(0)
    images = [torch.rand(2, 3, 12, 16, generator=draw, dtype=torch.float64) for _ in range(2)]
    term = ChromaRange(power=power)
    shown = torch.zeros(2, 3, 12, 16, dtype=torch.float64)  # the image with reduced chroma is not used
    r, d = (TermFeatures("maps", (), term.pixel_feature.compute(image, shown), None) for image in images)
    positions = chroma_range(*(chroma_of(image) for image in images)).flatten(1)
    torch.testing.assert_close(term.scores(r, d)[:, 0], positions.pow(power).mean(1).pow(1 / power))


@pytest.mark.parametrize("power", [0, 17, 2.0, "4", True])
def test_a_power_outside_the_range_is_refused(power: object) -> None:
    with pytest.raises(ArgumentError, match=r"`terms\.chroma\.power` must be a whole number from 1 to 16, but got"):
        ChromaRange(power=power)  # type: ignore[arg-type]
