"""Features on disk replace the extraction in a second run, and their files stay within a limit.

`test_feature_cache_damage.py` tests damaged files.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file
from skimage import data

import innersight
from cached_features import PLENTY, key, made, same
from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError
from innersight.inference.bundle_backend import BundleSource
from innersight.inference.extractor import RowScore
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.planner import score_pairs
from innersight.inference.sources import SharedSources
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.feature_metric import FeatureMetric
from innersight.provenance import TORCH, versions
from scores_by_hand import backends_of

VIT = "vit_tiny_patch16_224"

Metrics = dict[str, FullReferenceMetric]
Pairs = list[tuple[Path, Path]]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    """A reference with a blurred copy, a JPEG copy, and a copy of the same pixels in a file of another format."""
    image = Image.fromarray(data.chelsea()).crop((0, 0, 300, 240))
    image.save(reference := tmp_path / "ref.png")
    image.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "blur.png")
    image.save(tmp_path / "coded.jpg", quality=10)
    image.save(tmp_path / "copy.bmp")
    return [(reference, tmp_path / name) for name in ("blur.png", "coded.jpg", "copy.bmp")]


@pytest.fixture
def runs_of_a_network(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch size of each run of a network. A test asks for it before it makes a metric."""
    runs: list[int] = []
    original = Backbone.outputs

    def outputs(self, images, layers):  # type: ignore[no-untyped-def]
        runs.append(images.shape[0])
        return original(self, images, layers)

    monkeypatch.setattr(Backbone, "outputs", outputs)
    return runs


@pytest.fixture
def metrics(runs_of_a_network: list[int], vit_weights: Path) -> Metrics:
    """Three metrics with two extractor ids, one of them with windows."""
    return {
        "lite": innersight.create_metric("lite"),
        **innersight.create_metrics(["paper:layers=0,5", "paper:distance=jsd"], backbone=VIT, weights=vit_weights),
    }


