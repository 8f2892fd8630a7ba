"""A score is explained by the JPEG and the blur of the same reference that have it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from skimage import data

from innersight import Scorer
from innersight.errors import ArgumentError
from innersight.inference.equivalents import SIGMAS, DistortedReference, Explanation, _nearest, score_of_jpeg

PHOTOGRAPH = Image.fromarray(data.coffee()).crop((100, 50, 451, 310))


def jpeg(quality: int) -> bytes:
    file = io.BytesIO()
    PHOTOGRAPH.save(file, "JPEG", quality=quality, subsampling=2)
    return file.getvalue()


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer("lite")


@pytest.mark.parametrize("quality", [1, 10, 41, 75, 100])
def test_the_score_of_a_jpeg_is_that_of_the_file(scorer: Scorer, quality: int) -> None:
    assert score_of_jpeg(scorer, PHOTOGRAPH, quality) == pytest.approx(scorer(PHOTOGRAPH, jpeg(quality)), rel=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("metric", ["lite", "psnr"])
@pytest.mark.parametrize("quality", [8, 30, 62, 90])
def test_a_jpeg_is_explained_by_a_quality_with_its_score(metric: str, quality: int) -> None:
    scorer = Scorer(metric)
    score = scorer(PHOTOGRAPH, jpeg(quality))
    found = scorer.explain(PHOTOGRAPH, score).jpeg_equivalent
    assert found is not None
    assert found == pytest.approx(quality, abs=4)  # neighbouring qualities can be in another order than their scores
    assert score_of_jpeg(scorer, PHOTOGRAPH, found) == pytest.approx(score, rel=0.02)


def test_a_blur_is_explained_by_its_sigma(scorer: Scorer) -> None:
    score = scorer(PHOTOGRAPH, PHOTOGRAPH.filter(ImageFilter.GaussianBlur(2.5)))
    assert scorer.explain(PHOTOGRAPH, score).blur_equivalent == pytest.approx(2.5, rel=0.05)


def test_scores_beyond_the_range_are_said_to_be_so(scorer: Scorer) -> None:
    same = scorer.explain(PHOTOGRAPH, 0.0)
    assert same == Explanation(None, "closer", None, "closer")
    far = scorer.explain(PHOTOGRAPH, 100.0)
    assert far == Explanation(None, "further", None, "further")
    assert far.sentence == (
        "Further from the reference than its own JPEG at quality 1, and than a Gaussian blur of sigma 32 pixels."
    )
    mixed = Explanation(None, "closer", 0.5, None)
    assert mixed.sentence.endswith(
        "quality 100, and as different from the reference as a Gaussian blur of sigma 0.5 pixels."
    )


def test_a_region_is_explained_by_the_same_region(scorer: Scorer) -> None:
    score = scorer.score(PHOTOGRAPH, jpeg(40), crop_border=20, ignore=[(0, 0, 60, 60)]).score
    found = scorer.explain(PHOTOGRAPH, score, crop_border=20, ignore=[(0, 0, 60, 60)])
    assert found.jpeg_equivalent == pytest.approx(40, abs=4)


@pytest.mark.parametrize("quality", [0, 101, 50.0, True])
def test_another_quality_is_refused(scorer: Scorer, quality: int) -> None:
    with pytest.raises(ArgumentError, match="`quality` must be a whole number from 1 to 100"):
        score_of_jpeg(scorer, PHOTOGRAPH, quality)


def test_fifteen_scores_are_computed_with_one_extraction_of_the_reference(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(
        "innersight.inference.equivalents.DistortedReference._score", lambda _, image: asked.append(1) or 5.0
    )
    references: list[object] = []
    monkeypatch.setattr(scorer, "reference", lambda image: references.append(image))
    DistortedReference(scorer, PHOTOGRAPH).explain(4.0)
    assert (len(asked) <= 15, len(references)) == (True, 1)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=60, unique=True).map(lambda values: sorted(values, reverse=True)),
    st.floats(-1, 101),
)
def test_the_nearest_of_falling_distances_is_found(distances: list[float], wanted: float) -> None:
    level, beyond = _nearest(range(len(distances)), lambda index: distances[index], wanted)
    if beyond is None:
        assert abs(distances[level] - wanted) == min(abs(distance - wanted) for distance in distances)
    else:
        assert wanted < min(distances) if beyond == "closer" else wanted > max(distances)


def test_the_blurs_fall_from_32_to_a_tenth_of_a_pixel() -> None:
    assert (SIGMAS[0], SIGMAS[-1], len(SIGMAS)) == (32, 0.1, 127)
    assert (np.diff(SIGMAS) < 0).all()


def test_a_score_of_0_is_closer_than_every_jpeg_and_blur() -> None:
    found = Scorer("lite").explain(data.chelsea(), 0.0)
    assert (found.jpeg_equivalent, found.blur_equivalent) == (None, None)
    assert (found.jpeg_beyond, found.blur_beyond) == ("closer", "closer")
