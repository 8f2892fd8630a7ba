"""Features on disk serve a second run without a look, are bounded, and do no harm whatever became of their files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file
from skimage import data

import innersight
from innersight.backbones.features import Backbone, Features
from innersight.errors import ArgumentError
from innersight.inference.feature_cache import FeatureCache, versions
from innersight.inference.planner import score_pairs
from innersight.metrics.views import Views

VIT = "vit_tiny_patch16_224"
PLENTY = 1 << 30


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    """A reference with a blurred and a coded copy, and its own pixels in a file of another kind."""
    image = Image.fromarray(data.chelsea()).crop((0, 0, 300, 240))
    image.save(reference := tmp_path / "ref.png")
    image.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "blur.png")
    image.save(tmp_path / "coded.jpg", quality=10)
    image.save(tmp_path / "copy.bmp")
    return [(reference, tmp_path / name) for name in ("blur.png", "coded.jpg", "copy.bmp")]


@pytest.fixture
def runs_of_a_network(monkeypatch) -> list[int]:
    """The batch sizes that went through networks; asked for before the metrics are made."""
    runs: list[int] = []
    original = Backbone.outputs

    def outputs(self, images, layers):
        runs.append(images.shape[0])
        return original(self, images, layers)

    monkeypatch.setattr(Backbone, "outputs", outputs)
    return runs


@pytest.fixture
def metrics(runs_of_a_network: list[int], vit_weights: Path) -> dict[str, innersight.Metric]:
    """Three metrics of two sights, one of them in windows."""
    return {
        "lite": innersight.create_metric("lite"),
        **innersight.create_metrics(["paper:layers=0,5", "paper:distance=jsd"], backbone=VIT, weights=vit_weights),
    }


def views(index: int = 0, tokens: int = 100) -> Views:
    """Features of 160 bytes a token, told apart by their index."""
    draw = torch.Generator().manual_seed(index)
    layers = tuple(torch.rand(1, tokens, 20, generator=draw) for _ in range(2))
    return Views(Features("tokens", layers, (tokens // 10, 10)), (3, 7), 1, (160, 16 * tokens), "eyes")


def key(index: int) -> str:
    return f"{index:064x}"


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def same(there: Views, here: Views) -> bool:
    layers = zip(there.features.layers, here.features.layers, strict=True)
    bare = [replace(views, features=replace(views.features, layers=())) for views in (there, here)]
    return bare[0] == bare[1] and all(torch.equal(a, b) for a, b in layers)


class TestASecondRun:
    @pytest.mark.parametrize("batch_size", [1, 4])
    def test_it_neither_decodes_nor_looks_and_scores_the_same(
        self, pairs, metrics, runs_of_a_network, tmp_path: Path, monkeypatch, batch_size: int
    ) -> None:
        plain = list(score_pairs(pairs, metrics, with_layers=True))
        options = {"with_layers": True, "batch_size": batch_size}
        first = list(score_pairs(pairs, metrics, cache=FeatureCache(tmp_path / "cache", PLENTY), **options))

        def no(*_: object) -> None:
            raise AssertionError("a file was decoded, or looked at")

        monkeypatch.setattr("innersight.inference.extractor.read_image", no)
        monkeypatch.setattr(innersight.Metric, "look", no)
        runs_of_a_network.clear()
        second = list(score_pairs(pairs, metrics, cache=FeatureCache(tmp_path / "cache", PLENTY), **options))
        assert runs_of_a_network == [1, 1]  # the probe of each sight, before the first row
        for result in second:
            assert result.error is None
        for earlier in (plain, first):
            for there, here in zip(earlier, second, strict=True):
                assert here.scores == pytest.approx(there.scores, rel=1e-5)
                for name in metrics:
                    assert here.per_layer[name] == pytest.approx(there.per_layer[name], rel=1e-5)

    def test_a_further_metric_of_a_sight_with_the_same_layers_runs_no_network(
        self, pairs, metrics, runs_of_a_network, tmp_path: Path
    ) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        list(score_pairs(pairs, {"lite": metrics["lite"]}, cache=cache))
        other = {"cos": innersight.create_metric("lite", distance="channel-cos")}
        expected = list(score_pairs(pairs, other))
        runs_of_a_network.clear()
        for there, here in zip(expected, score_pairs(pairs, other, cache=cache), strict=True):
            assert here.scores == pytest.approx(there.scores, rel=1e-5)
        assert runs_of_a_network == [1]  # the probe

    def test_identical_pixels_score_exactly_0_though_their_features_differ_by_rounding(
        self, pairs, metrics, tmp_path: Path
    ) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        list(score_pairs(pairs, metrics, cache=cache))
        lite = metrics["lite"]
        name = cache.key((tmp_path / "copy.bmp").read_bytes(), lite, lite.layers)
        seen, facts = cache.load(name)
        rounded = tuple(layer * (1 + 1e-6) for layer in seen.features.layers)
        cache.save(name, replace(seen, features=replace(seen.features, layers=rounded)), facts)
        *others, copy = score_pairs(pairs, metrics, cache=cache)
        assert set(copy.scores.values()) == {0.0}
        assert all(score > 0 for result in others for score in result.scores.values())

    def test_a_file_that_moved_is_known_and_one_that_changed_is_not(
        self, pairs, metrics, runs_of_a_network, tmp_path: Path
    ) -> None:
        lite, cache = {"lite": metrics["lite"]}, FeatureCache(tmp_path / "cache", PLENTY)
        reference, blurred = pairs[0]
        (before,) = score_pairs(pairs[:1], lite, cache=cache)
        blurred.rename(moved := tmp_path / "moved.png")
        runs_of_a_network.clear()
        (after,) = score_pairs([(reference, moved)], lite, cache=cache)
        assert runs_of_a_network == [1]  # the probe
        assert after.scores == before.scores
        Image.open(reference).filter(ImageFilter.GaussianBlur(4)).save(moved)
        (changed,) = score_pairs([(reference, moved)], lite, cache=cache)
        assert changed.scores["lite"] > 0.5 + before.scores["lite"]

    def test_files_of_two_sizes_are_refused_by_their_sizes_in_pixels(self, pairs, metrics, tmp_path: Path) -> None:
        lite, cache = {"lite": metrics["lite"]}, FeatureCache(tmp_path / "cache", PLENTY)
        Image.open(pairs[0][0]).resize((150, 120)).save(half := tmp_path / "half.png")  # seen at the same size
        list(score_pairs([pairs[0], (half, half)], lite, cache=cache))
        (result,) = score_pairs([(pairs[0][0], half)], lite, cache=cache)
        assert "ref.png' is 300 x 240, " in result.error
        assert "half.png' is 150 x 120" in result.error

    @pytest.mark.parametrize("left", [0, 4, 100, 20_000])
    def test_truncated_files_are_computed_again(
        self, pairs, metrics, runs_of_a_network, tmp_path: Path, left: int
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
    def test_it_changes_with_all_that_decides_what_is_seen(self, vit_weights: Path, tmp_path: Path) -> None:
        tensors = load_file(vit_weights)
        tensors["cls_token"] = tensors["cls_token"] + 1e-3
        save_file(tensors, other_weights := tmp_path / vit_weights.name)

        def paper(**options) -> innersight.Metric:
            return innersight.create_metric("paper", **{"backbone": VIT, "weights": vit_weights, **options})

        cache, base = FeatureCache(tmp_path / "cache", PLENTY), paper()
        different = {
            "nothing": (b"image", base),
            "content": (b"imagf", base),
            "weights": (b"image", paper(weights=other_weights)),
            "input": (b"image", paper(input="window=224,stride=100")),
            "normalisation": (b"image", paper(normalisation="backbone")),
            "precision": (b"image", paper(precision="fp64")),
            "shorter products": (b"image", paper(precision="bf16")),
            "runtime": (b"image", paper(runtime="openvino")),
            "layers": (b"image", paper(layers=[0, 5])),
            "device": (b"image", paper().to("meta")),
        }
        keys = {name: cache.key(content, metric, metric.layers) for name, (content, metric) in different.items()}
        assert len(set(keys.values())) == len(keys), keys

    def test_it_does_not_change_with_what_is_made_of_the_features(self, vit_weights: Path, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        texts = ["paper", "paper:distance=wsd", "paper:distance=swd:seed=3", "paper:layer_pooling=mean"]
        alike = innersight.create_metrics(texts, backbone=VIT, weights=vit_weights)
        assert len({cache.key(b"image", metric, metric.layers) for metric in alike.values()}) == 1

    def test_it_changes_with_the_version_of_each_package_that_decides_features_fault_13(
        self, tmp_path: Path, monkeypatch
    ) -> None:
        cache, lite = FeatureCache(tmp_path, PLENTY), innersight.create_metric("lite")
        now = dict(versions())
        assert set(now) == {"innersight", "torch", "timm", "Pillow", "imagecodecs", "tifffile"}
        assert "unknown" not in now.values()
        keys = {cache.key(b"image", lite, lite.layers)}
        for name in now:
            other = tuple({**now, name: "0.0.1"}.items())
            monkeypatch.setattr("innersight.inference.feature_cache.versions", lambda other=other: other)
            keys.add(cache.key(b"image", lite, lite.layers))
        assert len(keys) == 1 + len(now)


def saved(folder: Path, index: int = 0) -> Path:
    """Save one entry and return its file."""
    FeatureCache(folder, PLENTY).save(key(index), views(index), {"height": "160", "fingerprint": "00ff"})
    return folder / f"{key(index)}.safetensors"


def parts_of(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    content = path.read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return load_file(path), head["__metadata__"]


def zero_the_tail(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-4000] + b"\0" * 4000)


def reshape_tensors(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file({name: tensor.reshape(1, 50, 40) for name, tensor in tensors.items()}, path, said)


def retype_tensors(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file({name: tensor.view(torch.int32) for name, tensor in tensors.items()}, path, said)


def swap_tensors(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file({"0": tensors["1"], "1": tensors["0"]}, path, said)


def drop_the_tensors(path: Path) -> None:
    save_file({}, path, parts_of(path)[1])


def change_the_fingerprint(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file(tensors, path, {**said, "fingerprint": "00fe"})


def change_the_views(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file(tensors, path, {**said, "views": said["views"].replace("eyes", "ears")})


def nest_the_views(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file(tensors, path, {**said, "views": "[" * 100_000})


def add_a_fact(path: Path) -> None:
    tensors, said = parts_of(path)
    save_file(tensors, path, {**said, "more": "of it"})


DAMAGES = [
    zero_the_tail,
    reshape_tensors,
    retype_tensors,
    swap_tensors,
    drop_the_tensors,
    change_the_fingerprint,
    change_the_views,
    nest_the_views,
    add_a_fact,
]


class TestDamage:
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_a_damaged_entry_is_a_miss_and_replaced_fault_9(
        self, tmp_path: Path, damage: Callable[[Path], None]
    ) -> None:
        damage(saved(tmp_path))
        cache = FeatureCache(tmp_path, PLENTY)
        assert cache.load(key(0)) is None
        saved(tmp_path)
        assert same(cache.load(key(0))[0], views())

    @given(place=st.floats(0, 1, exclude_max=True), in_head=st.booleans(), bits=st.integers(1, 255))
    def test_an_entry_with_any_byte_changed_is_a_miss_or_as_it_was_fault_9(
        self, tmp_path_factory, place: float, in_head: bool, bits: int
    ) -> None:
        path = saved(tmp_path_factory.mktemp("cache"))
        content = bytearray(path.read_bytes())
        head = 8 + int.from_bytes(content[:8], "little")
        at = int(place * head) if in_head else head + int(place * (len(content) - head))
        content[at] ^= bits
        path.write_bytes(content)
        loaded = FeatureCache(path.parent, PLENTY).load(key(0))
        if loaded is None:
            return
        assert in_head  # white space, or another spelling of the same head
        assert same(loaded[0], views())
        assert (loaded[1]["height"], loaded[1]["fingerprint"]) == ("160", "00ff")

    @given(share=st.floats(0, 1, exclude_max=True))
    def test_a_truncated_entry_is_a_miss_fault_9(self, tmp_path_factory, share: float) -> None:
        path = saved(tmp_path_factory.mktemp("cache"))
        os.truncate(path, int(share * path.stat().st_size))
        assert FeatureCache(path.parent, PLENTY).load(key(0)) is None

    def test_two_entries_with_their_files_swapped_are_misses_fault_9(self, tmp_path: Path) -> None:
        one, other = saved(tmp_path, 0), saved(tmp_path, 1)
        contents = one.read_bytes(), other.read_bytes()
        one.write_bytes(contents[1])
        other.write_bytes(contents[0])
        cache = FeatureCache(tmp_path, PLENTY)
        assert [cache.load(key(index)) for index in (0, 1)] == [None, None]

    @pytest.mark.parametrize("error", [IndexError, RecursionError, MemoryError, RuntimeError])
    def test_whatever_the_reading_raises_is_a_miss_fault_9(
        self, tmp_path: Path, monkeypatch, error: type[Exception]
    ) -> None:
        def raising(*_: object, **__: object) -> None:
            raise error("damage")

        saved(tmp_path)
        monkeypatch.setattr("innersight.inference.feature_cache.json.loads", raising)
        assert FeatureCache(tmp_path, PLENTY).load(key(0)) is None

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
    @pytest.mark.parametrize("by_link", [False, True])
    def test_a_fifo_is_a_miss_and_replaced_fault_9(self, tmp_path: Path, by_link: bool) -> None:
        path = tmp_path / f"{key(0)}.safetensors"
        os.mkfifo(fifo := tmp_path / "fifo" if by_link else path)
        if by_link:
            path.symlink_to(fifo)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(FeatureCache(tmp_path, PLENTY).load, key(0))
            try:
                assert loading.result(timeout=20) is None
            finally:
                if not loading.done():  # a writer that comes and goes ends the waiting
                    os.close(os.open(fifo, os.O_WRONLY))
        saved(tmp_path)
        assert same(FeatureCache(tmp_path, PLENTY).load(key(0))[0], views())

    def test_a_folder_of_an_entrys_name_is_a_miss_and_left_alone_fault_9(self, tmp_path: Path) -> None:
        (tmp_path / f"{key(0)}.safetensors").mkdir()
        cache = FeatureCache(tmp_path, 20_000)
        assert cache.load(key(0)) is None
        cache.save(key(0), views(), {})
        assert FeatureCache(tmp_path, 0).load(key(0)) is None  # no room for any file, and a folder is not cleared
        assert names_in(tmp_path) == {f"{key(0)}.safetensors"}

    def test_scores_with_a_damaged_cache_are_as_without_one_fault_9(self, tmp_path: Path) -> None:
        lite, cache = innersight.create_metrics(["lite"]), FeatureCache(tmp_path / "cache", PLENTY)
        for name, level in (("a.png", 9), ("b.png", 200)):
            Image.new("RGB", (64, 64), (level, 9, 9)).save(tmp_path / name)
        pairs = [(tmp_path / "a.png", tmp_path / "b.png")]
        expected = list(score_pairs(pairs, lite, cache=cache))
        for path in cache.folder.iterdir():
            zero_the_tail(path)
        assert list(score_pairs(pairs, lite, cache=cache)) == expected


class TestFolder:
    def test_what_is_saved_is_loaded_to_the_last_bit_with_the_facts_beside_it(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path / "new" / "cache", PLENTY).save(key(0), views(), {"height": "160"})
        cache = FeatureCache(tmp_path / "new" / "cache", PLENTY)
        loaded, facts = cache.load(key(0))
        assert same(loaded, views())
        assert facts["height"] == "160"
        maps = (torch.rand(1, 8, 5, 6).to(memory_format=torch.channels_last), torch.rand(1, 4, 3, 3).double())
        cache.save(key(1), seen := replace(views(), features=Features("maps", maps)), {})
        assert same(cache.load(key(1))[0], seen)
        assert cache.load(key(2)) is None

    def test_its_files_stay_within_the_limit(self, tmp_path: Path) -> None:
        (tmp_path / "cache").mkdir()
        limit = 100_000
        for _ in range(2):  # the second finds what the first left
            cache = FeatureCache(tmp_path / "cache", limit)
            for index in range(20):
                cache.save(key(index), views(index), {})
                assert bytes_in(tmp_path / "cache") <= limit
                assert cache.load(key(index)) is not None
        assert bytes_in(tmp_path / "cache") > limit / 2

    def test_two_that_share_a_folder_stay_within_the_limit_together_fault_45(self, tmp_path: Path) -> None:
        limit = 100_000
        caches = [FeatureCache(tmp_path, limit) for _ in range(2)]  # as in two processes: each has a count of its own
        for index in range(20):
            caches[index % 2].save(key(index), views(index), {})
            assert bytes_in(tmp_path) <= limit
            assert caches[(index + 1) % 2].load(key(index)) is not None
        assert bytes_in(tmp_path) > limit / 2

    def test_those_not_used_for_longest_go_first(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 100_000)  # room for five, and for a sixth beside what is not cleared
        for index in range(5):
            cache.save(key(index), views(index), {})
            then = time.time() - 1000 + index
            os.utime(tmp_path / f"{key(index)}.safetensors", (then, then))
        assert cache.load(key(0)) is not None  # used
        cache.save(key(5), views(5), {})
        cache.save(key(6), views(6), {})
        assert names_in(tmp_path) == {f"{key(index)}.safetensors" for index in (0, 3, 4, 5, 6)}

    def test_files_of_others_are_never_touched(self, tmp_path: Path) -> None:
        others = {"notes.txt", "model.safetensors", f"{key(0)}.txt", f"x{key(0)}.safetensors", "new.csv.partial"}
        (tmp_path / "sub").mkdir()
        for name in (*others, f"sub/{key(9)}.safetensors"):
            (tmp_path / name).write_bytes(b"precious" * 10_000)  # each alone is nearly the limit
            os.utime(tmp_path / name, (0, 0))
        cache = FeatureCache(tmp_path, 100_000)
        for index in range(20):
            cache.save(key(index), views(index), {})
        kept = {path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"precious" * 10_000}
        assert kept == {tmp_path / name for name in (*others, f"sub/{key(9)}.safetensors")}
        assert len(names_in(tmp_path) - others - {"sub"}) >= 5  # they take none of its room either

    def test_what_is_larger_than_the_limit_is_left_out(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, 100_000)
        cache.save(key(0), views(0), {})
        cache.save(key(1), views(1, tokens=1000), {})
        assert names_in(tmp_path) == {f"{key(0)}.safetensors"}

    @pytest.mark.parametrize("damage", [b"", b"no features", b"\xff" * 300, b"\x08" + b"\0" * 7 + b"{broken}"])
    def test_what_cannot_be_read_is_as_none(self, tmp_path: Path, damage: bytes) -> None:
        cache = FeatureCache(tmp_path, PLENTY)
        (tmp_path / f"{key(0)}.safetensors").write_bytes(damage)
        assert cache.load(key(0)) is None

    def test_a_writer_that_was_killed_leaves_a_partial_file_that_is_never_read(
        self, tmp_path: Path, monkeypatch
    ) -> None:
        def killed_half_way(tensors, path, metadata) -> None:
            save_file(tensors, path, metadata)
            os.truncate(path, path.stat().st_size // 2)
            raise KeyboardInterrupt

        cache = FeatureCache(tmp_path, PLENTY)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("innersight.inference.feature_cache.save_file", killed_half_way)
            cache.save(key(0), views(), {})
        (partial,) = tmp_path.iterdir()
        assert partial.suffix == ".partial"
        assert cache.load(key(0)) is None
        os.utime(partial, (time.time() - 3500,) * 2)
        FeatureCache(tmp_path, PLENTY)  # its writer may be at it
        assert partial.exists()
        os.utime(partial, (time.time() - 3700,) * 2)
        FeatureCache(tmp_path, PLENTY)
        assert names_in(tmp_path) == set()
        cache.save(key(0), views(), {})
        assert same(cache.load(key(0))[0], views())

    @pytest.mark.parametrize("word", [b"height", b"fingerprint", b"grid", b"kind", b"views"])
    def test_a_damaged_head_is_computed_again(self, tmp_path: Path, word: bytes) -> None:
        lite, cache = innersight.create_metrics(["lite"]), FeatureCache(tmp_path / "cache", PLENTY)
        Image.new("RGB", (64, 64), (9, 9, 9)).save(path := tmp_path / "a.png")
        expected = list(innersight.score_pairs([(path, path)], lite, cache=cache))
        (kept,) = cache.folder.iterdir()
        whole = kept.read_bytes()
        assert word in whole
        kept.write_bytes(whole.replace(word, b"x" + word[1:], 1))
        assert list(innersight.score_pairs([(path, path)], lite, cache=cache)) == expected
        assert list(innersight.score_pairs([(path, path)], lite, cache=cache)) == expected
        assert word in kept.read_bytes()  # mended

    def test_a_file_without_a_head_is_as_none(self, tmp_path: Path) -> None:
        save_file({"0": torch.zeros(1)}, tmp_path / f"{key(0)}.safetensors")
        assert FeatureCache(tmp_path, PLENTY).load(key(0)) is None

    def test_a_smaller_limit_holds_from_the_opening_on(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, PLENTY)
        for index in range(20):
            cache.save(key(index), views(index), {})
        FeatureCache(tmp_path, 50_000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 50_000

    def test_a_folder_that_cannot_be_used_is_one_clear_error(self, tmp_path: Path, monkeypatch) -> None:
        (tmp_path / "file").touch()
        for path in (tmp_path / "file", tmp_path / "file" / "cache"):
            with pytest.raises(ArgumentError, match=r"The cache can't use the folder '.*file(/cache)?': \[Errno"):
                FeatureCache(path, PLENTY)

        def full(tensors, path, metadata) -> None:
            path.write_bytes(b"some")
            raise OSError("No space left on device")

        monkeypatch.setattr("innersight.inference.feature_cache.save_file", full)
        cache = FeatureCache(tmp_path / "cache", PLENTY)
        with pytest.raises(ArgumentError, match=r"The cache '.*cache' can't be written to: No space left on device"):
            cache.save(key(0), views(), {})
        assert names_in(tmp_path / "cache") == set()

    def test_two_at_once_in_one_folder_do_no_harm(self, tmp_path: Path) -> None:
        expected = [views(index) for index in range(8)]

        def use(first: int) -> int:
            cache, found = FeatureCache(tmp_path, 80_000), 0  # room for four
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
