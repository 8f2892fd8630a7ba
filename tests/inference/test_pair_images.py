"""Images with transparent pixels are compared on white and on black, and the larger difference counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from innersight import Scorer, create_scorers, read_image, score_pairs
from innersight.errors import ArgumentError
from innersight.inference.feature_cache import FeatureCache

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def white_disc(blur: float = 0) -> Image.Image:
    """White on transparent pixels: only its alpha channel has a shape."""
    rows, columns = np.mgrid[:96, :128]
    alpha = Image.fromarray((((rows - 48) ** 2 + (columns - 64) ** 2) < 900).astype(np.uint8) * 255)
    image = Image.new("RGBA", (128, 96), (255, 255, 255, 0))
    image.putalpha(alpha.filter(ImageFilter.GaussianBlur(blur)))
    return image


@pytest.fixture
def discs(tmp_path: Path) -> tuple[Path, Path]:
    white_disc().save(tmp_path / "a.png")
    white_disc(6).save(tmp_path / "b.png")
    return tmp_path / "a.png", tmp_path / "b.png"


def on(color: tuple[float, float, float], *files: Path) -> list[Any]:
    return [np.ascontiguousarray(read_image(file, background=color).transpose(1, 2, 0)) for file in files]


class TestScorer:
    def test_white_on_transparent_pixels_is_seen_fault_2(self, discs: tuple[Path, Path]) -> None:
        scorer = Scorer("lite")
        found = scorer.score(*discs, per_layer=True, map=True)
        wanted = scorer.score(*on(BLACK, *discs), per_layer=True, map=True)
        assert found.score == wanted.score > 3
        assert found.per_layer == wanted.per_layer
        assert np.array_equal(np.asarray(found.map), np.asarray(wanted.map))
        assert found.background == BLACK
        assert found.transparent == ("reference", "distorted")

    def test_the_larger_difference_counts_for_a_metric_that_is_higher_for_similar_images(
        self, discs: tuple[Path, Path]
    ) -> None:
        scorer = Scorer("psnr")
        found = scorer.score(*discs)
        assert found.score == scorer(*on(BLACK, *discs)) < 40

    def test_a_background_is_the_only_one_fault_2(self, discs: tuple[Path, Path]) -> None:
        scorer = Scorer("lite")
        white = scorer.score(*discs, background=WHITE)
        assert (white.score, white.background) == (0, WHITE)
        grey = (0.5, 0.5, 0.5)
        assert scorer.score(*discs, background=grey).score == scorer(*on(grey, *discs))

    def test_one_transparent_image_is_enough(self, discs: tuple[Path, Path]) -> None:
        found = Scorer("lite").score(Image.new("RGB", (128, 96), "white"), discs[0])
        assert found.transparent == ("distorted",)
        assert found.background == BLACK

    def test_an_alpha_channel_without_a_transparent_pixel_changes_nothing(self) -> None:
        scorer = Scorer("lite")
        plain = Image.fromarray(data.chelsea())
        noisy = plain.filter(ImageFilter.GaussianBlur(2))
        opaque = [image.convert("RGBA") for image in (plain, noisy)]
        found = scorer.score(*opaque)
        assert found.score == scorer(plain, noisy)
        assert (found.transparent, found.background) == ((), None)

    def test_features_of_an_opaque_reference_are_compared_on_both(self, discs: tuple[Path, Path]) -> None:
        scorer = Scorer("lite")
        plain = Image.new("RGB", (128, 96), "white")
        found = scorer.score(scorer.reference(plain), discs[0])
        assert found.score == pytest.approx(scorer(plain, discs[0]), rel=1e-5)
        assert found.background == BLACK

    def test_features_of_a_transparent_reference_have_one_background(self, discs: tuple[Path, Path]) -> None:
        scorer = Scorer("lite")
        assert scorer.score(scorer.reference(discs[0]), discs[1]).score == 0
        black = scorer.reference(discs[0], background=BLACK)
        found = scorer.score(black, discs[1])
        assert found.score == pytest.approx(scorer(*discs), rel=1e-5)
        assert found.background == BLACK
        with pytest.raises(ArgumentError, match="give the background to the method `reference`"):
            scorer.score(black, discs[1], background=WHITE)

    def test_other_backgrounds_are_refused(self, discs: tuple[Path, Path]) -> None:
        with pytest.raises(ArgumentError, match="`background` must be three numbers"):
            Scorer("lite").score(*discs, background=(1, 2, 3))


class TestLists:
    def test_a_pair_scores_as_by_itself_fault_2(self, discs: tuple[Path, Path], tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path / "cache", 1 << 26)
        wanted = Scorer("lite")(*discs)
        for batch_size in (1, 4):
            for _ in range(2):  # the second time from the cache
                first, second = score_pairs(
                    [discs, discs], create_scorers(["lite"]), cache=cache, batch_size=batch_size
                )
                assert first.scores["lite"] == second.scores["lite"] == pytest.approx(wanted, rel=1e-5)
                assert first.transparent

    def test_a_background_is_the_only_one(self, discs: tuple[Path, Path], tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path / "cache", 1 << 26)
        for color, wanted in ((WHITE, 0.0), (BLACK, Scorer("lite")(*discs))):
            (found,) = score_pairs([discs], create_scorers(["lite"]), cache=cache, background=color)
            assert found.scores["lite"] == pytest.approx(wanted, rel=1e-5)
            assert found.transparent