def extraction(metric: FullReferenceMetric) -> str:
    """Return what decides the features of a metric, as the engine passes it to the cache."""
    (source,) = SharedSources(backends_of({"metric": metric})).sources.values()
    return source.extraction


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestSecondRun:
    @pytest.mark.thorough
    @pytest.mark.parametrize("batch_size", [1, 4])
    def test_it_neither_decodes_nor_extracts_and_gives_the_same_scores(
        self,
        pairs: Pairs,
        metrics: Metrics,
        runs_of_a_network: list[int],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        batch_size: int,
    ) -> None:
        plain = list(score_pairs(pairs, metrics, with_layers=True))

        def run() -> list[RowScore]:
            cache = FeatureCache(tmp_path / "cache", PLENTY)
            return list(score_pairs(pairs, metrics, cache=cache, with_layers=True, batch_size=batch_size))

        first = run()

        def fail(*_: object) -> None:
            raise AssertionError("a file was decoded, or its features were extracted")

        monkeypatch.setattr("innersight.inference.extractor.read_picture", fail)
        monkeypatch.setattr("innersight.inference.backend.Source.extract", fail)
        runs_of_a_network.clear()
        second = run()
        assert runs_of_a_network == [1, 1]  # a random image for each extractor id, before the first row
        for result in second:
            assert result.error is None
        for earlier in (plain, first):
            for there, here in zip(earlier, second, strict=True):
                assert here.scores == pytest.approx(there.scores, rel=1e-5)
                for name in metrics:
                    assert here.per_layer[name] == pytest.approx(there.per_layer[name], rel=1e-5)

    def test_another_metric_with_the_same_extractor_id_and_layers_runs_no_network(
        self, pairs: Pairs, metrics: Metrics, runs_of_a_network: list[int], tmp_path: Path
    ) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        list(score_pairs(pairs, {"lite": metrics["lite"]}, cache=cache))
        other = {"cos": innersight.create_metric("lite", distance="channel-cos")}
        expected = list(score_pairs(pairs, other))
        runs_of_a_network.clear()
        for there, here in zip(expected, score_pairs(pairs, other, cache=cache), strict=True):
            assert here.scores == pytest.approx(there.scores, rel=1e-5)
        assert runs_of_a_network == [1]  # the random image

    def test_a_metric_of_another_library_is_cached_too(
        self, pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache, psnr = FeatureCache(tmp_path / "cache", PLENTY), innersight.create_metrics(["psnr"])
        first = list(score_pairs(pairs, psnr, cache=cache))
        assert first == list(score_pairs(pairs, psnr))
        monkeypatch.setattr("innersight.inference.extractor.read_picture", lambda _: 1 / 0)
        assert list(score_pairs(pairs, psnr, cache=cache)) == first

    @pytest.mark.thorough
    def test_identical_pixels_score_exactly_0_though_their_features_differ_by_rounding(
        self, pairs: Pairs, metrics: Metrics, tmp_path: Path
    ) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        list(score_pairs(pairs, metrics, cache=cache))
        # The engine appends the perturbation of the image; this run has none.
        name = cache.key((tmp_path / "copy.bmp").read_bytes(), f"{extraction(metrics['lite'])} ", versions(TORCH))
        kept = cache.load(name)
        assert kept is not None
        arrays, facts = kept
        cache.save(name, {key: array * np.float32(1 + 1e-6) for key, array in arrays.items()}, facts)
        *others, copy = score_pairs(pairs, metrics, cache=cache)
        assert set(copy.scores.values()) == {0.0}
        assert all(score > 0 for result in others for score in result.scores.values())

    def test_a_file_that_moved_is_found_and_one_that_changed_is_not(
        self, pairs: Pairs, metrics: Metrics, runs_of_a_network: list[int], tmp_path: Path
    ) -> None:
        lite, cache = {"lite": metrics["lite"]}, FeatureCache(tmp_path / "cache", PLENTY)
        reference, blurred = pairs[0]
        (before,) = score_pairs(pairs[:1], lite, cache=cache)
        blurred.rename(moved := tmp_path / "moved.png")
        runs_of_a_network.clear()
        (after,) = score_pairs([(reference, moved)], lite, cache=cache)
        assert runs_of_a_network == [1]  # the random image
        assert after.scores == before.scores
        Image.open(reference).filter(ImageFilter.GaussianBlur(4)).save(moved)
        (changed,) = score_pairs([(reference, moved)], lite, cache=cache)
        assert changed.scores["lite"] > 0.5 + before.scores["lite"]

    def test_features_are_not_used_after_the_version_of_torch_changed_fault_13(
        self, pairs: Pairs, runs_of_a_network: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lite, cache = innersight.create_metrics(["lite"]), FeatureCache(tmp_path / "cache", PLENTY)
        list(score_pairs(pairs, lite, cache=cache))
        files = names_in(cache.folder)
        runs_of_a_network.clear()
        list(score_pairs(pairs, lite, cache=cache))
        assert runs_of_a_network == [1]  # the random image: this version of torch made the features
        other = tuple({**versions(TORCH), "torch": "0.0.1"}.items())
        monkeypatch.setattr("innersight.provenance._versions", lambda _: other)
        runs_of_a_network.clear()
        list(score_pairs(pairs, lite, cache=cache))
        assert runs_of_a_network == [1] * (1 + 4)  # all four images again
        assert len(names_in(cache.folder) - files) == 4

    def test_images_of_two_sizes_are_refused_by_their_sizes_in_pixels(
        self, pairs: Pairs, metrics: Metrics, tmp_path: Path
    ) -> None:
        lite, cache = {"lite": metrics["lite"]}, FeatureCache(tmp_path / "cache", PLENTY)
        # Both have one size after the resize of `lite`.
        Image.open(pairs[0][0]).resize((150, 120)).save(half := tmp_path / "half.png")
        list(score_pairs([pairs[0], (half, half)], lite, cache=cache))
        (result,) = score_pairs([(pairs[0][0], half)], lite, cache=cache)
        assert result.error is not None
        assert "ref.png' is 300 x 240, " in result.error
        assert "half.png' is 150 x 120" in result.error

    @pytest.mark.thorough
    @pytest.mark.parametrize("left", [0, 4, 100, 20_000])
    def test_features_of_truncated_files_are_computed_again(
        self, pairs: Pairs, metrics: Metrics, runs_of_a_network: list[int], tmp_path: Path, left: int
    ) -> None:
        lite, cache = {"lite": metrics["lite"]}, FeatureCache(tmp_path / "cache", PLENTY)
        expected = list(score_pairs(pairs, lite, cache=cache))
        whole = {path: path.read_bytes() for path in cache.folder.iterdir()}
        for path, content in whole.items():
            path.write_bytes(content[:left])
        runs_of_a_network.clear()
        assert list(score_pairs(pairs, lite, cache=cache)) == expected
        assert len(runs_of_a_network) == 1 + len(whole)
        assert {path: path.stat().st_size for path in cache.folder.iterdir()} == {
            path: len(content) for path, content in whole.items()
        }


class TestKey:
    @pytest.mark.thorough
    def test_it_changes_with_all_that_decides_the_features(self, vit_weights: Path, tmp_path: Path) -> None:
        tensors = load_file(vit_weights)
        tensors["cls_token"] = tensors["cls_token"] + 1e-3
        save_file(tensors, other_weights := tmp_path / vit_weights.name)

        def paper(**options: Any) -> FeatureMetric:
            return innersight.create_metric("paper", **{"backbone": VIT, "weights": vit_weights, **options})

        cache, base = FeatureCache(tmp_path / "cache", PLENTY), paper()
        different = {
            "nothing": (b"image", base),
            "content": (b"imagf", base),
            "weights": (b"image", paper(weights=other_weights)),
            "input": (b"image", paper(input="window=224,stride=100")),
            "normalisation": (b"image", paper(changes={"views.main.normalisation": "backbone"})),
            "chroma": (b"image", paper(changes={"views.main.chroma": "half"})),
            "token norm": (b"image", paper(changes={"views.main.token_norm": "layernorm"})),
            "precision": (b"image", paper(precision="fp64")),
            "shorter products": (b"image", paper(precision="bf16")),
            "runtime": (b"image", paper(runtime="torch-compile")),
            "layers": (b"image", paper(layers=[0, 5])),
            "pixel features": (b"image", paper(changes={"terms.small.type": "thumbnail"})),
            "device": (b"image", paper().to("meta")),
        }
        keys = {
            name: cache.key(content, extraction(metric), versions(TORCH))
            for name, (content, metric) in different.items()
        }
        assert len(set(keys.values())) == len(keys), keys

    def test_it_does_not_change_with_the_comparison_of_the_features(self, vit_weights: Path, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        texts = ["paper", "paper:distance=wsd", "paper:distance=swd:terms.features.options.seed=3", "paper:reduce=mean"]
        alike = innersight.create_metrics(texts, backbone=VIT, weights=vit_weights)
        assert len({cache.key(b"image", extraction(metric), {}) for metric in alike.values()}) == 1

    def test_it_changes_with_the_version_of_each_package_that_decides_features_fault_13(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, PLENTY)
        (torch_source,) = SharedSources(backends_of({"lite": innersight.create_metric("lite")})).sources.values()
        for distributions, runtime in (
            (torch_source.distributions, {"torch", "timm"}),
            (BundleSource.distributions, {"onnxruntime"}),
        ):
            now = versions(distributions)
            assert set(now) >= {"innersight", "Pillow", "imagecodecs", "tifffile", *runtime}
            assert "unknown" not in now.values()
            keys = {cache.key(b"image", "an extraction", {**now, name: "0.0.1"}) for name in now}
            keys.add(cache.key(b"image", "an extraction", now))
            assert len(keys) == 1 + len(now)


class TestFolder:
    def test_features_are_loaded_to_the_last_bit_with_their_facts(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path / "new" / "cache", PLENTY).save(key(0), made(), {"height": "160"})
        cache = FeatureCache(tmp_path / "new" / "cache", PLENTY)
        kept = cache.load(key(0))
        assert kept is not None
        assert same(kept[0], made())
        assert kept[1]["height"] == "160"
        assert cache.load(key(2)) is None

    def test_maps_pixel_features_and_their_order_are_kept(self, tmp_path: Path) -> None:
        draw = np.random.default_rng(0)
        arrays = {
            "thumbnail 8": draw.random((1, 3, 8, 8), dtype=np.float32),
            "layer 4": draw.random((1, 5, 6, 8), dtype=np.float32).transpose(0, 3, 1, 2),
            "layer 10": draw.random((1, 4, 3, 3)),
        }
        cache = FeatureCache(tmp_path, PLENTY)
        cache.save(key(1), arrays, {})
        kept = cache.load(key(1))
        assert kept is not None
        assert same(kept[0], arrays)

    def test_its_files_stay_within_the_limit(self, tmp_path: Path) -> None:
        (tmp_path / "cache").mkdir()
        limit = 100_000
        for _ in range(2):  # the second cache finds the files of the first
            cache = FeatureCache(tmp_path / "cache", limit)
            for index in range(20):
                cache.save(key(index), made(index), {})
                assert bytes_in(tmp_path / "cache") <= limit
                assert cache.load(key(index)) is not None
        assert bytes_in(tmp_path / "cache") > limit / 2

    def test_two_caches_of_one_folder_stay_within_the_limit_together_fault_45(self, tmp_path: Path) -> None:
        limit = 100_000
        caches = [
            FeatureCache(tmp_path, limit) for _ in range(2)
        ]  # as in two processes: neither knows what the other saves
        for index in range(20):
            caches[index % 2].save(key(index), made(index), {})
            assert bytes_in(tmp_path) <= limit
            assert caches[(index + 1) % 2].load(key(index)) is not None
        assert bytes_in(tmp_path) > limit / 2

    def test_the_least_recently_used_files_are_removed_first(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 100_000)  # five entries, and a sixth before files are removed
        for index in range(5):
            cache.save(key(index), made(index), {})
            then = time.time() - 1000 + index
            os.utime(tmp_path / f"{key(index)}.safetensors", (then, then))
        assert cache.load(key(0)) is not None  # used
        cache.save(key(5), made(5), {})
        cache.save(key(6), made(6), {})
        assert names_in(tmp_path) == {f"{key(index)}.safetensors" for index in (0, 3, 4, 5, 6)}

    def test_other_files_in_the_folder_are_never_changed(self, tmp_path: Path) -> None:
        others = {"notes.txt", "model.safetensors", f"{key(0)}.txt", f"x{key(0)}.safetensors", "new.csv.partial"}
        (tmp_path / "sub").mkdir()
        for name in (*others, f"sub/{key(9)}.safetensors"):
            (tmp_path / name).write_bytes(b"precious" * 10_000)  # each is nearly as large as the limit
            os.utime(tmp_path / name, (0, 0))
        cache = FeatureCache(tmp_path, 100_000)
        for index in range(20):
            cache.save(key(index), made(index), {})
        kept = {path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"precious" * 10_000}
        assert kept == {tmp_path / name for name in (*others, f"sub/{key(9)}.safetensors")}
        assert len(names_in(tmp_path) - others - {"sub"}) >= 5  # their sizes do not count

    def test_features_larger_than_the_limit_are_not_saved(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 100_000)
        cache.save(key(0), made(0), {})
        cache.save(key(1), made(1, tokens=1000), {})
        assert names_in(tmp_path) == {f"{key(0)}.safetensors"}

    def test_a_smaller_limit_is_applied_when_the_cache_is_opened(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, PLENTY)
        for index in range(20):
            cache.save(key(index), made(index), {})
        FeatureCache(tmp_path, 50_000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 50_000

    def test_a_folder_that_cannot_be_used_is_one_clear_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        for path in (tmp_path / "file", tmp_path / "file" / "cache"):
            with pytest.raises(ArgumentError, match=r"The cache cannot use the folder '.*file(/cache)?': \[Errno"):
                FeatureCache(path, PLENTY)

        def full(_tensors: object, path: Path, _metadata: object) -> None:
            path.write_bytes(b"some")
            raise OSError("No space left on device")

        monkeypatch.setattr("innersight.inference.feature_cache.save_file", full)
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        with pytest.raises(ArgumentError, match=r"The cache '.*cache' cannot be written to: No space left on device"):
            cache.save(key(0), made(), {})
        assert names_in(tmp_path / "cache") == set()

    def test_several_threads_can_use_one_folder(self, tmp_path: Path) -> None:
        expected = [made(index) for index in range(8)]

        def use(first: int) -> int:
            cache, found = FeatureCache(tmp_path, 80_000), 0  # four entries
            for step in range(60):
                index = (first + 3 * step) % 8
                loaded = cache.load(key(index))
                if loaded is None:
                    cache.save(key(index), expected[index], {})
                else:
                    assert same(loaded[0], expected[index])
                    found += 1
            return found

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(use, (0, 0, 3, 4))) > 0
        assert not list(tmp_path.glob("*.partial"))
        for index in range(8):
            loaded = FeatureCache(tmp_path, 80_000).load(key(index))
            assert loaded is None or same(loaded[0], expected[index])
