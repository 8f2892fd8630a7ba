"""The setting nearest to a wanted score is found in few encodings, for encoders of any kind."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from innersight import Scorer
from innersight.errors import ArgumentError, ImageError
from innersight.inference.target_search import _search, find_quality

PHOTOGRAPH = Image.fromarray(data.coffee()).crop((100, 50, 451, 310))


def jpeg(quality: float) -> bytes:
    file = io.BytesIO()
    PHOTOGRAPH.save(file, "JPEG", quality=int(quality), subsampling=2)
    return file.getvalue()


def searched(scores: list[float], wanted: float, tolerance: float, most: int) -> tuple[str, dict[int, float]]:
    seen: dict[int, float] = {}

    def measure(index: int) -> float:
        assert index not in seen
        seen[index] = scores[index]
        return scores[index]

    return _search(measure, len(scores), wanted, tolerance, most), seen


FALLING = st.lists(st.floats(0, 10), min_size=1, max_size=100, unique=True).map(lambda v: sorted(v, reverse=True))


@given(FALLING, st.floats(0, 10), st.booleans())
def test_eight_encodings_find_the_nearest_of_100_settings_in_order(
    scores: list[float], wanted: float, rising: bool
) -> None:
    if rising:
        scores = scores[::-1]
    status, seen = searched(scores, wanted, 0.0, 8)
    best = min(seen.values(), key=lambda score: abs(score - wanted))
    assert abs(best - wanted) == min(abs(score - wanted) for score in scores)
    if status == "outside":
        assert wanted < min(scores) or wanted > max(scores)
    else:
        assert status in ("nearest", "within tolerance")


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300), st.floats(-1, 11), st.integers(1, 12))
def test_any_order_of_scores_ends_within_the_encodings(scores: list[float], wanted: float, most: int) -> None:
    status, seen = searched(scores, wanted, 0.05, most)
    assert len(seen) <= most
    best = min(abs(score - wanted) for score in seen.values())
    assert (status == "within tolerance") == (best <= 0.05)
    if status == "nearest":
        assert any(index + 1 in seen and (seen[index] - wanted) * (seen[index + 1] - wanted) <= 0 for index in seen)


def test_a_flat_encoder_is_outside_after_both_ends() -> None:
    status, seen = searched([5.0] * 100, 3, 0.05, 8)
    assert (status, len(seen)) == ("outside", 4)


@pytest.mark.parametrize("wanted", [5, 6, 7, 9])
def test_a_jpeg_of_a_wanted_score_is_found(wanted: float) -> None:
    scorer = Scorer("lite")
    found = find_quality(scorer, PHOTOGRAPH, jpeg, wanted)
    assert found.found
    assert len(found.encodings) <= 8
    assert found.best.data == jpeg(found.best.quality)
    assert found.best.score == pytest.approx(scorer(PHOTOGRAPH, found.best.data), rel=1e-5)
    near = [scorer(PHOTOGRAPH, jpeg(found.best.quality + step)) for step in (-1, 1)]
    assert abs(found.best.score - wanted) <= max(0.05, *(abs(score - wanted) for score in near))


def test_settings_are_on_the_grid_of_the_step() -> None:
    asked: list[float] = []

    def encode(quality: float) -> bytes:
        asked.append(quality)
        return jpeg(quality * 10)

    find_quality(Scorer("lite"), PHOTOGRAPH, encode, 6, lowest=0.5, highest=9.5, step=0.1)
    assert all(round(value * 10) / 10 == value and 0.5 <= value <= 9.5 for value in asked)


def test_a_metric_that_is_higher_for_similar_images() -> None:
    found = find_quality(Scorer("psnr"), PHOTOGRAPH, jpeg, 32, tolerance=0.1)
    assert found.found
    assert found.best.score == pytest.approx(32, abs=0.3)


def test_an_end_that_does_not_reach_the_score_is_said_to_be_so() -> None:
    found = find_quality(Scorer("lite"), PHOTOGRAPH, jpeg, 0.5)
    assert (found.status, found.found, found.best.quality) == ("outside", False, 100)


def test_an_image_of_another_size_is_an_error() -> None:
    def encode(_: float) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(file, "PNG")
        return file.getvalue()

    with pytest.raises(ImageError, match="differ in size"):
        find_quality(Scorer("lite"), PHOTOGRAPH, encode, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0}, "`step` must be above 0"),
        ({"tolerance": -1}, "`tolerance` from 0"),
        ({"highest": 0}, "`highest` must be at least `lowest`"),
        ({"max_encodes": 0}, "`max_encodes` must be a whole number"),
        ({"step": 1e-9}, "at most 1,000,000 settings"),
        ({"lowest": float("nan")}, "`lowest` must be a finite number"),
        ({"wanted": True}, "`wanted` must be a finite number"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    encode: Callable[[float], bytes] = jpeg
    with pytest.raises(ArgumentError, match=message):
        find_quality(Scorer("lite"), PHOTOGRAPH, encode, **{"wanted": 5, **options})
