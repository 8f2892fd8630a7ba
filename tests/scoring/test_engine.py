"""The engine scores as pairs are scored one by one, sees each reference once, and goes on past what can't be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

import innersight
from innersight.scoring.engine import score_pairs
from innersight.scoring.pair import read_pair, score_images


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    """Two references, interleaved, three distorted each; the last is the reference itself."""
    made: list[list[tuple[Path, Path]]] = []
    for name, load in (("cat", data.chelsea), ("cup", data.coffee)):
        image = Image.fromarray(load()).crop((0, 0, 300, 240))
        image.save(reference := tmp_path / f"{name}.png")
        image.filter(ImageFilter.GaussianBlur(2)).save(blurred := tmp_path / f"{name}_blur.png")
        image.save(coded := tmp_path / f"{name}.jpg", quality=10)
        made.append([(reference, blurred), (reference, coded), (reference, reference)])
    return [pair for both in zip(*made, strict=True) for pair in both]


@pytest.fixture
def metrics(vit_weights: Path) -> dict[str, innersight.Metric]:
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
    return {
        "lite": innersight.create_metric("lite"),
        "l2": innersight.create_metric("paper", layers=[0, 5], **options),
        "jsd": innersight.create_metric("paper", distance="jsd", **options),
    }


@pytest.mark.parametrize("memory_limit", [2 << 30, 60 << 20, 1])
@pytest.mark.parametrize("workers", [1, 3])
def test_scores_do_not_depend_on_memory_workers_or_company(pairs, metrics, memory_limit: int, workers: int) -> None:
    results = list(score_pairs(pairs, metrics, memory_limit=memory_limit, workers=workers))
    assert [result.error for result in results] == [None] * 6
    for (reference, distorted), result in zip(pairs, results, strict=True):
        for name, metric in metrics.items():
            expected = score_images(metric, *read_pair(reference, distorted)).score
            assert result.scores[name] == pytest.approx(expected, rel=1e-5), (name, distorted)
    assert all(value == 0 for result in results[4:] for value in result.scores.values())  # identical


def test_each_reference_is_seen_once_and_metrics_share_a_look(pairs, metrics, monkeypatch) -> None:
    looks: list[tuple[str, tuple[int, ...]]] = []
    original = innersight.Metric.look

    def look(self, images, layers=None):
        looks.append((self.backbone.entry.alias, layers))
        return original(self, images, layers)

    monkeypatch.setattr(innersight.Metric, "look", look)
    list(score_pairs(pairs, metrics))
    by_backbone = {name: [layers for alias, layers in looks if alias == name] for name, _ in looks}
    assert len(by_backbone) == 2  # three metrics, two sights
    for layers in by_backbone.values():
        assert len(layers) == 1 + 2 + 6  # a probe of the memory, two references, six distorted images
    assert set(by_backbone["vit_tiny_patch16_224.augreg_in21k_ft_in1k"]) == {tuple(range(12))}


def test_files_are_read_once_and_only_a_few_rows_ahead(pairs, metrics, monkeypatch) -> None:
    read: list[Path] = []

    def reading(path: Path):
        read.append(path)
        return innersight.read_image(path)

    monkeypatch.setattr("innersight.scoring.engine.read_image", reading)
    endless = (pairs[n % 6] for n in range(10**9))
    results = score_pairs(endless, {"lite": metrics["lite"]}, workers=2)
    for _ in range(3):
        next(results)
    results.close()
    assert len(read) <= 2 + 3 + 2 * 4  # references, rows taken, rows ahead


def test_what_cannot_be_scored_gets_its_error_and_the_rest_goes_on(pairs, metrics, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    Image.new("RGB", (50, 50)).save(tmp_path / "small.png")
    cat, cup = pairs[0], pairs[1]
    rows = [
        cat,
        (cat[0], tmp_path / "missing.png"),
        (tmp_path / "text.png", cat[1]),
        (cat[0], tmp_path / "small.png"),
        (tmp_path / "small.png", tmp_path / "small.png"),  # smaller than a window of `l2` and `jsd`
        cup,
    ]
    results = list(score_pairs(rows, metrics))
    assert [result.error is None for result in results] == [True, False, False, False, False, True]
    for result, part in zip(
        results[1:5], ("No such file", "not an image", "differ in size", "windows of 224 x 224"), strict=True
    ):
        assert part in result.error
        assert result.scores == {}


def test_layers_come_if_asked_for(pairs, metrics) -> None:
    (result,) = score_pairs(pairs[:1], {"lite": metrics["lite"]}, with_layers=True)
    assert np.mean(result.per_layer["lite"]) == pytest.approx(result.scores["lite"], rel=1e-6)
    assert next(iter(score_pairs(pairs[:1], metrics))).per_layer == {}
