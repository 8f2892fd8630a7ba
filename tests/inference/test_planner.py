"""The engine gives the scores of single pairs, extracts each reference once, and continues after a pair that fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from skimage import data

import innersight
from innersight.errors import ArgumentError
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.planned_run import Row
from innersight.inference.planner import Engine, score_pairs
from innersight.io.images import read_picture
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.view_extractor import ViewExtractor
from innersight.preprocess.perturbation import Perturbation
from scores_by_hand import layers_by_hand, score_by_hand, tensors_of

Metrics = dict[str, FullReferenceMetric]
Pairs = list[tuple[Path, Path]]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    """Two references with three distorted images each, interleaved. The last distorted image is the reference itself."""
    made: list[list[tuple[Path, Path]]] = []
    for name, load in (("cat", data.chelsea), ("cup", data.coffee)):
        image = Image.fromarray(load()).crop((0, 0, 300, 240))
        image.save(reference := tmp_path / f"{name}.png")
        image.filter(ImageFilter.GaussianBlur(2)).save(blurred := tmp_path / f"{name}_blur.png")
        image.save(coded := tmp_path / f"{name}.jpg", quality=10)
        made.append([(reference, blurred), (reference, coded), (reference, reference)])
    return [pair for both in zip(*made, strict=True) for pair in both]


@pytest.fixture
def metrics(vit_weights: Path) -> Metrics:
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
    return {
        "lite": innersight.create_metric("lite"),
        "l2": innersight.create_metric("paper", layers=[0, 5], **options),
        "jsd": innersight.create_metric("paper", distance="jsd", **options),
    }


@pytest.fixture(scope="module")
def by_hand() -> dict[tuple[str, str], float]:
    """The scores that were computed by hand so far, by metric and name of the distorted file."""
    return {}


@pytest.mark.thorough
@pytest.mark.parametrize("memory_limit", [2 << 30, 60 << 20, 1])
@pytest.mark.parametrize(("workers", "batch_size"), [(1, 1), (3, 1), (2, 4)])
def test_scores_do_not_depend_on_memory_workers_or_the_batch(
    pairs: Pairs,
    metrics: Metrics,
    by_hand: dict[tuple[str, str], float],
    memory_limit: int,
    workers: int,
    batch_size: int,
) -> None:
    options = {"memory_limit": memory_limit, "workers": workers, "batch_size": batch_size}
    results = list(score_pairs(pairs, metrics, **options))
    assert [result.error for result in results] == [None] * 6
    for (reference, distorted), result in zip(pairs, results, strict=True):
        for name, metric in metrics.items():
            key = (name, distorted.name)
            if key not in by_hand:
                by_hand[key] = score_by_hand(metric, (reference, distorted))
            assert result.scores[name] == pytest.approx(by_hand[key], rel=1e-5), key
    assert all(value == 0 for result in results[4:] for value in result.scores.values())  # identical


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["tra", "sca", "rot"])
def test_perturbed_images_score_as_perturbed_by_hand_whatever_a_cache_holds(
    pairs: Pairs, kind: str, tmp_path: Path
) -> None:
    metrics: Metrics = {"lite": innersight.create_metric("lite")}
    perturbation = Perturbation(kind, 2)
    rows = [Row(index, *pair) for index, pair in enumerate(pairs)]
    cache = FeatureCache(tmp_path / "cache", 1 << 30)
    dict(Engine(metrics, cache=cache).run(rows))  # the cache then holds features of the images without a perturbation
    for _ in range(2):  # the second time, all features come from the cache
        results = dict(Engine(metrics, cache=cache, perturbation=perturbation).run(rows))
        for index, reference, distorted, _ in rows:
            (r,), (d,) = tensors_of((reference, distorted))
            perturbed = perturbation.of_reference(r)[None], perturbation.of_distorted(d)[None]
            with torch.inference_mode():
                by_hand = metrics["lite"](*perturbed).item()
            assert results[index].scores["lite"] == pytest.approx(by_hand, rel=1e-5)
            assert by_hand > 0


def test_scores_do_not_depend_on_the_order_of_the_rows(pairs: Pairs, metrics: Metrics) -> None:
    backwards = list(score_pairs(pairs[::-1], metrics))[::-1]
    for there, here in zip(score_pairs(pairs, metrics), backwards, strict=True):
        assert there.scores == pytest.approx(here.scores, rel=1e-5)


@pytest.mark.thorough
def test_equal_pixels_in_files_of_two_formats_score_exactly_0_in_a_batch(
    pairs: Pairs, metrics: Metrics, tmp_path: Path
) -> None:
    image = Image.open(pairs[0][0])
    image.save(tmp_path / "copy.bmp")
    rows = [(pairs[0][0], tmp_path / "copy.bmp"), *pairs[:3]]
    (result, *_) = score_pairs(rows, metrics, batch_size=4, with_layers=True)
    assert set(result.scores.values()) == {0.0}
    assert {name: len(values) for name, values in result.per_layer.items()} == {"lite": 6, "l2": 2, "jsd": 12}


@pytest.fixture
def extractions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """The backbone and the layers of each extraction. Each run begins with one extraction of a random image."""
    found: list[tuple[str, tuple[int, ...]]] = []
    original = ViewExtractor.extract_in_parts

    def extract_in_parts(self, images, layers, pixels):  # type: ignore[no-untyped-def]
        found.append((self.backbone.entry.alias, layers))
        return original(self, images, layers, pixels)

    monkeypatch.setattr(ViewExtractor, "extract_in_parts", extract_in_parts)
    return found


@pytest.mark.thorough
def test_a_reference_is_extracted_once_for_all_its_distorted_images_and_all_metrics_of_an_extractor_id(
    pairs: Pairs, metrics: Metrics, extractions: list[tuple[str, tuple[int, ...]]]
) -> None:
    list(score_pairs(pairs, metrics))
    by_backbone = {name: [layers for alias, layers in extractions if alias == name] for name, _ in extractions}
    assert len(by_backbone) == 2  # three metrics, two extractor ids
    for layers in by_backbone.values():
        assert len(layers) == 1 + 2 + 6  # a random image, two references, six distorted images
    assert set(by_backbone["vit_tiny_patch16_224.augreg_in21k_ft_in1k"]) == {tuple(range(12))}


@pytest.mark.thorough
def test_a_shuffled_list_extracts_each_reference_once_though_not_all_fit_the_memory(
    metrics: Metrics, tmp_path: Path, extractions: list[tuple[str, tuple[int, ...]]]
) -> None:
    image = Image.fromarray(data.coffee())
    for index in range(10):
        image.crop((20 * index, 0, 20 * index + 300, 240)).save(tmp_path / f"{index}.png")
    rows = [(tmp_path / f"{index % 5}.png", tmp_path / f"{5 + index // 5}.png") for index in range(10)]
    lite, small = {"lite": metrics["lite"]}, 12 << 20  # two of the references and the work on one row
    unplanned = list(score_pairs(rows, lite, memory_limit=small, workers=1, ahead=1))
    assert len(extractions) > 1 + 5 + 10  # references are dropped and extracted again
    extractions.clear()
    assert list(score_pairs(rows, lite, memory_limit=small, workers=1)) == unplanned
    assert len(extractions) == 1 + 5 + 10


def test_features_beyond_the_memory_are_compared_a_few_windows_at_a_time(
    pairs: Pairs, metrics: Metrics, extractions: list[tuple[str, tuple[int, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(*_: object) -> None:
        raise AssertionError("the features of all windows were extracted at once")

    monkeypatch.setattr("innersight.inference.torch_sources.ViewSource.extract", whole)
    two = {name: metrics[name] for name in ("l2", "jsd")}
    (result,) = score_pairs(pairs[:1], two, memory_limit=1 << 20)
    assert set(result.scores) == {"l2", "jsd"}
    assert [len(layers) for _, layers in extractions] == [12] * 3  # a random image, and each image once for both


@pytest.mark.thorough
def test_best_gives_the_score_of_the_metric_itself(pairs: Pairs, small_dino: Path) -> None:
    """`best` has two views: a score is the sum of two sources."""
    metrics = innersight.create_metrics(["best", "lite"], weights=small_dino)
    for (reference, distorted), result in zip(
        pairs[:2], score_pairs(pairs[:2], metrics, with_layers=True), strict=True
    ):
        for name, metric in metrics.items():
            pair = reference, distorted
            assert result.scores[name] == pytest.approx(score_by_hand(metric, pair), rel=1e-5)
            assert result.per_layer[name] == pytest.approx(layers_by_hand(metric, pair), rel=1e-5)


@pytest.mark.thorough
def test_metrics_of_other_libraries_are_scored_beside_those_of_features_fault_49(
    pairs: Pairs, metrics: Metrics
) -> None:
    both = {"psnr": innersight.create_metric("psnr"), "lite": metrics["lite"]}
    for (reference, distorted), result in zip(pairs, score_pairs(pairs, both), strict=True):
        assert list(result.scores) == ["psnr", "lite"]
        for name, metric in both.items():
            expected = score_by_hand(metric, (reference, distorted))
            assert result.scores[name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
def test_rows_are_taken_and_files_are_read_only_a_limited_number_of_rows_ahead(
    pairs: Pairs, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> np.ndarray:
        read.append(path)
        return read_picture(path)

    monkeypatch.setattr("innersight.inference.extractor.read_picture", reading)
    taken: list[int] = []

    def endless() -> Iterator[tuple[Path, Path]]:
        for n in range(10**9):
            taken.append(n)
            yield pairs[n % 6]

    results = score_pairs(endless(), {"lite": metrics["lite"]}, workers=2, ahead=50)
    for _ in range(3):
        next(results)
    results.close()
    assert len(taken) <= 2 * 50 + 1
    assert len(read) <= 2 + 26 + 2 * (8 + 2)  # references, rows before the third in the plan, rows in flight


def test_a_reference_that_fails_is_read_once(
    pairs: Pairs, metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> np.ndarray:
        read.append(path)
        return read_picture(path)

    monkeypatch.setattr("innersight.inference.extractor.read_picture", reading)
    (tmp_path / "text.png").write_text("no image")
    results = list(score_pairs([(tmp_path / "text.png", pairs[0][1])] * 20, {"lite": metrics["lite"]}))
    assert all("not an image" in result.error for result in results)
    assert len(read) == 1


def test_an_error_that_the_input_did_not_cause_ends_the_run(
    pairs: Pairs, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect of the code")

    monkeypatch.setattr("innersight.inference.extractor.read_picture", broken)
    with pytest.raises(ZeroDivisionError, match="a defect of the code"):
        list(score_pairs(pairs, metrics))


@pytest.mark.thorough
def test_a_run_does_not_change_the_number_of_threads_of_torch(pairs: Pairs, metrics: Metrics) -> None:
    def threads() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        list(score_pairs(pairs[:2], metrics, workers=2))
        assert (threads(), torch.get_num_threads()) == (2, 2)
    finally:
        torch.set_num_threads(usual)


@pytest.mark.thorough
@pytest.mark.parametrize("option", ["workers", "batch_size", "memory_limit", "ahead"])
def test_numbers_are_from_1_fault_12(pairs: Pairs, metrics: Metrics, option: str) -> None:
    with pytest.raises(ArgumentError, match=f"Argument `{option}` must be a whole number from 1, but got 0"):
        next(score_pairs(pairs, metrics, **{option: 0}))


@pytest.mark.thorough
@pytest.mark.parametrize("value", ["auto", "2GB", 1.5, True])
def test_the_memory_limit_is_a_whole_number_of_bytes_fault_31(pairs: Pairs, metrics: Metrics, value: object) -> None:
    with pytest.raises(
        ArgumentError, match=f"Argument `memory_limit` must be a whole number from 1, but got {value!r}"
    ):
        next(score_pairs(pairs, metrics, memory_limit=value))  # type: ignore[arg-type]


def test_one_metric_instead_of_a_dictionary_is_refused_with_the_way_out_fault_12(
    pairs: Pairs, metrics: Metrics
) -> None:
    with pytest.raises(
        ArgumentError, match=r"`metrics` must be a dictionary .* use \{'lite': innersight\.Scorer\('lite'\)\}"
    ):
        next(score_pairs(pairs, metrics["lite"]))  # type: ignore[arg-type]


def test_a_pair_that_cannot_be_scored_gets_its_error_and_the_others_are_scored(
    pairs: Pairs, metrics: Metrics, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no image")
    Image.new("RGB", (50, 50)).save(tmp_path / "small.png")
    cat, cup = pairs[0], pairs[1]
    rows = [
        cat,
        (cat[0], tmp_path / "missing.png"),
        (tmp_path / "text.png", cat[1]),
        (cat[0], tmp_path / "small.png"),
        (tmp_path / "small.png", tmp_path / "small.png"),  # smaller than the windows of `l2` and `jsd`
        cup,
    ]
    results = list(score_pairs(rows, metrics))
    assert [result.error is None for result in results] == [True, False, False, False, False, True]
    for result, part in zip(
        results[1:5], ("No such file", "not an image", "differ in size", "windows of 224 x 224"), strict=True
    ):
        assert part in result.error
        assert result.scores == {}


@pytest.mark.thorough
def test_per_layer_is_computed_if_asked_for(pairs: Pairs, metrics: Metrics) -> None:
    (result,) = score_pairs(pairs[:1], {"lite": metrics["lite"]}, with_layers=True)
    assert np.sum(result.per_layer["lite"]) == pytest.approx(result.scores["lite"], rel=1e-6)
    assert next(iter(score_pairs(pairs[:1], metrics))).per_layer == {}
