"""What the presets promise of real photographs: a stronger distortion scores strictly higher."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import innersight

SCRIPT = Path(__file__).parents[2] / "research" / "strengths.py"


@pytest.fixture(scope="module")
def strengths() -> ModuleType:
    spec = importlib.util.spec_from_file_location("strengths", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def check(strengths: ModuleType, photographs: list[Image.Image]) -> None:
    found = strengths.measure(innersight.create_metric("lite"), photographs)
    assert len(found) == 6
    assert {name: inversions for name, (_, inversions) in found.items()} == dict.fromkeys(found, 0)
    assert all(len(row) == 8 for scores, _ in found.values() for row in scores)


@pytest.mark.slow
def test_lite_rises_with_six_distortions_of_photographs_that_come_with_scikit_image(strengths: ModuleType) -> None:
    from skimage import data

    check(strengths, [Image.fromarray(load()) for load in (data.astronaut, data.chelsea, data.coffee)])


@pytest.mark.slow
def test_lite_rises_with_six_distortions_of_the_kodak_photographs(strengths: ModuleType, shared: Path) -> None:
    photographs = [Image.open(path).convert("RGB") for path in sorted((shared / "data" / "kodak").glob("*.png"))]
    assert photographs
    check(strengths, photographs)


def test_a_score_that_falls_is_counted(strengths: ModuleType) -> None:
    class Falling:
        """Scores 8, 7, 6, ..."""

        def __init__(self) -> None:
            self.left = 9.0

        def look(self, _images: object) -> None:
            self.left -= 1

        def compare(self, *_views: object) -> Falling:
            return self

        def item(self) -> float:
            return self.left

    found = strengths.measure(Falling(), [Image.new("RGB", (32, 32))])
    assert next(inversions for _, inversions in found.values()) == 7
