"""A damaged file of the cache of features is ignored, and its features are computed again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file

import innersight
from cached_features import PLENTY, key, made, same, saved
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.planner import score_pairs


def loaded(cache: FeatureCache) -> dict[str, np.ndarray]:
    """Return the features of the first entry, which must be there."""
    kept = cache.load(key(0))
    assert kept is not None
    return kept[0]


def parts_of(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    content = path.read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return load_file(path), head["__metadata__"]


def zero_the_tail(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-4000] + b"\0" * 4000)


def reshape_tensors(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file({name: tensor.reshape(1, 50, 40) for name, tensor in tensors.items()}, path, metadata)


def retype_tensors(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file({name: tensor.view(np.int32) for name, tensor in tensors.items()}, path, metadata)


def swap_tensors(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file({"layer 3": tensors["layer 7"], "layer 7": tensors["layer 3"]}, path, metadata)


def drop_the_tensors(path: Path) -> None:
    save_file({}, path, parts_of(path)[1])


def change_the_fingerprint(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file(tensors, path, {**metadata, "fingerprint": "00fe"})


def change_the_features(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file(tensors, path, {**metadata, "extractor_id": "no extractor"})


def nest_the_order(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file(tensors, path, {**metadata, "order": "[" * 100_000})


def add_a_fact(path: Path) -> None:
    tensors, metadata = parts_of(path)
    save_file(tensors, path, {**metadata, "more": "text"})


DAMAGES = [
    zero_the_tail,
    reshape_tensors,
    retype_tensors,
    swap_tensors,
    drop_the_tensors,
    change_the_fingerprint,
    change_the_features,
    nest_the_order,
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
        assert same(loaded(cache), made())

    @given(place=st.floats(0, 1, exclude_max=True), in_head=st.booleans(), bits=st.integers(1, 255))
    def test_an_entry_with_a_changed_byte_is_a_miss_or_unchanged_fault_9(
        self, tmp_path_factory: pytest.TempPathFactory, place: float, in_head: bool, bits: int
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
        assert in_head  # JSON of the same content: a changed space, or an escaped letter
        assert same(loaded[0], made())
        assert (loaded[1]["height"], loaded[1]["fingerprint"]) == ("160", "00ff")

    @given(share=st.floats(0, 1, exclude_max=True))
    def test_a_truncated_entry_is_a_miss_fault_9(self, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
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
    def test_any_error_of_reading_is_a_miss_fault_9(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
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
                if not loading.done():  # a writer that opens and closes the FIFO ends the wait
                    os.close(os.open(fifo, os.O_WRONLY))
        saved(tmp_path)
        assert same(loaded(FeatureCache(tmp_path, PLENTY)), made())

    def test_a_folder_with_the_name_of_an_entry_is_a_miss_and_is_not_changed_fault_9(self, tmp_path: Path) -> None:
        (tmp_path / f"{key(0)}.safetensors").mkdir()
        cache = FeatureCache(tmp_path, 20_000)
        assert cache.load(key(0)) is None
        cache.save(key(0), made(), {})
        assert FeatureCache(tmp_path, 0).load(key(0)) is None  # a limit of 0 removes all files, but no folder
        assert [path.name for path in tmp_path.iterdir()] == [f"{key(0)}.safetensors"]

    def test_scores_with_a_damaged_cache_are_those_without_one_fault_9(self, tmp_path: Path) -> None:
        lite, cache = innersight.create_metrics(["lite"]), FeatureCache(tmp_path / "cache", PLENTY)
        for name, level in (("a.png", 9), ("b.png", 200)):
            Image.new("RGB", (64, 64), (level, 9, 9)).save(tmp_path / name)
        pairs = [(tmp_path / "a.png", tmp_path / "b.png")]
        expected = list(score_pairs(pairs, lite, cache=cache))
        for path in cache.folder.iterdir():
            zero_the_tail(path)
        assert list(score_pairs(pairs, lite, cache=cache)) == expected

    @pytest.mark.parametrize("damage", [b"", b"no features", b"\xff" * 300, b"\x08" + b"\0" * 7 + b"{broken}"])
    def test_a_file_that_cannot_be_read_is_a_miss(self, tmp_path: Path, damage: bytes) -> None:
        cache = FeatureCache(tmp_path, PLENTY)
        (tmp_path / f"{key(0)}.safetensors").write_bytes(damage)
        assert cache.load(key(0)) is None

    @pytest.mark.thorough
    @pytest.mark.parametrize("word", [b"height", b"fingerprint", b"grid", b"kind", b"extractor_id"])
    def test_features_with_a_damaged_head_are_computed_again(self, tmp_path: Path, word: bytes) -> None:
        lite, cache = innersight.create_metrics(["lite"]), FeatureCache(tmp_path / "cache", PLENTY)
        Image.new("RGB", (64, 64), (9, 9, 9)).save(path := tmp_path / "a.png")
        expected = list(innersight.score_pairs([(path, path)], lite, cache=cache))
        (kept,) = cache.folder.iterdir()
        whole = kept.read_bytes()
        assert word in whole
        kept.write_bytes(whole.replace(word, b"x" + word[1:], 1))
        assert list(innersight.score_pairs([(path, path)], lite, cache=cache)) == expected
        assert list(innersight.score_pairs([(path, path)], lite, cache=cache)) == expected
        assert word in kept.read_bytes()  # written again

    def test_a_file_without_a_head_is_a_miss(self, tmp_path: Path) -> None:
        save_file({"0": np.zeros(1)}, tmp_path / f"{key(0)}.safetensors")
        assert FeatureCache(tmp_path, PLENTY).load(key(0)) is None

    def test_a_killed_writer_leaves_a_partial_file_that_is_never_read_and_later_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed_half_way(tensors: dict[str, np.ndarray], path: Path, metadata: dict[str, str]) -> None:
            save_file(tensors, path, metadata)
            os.truncate(path, path.stat().st_size // 2)
            raise KeyboardInterrupt

        cache = FeatureCache(tmp_path, PLENTY)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("innersight.inference.feature_cache.save_file", killed_half_way)
            cache.save(key(0), made(), {})
        (partial,) = tmp_path.iterdir()
        assert partial.suffix == ".partial"
        assert cache.load(key(0)) is None
        os.utime(partial, (time.time() - 3500,) * 2)
        FeatureCache(tmp_path, PLENTY)  # a process may still write to it
        assert partial.exists()
        os.utime(partial, (time.time() - 3700,) * 2)
        FeatureCache(tmp_path, PLENTY)
        assert list(tmp_path.iterdir()) == []
        cache.save(key(0), made(), {})
        assert same(loaded(cache), made())


def test_a_file_that_windows_does_not_let_go_stays_and_another_one_is_removed_fault_31(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, a file that another process reads cannot be removed."""
    files = [saved(tmp_path, index) for index in range(4)]
    for age, file in enumerate(files):
        os.utime(file, (1000 + age, 1000 + age))
    unlink = Path.unlink

    def refuse_the_oldest(path: Path, missing_ok: bool = False) -> None:
        if path.name == files[0].name:
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse_the_oldest)
    limit = sum(file.stat().st_size for file in files) - 1
    FeatureCache(tmp_path, limit)
    assert [file.is_file() for file in files] == [True, False, True, True]
