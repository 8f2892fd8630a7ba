"""A heatmap has the size of the image. It is dark where the images are equal and bright where they differ most."""

from __future__ import annotations

import numpy as np
import pytest

from innersight.errors import ArgumentError
from innersight.report.heatmap import draw_heatmap

BLACK = np.zeros((3, 20, 30), dtype=np.float32)


def lightness(picture) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=float)


def test_brightness_follows_the_map() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 30, dtype=np.float32), (20, 30))
    drawn = lightness(draw_heatmap(ramp, BLACK))
    assert drawn.shape == (20, 30)
    assert (np.diff(drawn[0]) > 0).all()
    assert drawn[0, 0] < 10
    assert drawn[0, -1] > 140


def test_no_difference_is_dark_and_shows_the_image() -> None:
    image = np.zeros((3, 20, 30), dtype=np.float32)
    image[:, :, 15:] = 1
    drawn = lightness(draw_heatmap(np.zeros((20, 30), dtype=np.float32), image))
    assert drawn[:, :15].max() < 10 < 80 < drawn[:, 15:].min() < 100


def test_one_top_makes_two_maps_comparable() -> None:
    weak, strong = (
        lightness(draw_heatmap(np.full((20, 30), value, dtype=np.float32), BLACK, top=1.0)).mean()
        for value in (0.2, 0.9)
    )
    assert weak < strong
    assert (
        lightness(draw_heatmap(np.full((20, 30), 7, dtype=np.float32), BLACK, top=1.0)).mean() >= strong
    )  # clipped at the top


def test_errors() -> None:
    with pytest.raises(ArgumentError, match=r"`values` must have the size of the image, \(20, 30\), but got \(4, 4\)"):
        draw_heatmap(np.zeros((4, 4), dtype=np.float32), BLACK)
    with pytest.raises(ArgumentError, match="`top` must be above 0, but got 0"):
        draw_heatmap(np.zeros((20, 30), dtype=np.float32), BLACK, top=0)
