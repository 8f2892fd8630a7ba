"""Each file is read and extracted once for all metrics with one extractor id, whole or some windows at a time."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageFilter
from skimage import data

import innersight
from innersight.errors import ArgumentError, ImageError
from innersight.inference.extractor import FeatureExtractor, FileFeatures, RowScore
from innersight.inference.feature_cache import FeatureCache
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.view_extractor import ViewExtractor
from scores_by_hand import backends_of, layers_by_hand, score_by_hand

VIT = "vit_tiny_patch16_224"

Metrics = Mapping[str, FullReferenceMetric]


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    image = Image.fromarray(data.chelsea())  # 451 x 300, six windows
    image.save(tmp_path / "ref.png")
    image.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "blur.png")
    return [tmp_path / "ref.png", tmp_path / "blur.png"]


@pytest.fixture(scope="module")
def paper(vit_weights: Path) -> Metrics:
    texts = ["paper:layers=0,5", "paper:layers=5,9", "paper:layers=9,0:distance=jsd"]
    return innersight.create_metrics(texts, backbone=VIT, weights=vit_weights)


@pytest.fixture(scope="module")
def lite() -> Metrics:
    return {"lite": innersight.create_metric("lite")}


def extractor(
    metrics: Mapping[str, FullReferenceMetric], *, with_layers: bool = False, together: bool = False
) -> FeatureExtractor:
    return FeatureExtractor(backends_of(metrics), with_layers=with_layers, together=together, cache=None)


def score_pair(engine: FeatureExtractor, pair: list[Path], *, in_parts: bool = False) -> RowScore:
    """Extract the features of both files of a pair in two calls, and compare them."""
    (reference,), (distorted,) = (engine.extract([path], in_parts=in_parts) for path in pair)
    assert isinstance(reference, FileFeatures)
    assert isinstance(distorted, FileFeatures)
    return engine.compare(reference, distorted)


@pytest.mark.thorough
def test_metrics_with_one_extractor_id_share_an_extraction_of_all_their_layers(
    paper: Metrics, pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted: list[tuple[int, ...]] = []
    original = ViewExtractor.extract_in_parts

    def extract_in_parts(self, images, layers, pixels):  # type: ignore[no-untyped-def]
        extracted.append(layers)
        return original(self, images, layers, pixels)

    monkeypatch.setattr(ViewExtractor, "extract_in_parts", extract_in_parts)
    result = score_pair(extractor(paper), pair)
    assert extracted == [(0, 5, 9)] * 2
    for name, metric in paper.items():
        assert result.scores[name] == pytest.approx(score_by_hand(metric, pair), rel=1e-5), name


@pytest.mark.thorough
def test_metrics_with_and_without_features_are_scored_together(lite: Metrics, paper: Metrics, pair: list[Path]) -> None:
    """The images of a metric of another library are read once too, and its scores are those of the metric itself."""
    metrics = {**innersight.create_metrics(["psnr", "gmsd"]), **lite, **paper}
    result = score_pair(extractor(metrics, with_layers=True), pair)
    assert result.error is None
    assert list(result.scores) == list(metrics)
    for name, metric in metrics.items():
        assert result.scores[name] == pytest.approx(score_by_hand(metric, pair), rel=1e-5), name
        assert len(result.per_layer[name]) == len(metric.layer_names)


class TestMemory:
    @pytest.mark.thorough
    @pytest.mark.parametrize("first", [None, (300, 451), (1500, 64)])
    def test_features_take_the_memory_that_was_estimated(
        self, lite: Metrics, paper: Metrics, tmp_path: Path, first: tuple[int, int] | None
    ) -> None:
        """Within a fifth: sizes of feature maps are rounded up, which matters most in small images."""
        for metrics, sizes in (
            (lite, ((240, 300), (300, 240), (64, 64), (512, 700), (130, 900))),
            (paper, ((224, 224), (225, 224), (300, 451), (640, 480))),
            ({**lite, **paper}, ((240, 300),)),
            (innersight.create_metrics(["psnr"]), ((240, 300), (64, 64))),
        ):
            engine = extractor(metrics)
            engine.warm_up(first)
            for height, width in sizes:
                Image.effect_noise((width, height), 50).save(path := tmp_path / "noise.png")
                (found,) = engine.extract([path], in_parts=False)
                assert isinstance(found, FileFeatures)
                taken = sum(features.nbytes for features in found.features.values())
                assert taken == pytest.approx(engine.feature_bytes(height, width), rel=0.2), (height, width)

    def test_the_estimate_grows_with_the_layers_and_the_windows(self, paper: Metrics) -> None:
        engine, fewer = extractor(paper), extractor({"one": paper["paper:layers=0,5"]})
        for each in (engine, fewer):
            each.warm_up(None)
        assert engine.feature_bytes(300, 451) == pytest.approx(3 / 2 * fewer.feature_bytes(300, 451), rel=1e-6)
        assert engine.feature_bytes(300, 451) == pytest.approx(6 * engine.feature_bytes(224, 224), rel=1e-6)
        assert engine.feature_bytes(224, 224) == 3 * 197 * 192 * 4  # layers, tokens, channels, bytes

    def test_an_image_smaller_than_a_window_is_refused(self, paper: Metrics) -> None:
        engine = extractor(paper)
        engine.warm_up(None)
        with pytest.raises(ArgumentError, match=r"windows of 224 x 224 pixels .* but the images are 223 x 400"):
            engine.feature_bytes(223, 400)


class TestExtract:
    @pytest.mark.thorough
    def test_an_error_that_is_kept_keeps_no_features_of_other_images(
        self, lite: Metrics, pair: list[Path], tmp_path: Path
    ) -> None:
        """Without the garbage collector, which does not know how large features are."""
        (tmp_path / "cut.png").write_bytes(pair[0].read_bytes()[:9000])
        engine = extractor(lite)
        gc.collect()
        gc.disable()
        try:
            (reference,) = engine.extract(pair[:1], in_parts=False)
            assert isinstance(reference, FileFeatures)
            paths, freed = [pair[1], tmp_path / "cut.png"], [weakref.ref(reference)]
            good, error = engine.extract(paths, in_parts=False, like=[reference, reference])
            assert isinstance(error, ImageError)
            freed.append(weakref.ref(good))
            del reference, good
            assert [one() for one in freed] == [None, None]
        finally:
            gc.enable()

    @pytest.mark.parametrize("in_parts", [False, True])
    def test_each_file_gets_its_features_or_its_own_error(
        self, lite: Metrics, pair: list[Path], tmp_path: Path, in_parts: bool
    ) -> None:
        (tmp_path / "text.png").write_text("no image")
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        paths = [pair[0], tmp_path / "text.png", tmp_path / "small.png", tmp_path / "missing.png", pair[1]]
        found = extractor(lite).extract(paths, in_parts=in_parts)
        good = [one for one in found if isinstance(one, FileFeatures)]
        assert [isinstance(one, FileFeatures) for one in found] == [True, False, True, False, True]
        assert [one.path for one in good] == [paths[0], paths[2], paths[4]]
        assert [one.size for one in good] == [(300, 451), (100, 200), (300, 451)]
        assert [one.image is not None for one in good] == [in_parts] * 3
        assert "not an image" in str(found[1])
        assert "No such file" in str(found[3])

    def test_files_of_one_batch_keep_their_own_features(self, lite: Metrics, pair: list[Path], tmp_path: Path) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        engine = extractor(lite, together=True)
        reference, small, blurred = engine.extract([pair[0], tmp_path / "small.png", pair[1]], in_parts=False)
        (again,) = engine.extract(pair[:1], in_parts=False)
        for one in (reference, small, blurred, again):
            assert isinstance(one, FileFeatures)
        expected = score_by_hand(lite["lite"], pair)
        assert engine.compare(reference, blurred).scores["lite"] == pytest.approx(expected, rel=1e-5)
        assert engine.compare(reference, again).scores["lite"] == 0
        (features,) = small.features.values()
        assert features.size == (256, 512)  # the short side is resized to 256
        assert features.batch == 1

    @pytest.mark.parametrize("in_parts", [False, True])
    def test_a_file_must_have_the_size_of_its_reference(
        self, lite: Metrics, pair: list[Path], tmp_path: Path, in_parts: bool
    ) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        engine = extractor(lite)
        (reference,) = engine.extract(pair[:1], in_parts=in_parts)
        assert isinstance(reference, FileFeatures)
        paths = [tmp_path / "small.png", pair[1]]
        refused, accepted = engine.extract(paths, in_parts=in_parts, like=[reference, reference])
        assert isinstance(refused, ImageError)
        assert "ref.png' is 451 x 300, " in str(refused)
        assert "small.png' is 200 x 100 (width x height)" in str(refused)
        assert isinstance(accepted, FileFeatures)

    def test_an_image_smaller_than_a_window_does_not_stop_the_others(
        self, paper: Metrics, pair: list[Path], tmp_path: Path
    ) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        refused, accepted = extractor(paper).extract([tmp_path / "small.png", pair[0]], in_parts=False)
        assert "windows of 224 x 224 pixels" in str(refused)
        assert isinstance(accepted, FileFeatures)

    @pytest.mark.parametrize("name", ["a\0b.png", "\ud800.png"])
    def test_a_path_that_cannot_be_a_file_name_is_that_file_s_error_also_with_a_cache_fault_38(
        self, lite: Metrics, pair: list[Path], tmp_path: Path, name: str
    ) -> None:
        cache = FeatureCache(tmp_path / "cache", 1 << 30)
        engine = FeatureExtractor(backends_of(lite), with_layers=False, together=False, cache=cache)
        refused, accepted = engine.extract([Path(name), pair[0]], in_parts=False)
        assert isinstance(refused, ImageError)
        assert "is not a valid file name" in str(refused)
        assert isinstance(accepted, FileFeatures)

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero, a file without an end")
    def test_a_file_that_is_not_a_regular_file_is_not_read_into_memory_for_the_cache_fault_38(
        self, lite: Metrics, tmp_path: Path
    ) -> None:
        resource = pytest.importorskip("resource")
        cache = FeatureCache(tmp_path / "cache", 1 << 30)
        engine = FeatureExtractor(backends_of(lite), with_layers=False, together=False, cache=cache)
        before = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), before[1]))
        try:
            (refused,) = engine.extract([Path("/dev/zero")], in_parts=False)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
        assert isinstance(refused, ImageError)
        assert "'/dev/zero' is a device or a socket, not a file" in str(refused)


class TestCompare:
    @pytest.mark.thorough
    @pytest.mark.parametrize("windows", [16, 4])
    def test_scores_in_parts_are_those_of_the_whole(
        self, lite: Metrics, paper: Metrics, pair: list[Path], monkeypatch: pytest.MonkeyPatch, windows: int
    ) -> None:
        # The six windows of these images are one part, or parts of 4 and 2.
        monkeypatch.setattr("innersight.metrics.view_extractor._WINDOWS_AT_ONCE", windows)
        metrics = {**lite, **paper}
        engine = extractor(metrics, with_layers=True)
        whole, parts = (score_pair(engine, pair, in_parts=in_parts) for in_parts in (False, True))
        assert whole.error is parts.error is None
        assert parts.scores == pytest.approx(whole.scores, rel=1e-5)
        for name, metric in metrics.items():
            assert parts.per_layer[name] == pytest.approx(whole.per_layer[name], rel=1e-5)
            assert parts.scores[name] == pytest.approx(score_by_hand(metric, pair), rel=1e-5)
            assert parts.per_layer[name] == pytest.approx(layers_by_hand(metric, pair), rel=1e-5)

    def test_per_layer_is_empty_unless_asked_for(self, lite: Metrics, pair: list[Path]) -> None:
        assert score_pair(extractor(lite), pair).per_layer == {}

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_score_that_is_not_finite_is_an_error(self, pair: list[Path], value: float) -> None:
        metric = innersight.create_metric("lite", distance="l2")
        with torch.no_grad():
            next(metric.backbones[0].model.parameters()).fill_(value)
        result = score_pair(extractor({"mine": metric}), pair)
        assert result.error == "The score of mine is nan: the features of these images are not finite."
        assert (result.scores, result.per_layer) == ({}, {})

    def test_features_are_not_compared_with_pixels(self, lite: Metrics, pair: list[Path]) -> None:
        """That would be a defect of the code, not of the input."""
        engine = extractor(lite)
        (whole,), (parts,) = (engine.extract(pair[:1], in_parts=in_parts) for in_parts in (False, True))
        assert isinstance(whole, FileFeatures)
        assert isinstance(parts, FileFeatures)
        for sides in ((whole, parts), (parts, whole)):
            with pytest.raises(ValueError, match="one image has features, the other has pixels"):
                engine.compare(*sides)
