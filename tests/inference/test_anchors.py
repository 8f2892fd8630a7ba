"""The table that says what a score means without the reference."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image
from skimage import data

from innersight import Scorer
from innersight.inference.anchors import Anchors, configuration_digest, find_anchors


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer("lite")


def qualities(sentence: str) -> list[int]:
    return [int(text) for text in re.findall(r"\d+", sentence)]


@pytest.mark.thorough
@pytest.mark.parametrize("quality", [95, 75, 50, 25, 10])
@pytest.mark.parametrize(
    ("photograph", "short"),
    [
        (data.astronaut, 512),
        (data.astronaut, 430),
        (data.coffee, 400),
        (data.coffee, 370),
        (data.coffee, 330),
        (data.chelsea, 300),
        (data.chelsea, 280),
        (data.chelsea, 262),
        (data.coffee, 256),
        (data.chelsea, 210),
        (data.astronaut, 140),
    ],
)
def test_the_quality_of_photographs_that_are_not_in_the_table_is_near(
    scorer: Scorer, photograph: object, short: int, quality: int
) -> None:
    image = Image.fromarray(photograph())
    factor = short / min(image.size)
    image = image.resize([round(factor * side) for side in image.size], Image.Resampling.LANCZOS)
    image.save(file := io.BytesIO(), "JPEG", quality=quality, subsampling="4:2:0")
    anchors = find_anchors(scorer.describe(), (image.height, image.width))
    assert anchors is not None
    low, *high = qualities(anchors.sentence(scorer(image, file.getvalue())))
    # Another photograph can lie outside the range of the seven of the table.
    assert low - 15 <= quality <= (high or [low])[0] + 15


def test_the_table_is_that_of_exactly_one_configuration(scorer: Scorer) -> None:
    size = (512, 768)
    assert find_anchors(scorer.describe(), size) is not None
    assert find_anchors(Scorer("lite", runtime="torch").describe(), size) is not None
    assert find_anchors(Scorer("lite", changes={"terms.moments.weight": 0}).describe(), size) is None
    assert find_anchors(Scorer("psnr").describe(), size) is None
    changed = {**scorer.describe(), "scale": "linear"}
    assert configuration_digest(changed) != configuration_digest(scorer.describe())


@pytest.mark.parametrize(
    ("size", "there"), [((127, 500), False), ((128, 500), True), ((900, 512), True), ((513, 900), False)]
)
def test_the_table_has_its_sizes_only(scorer: Scorer, size: tuple[int, int], there: bool) -> None:
    assert (find_anchors(scorer.describe(), size) is not None) == there


def test_smaller_images_score_higher_and_higher_qualities_lower(scorer: Scorer) -> None:
    tables = [find_anchors(scorer.describe(), (short, 999)) for short in (128, 256, 384, 512)]
    for table in tables:
        assert table is not None
        assert (np.diff(table.lowest) <= 0.1).all()
        assert all(low <= high for low, high in zip(table.lowest, table.highest, strict=True))
    assert [table.lowest[-1] for table in tables] == sorted((table.lowest[-1] for table in tables), reverse=True)


def test_sentences_beyond_the_table() -> None:
    anchors = Anchors((1, 50, 100), (9.0, 5.0, 3.0), (11.0, 6.0, 3.4))
    assert anchors.sentence(2.9) == "Photographs of this size have a higher score at JPEG quality 100."
    assert anchors.sentence(11.1) == "Photographs of this size have a lower score at JPEG quality 1."
    assert anchors.sentence(3.0) == "Photographs of this size have this score at JPEG quality 100."


def test_invisible_changes_have_scores_up_to_about_3_fault_51(scorer: Scorer) -> None:
    """docs/scores.md states these bounds."""
    fine = data.astronaut().reshape(256, 2, 256, 2, 3).mean((1, 3)) / 255  # means of four samples
    eight = (255 * fine).round().astype(np.uint8)
    assert 1.5 < scorer(fine, eight) < 3.1
    assert 1 < scorer(eight, np.where(eight < 255, eight + 1, 255).astype(np.uint8)) < 3
    grey = [np.full((256, 256), level, dtype=np.uint8) for level in (128, 129)]
    assert 1 < scorer(*grey) < 2.5
    anchors = find_anchors(scorer.describe(), (512, 768))
    assert anchors is not None
    assert 2.8 < anchors.lowest[-1] <= anchors.highest[-1] < 3.5
