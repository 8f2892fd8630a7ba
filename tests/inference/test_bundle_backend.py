"""The backend of a bundle gives its features whole or some windows at a time, and keeps threads to themselves."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from innersight.errors import ArgumentError
from innersight.inference.bundle_backend import BundleBackend, BundleFeatures
from innersight.inference.extractor import FeatureExtractor
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.planned_run import Row
from innersight.inference.planner import Engine
from innersight.inference.scorer import scorer_of
from innersight.inference.scorers import create_scorers
from innersight.inference.sources import ImageFeatures, SharedSources

SIDE = 20
"""Side and stride of the windows of `MeanColours`."""


class MeanColours:
    """Stands for a bundle with windows, which the package does not include: it compares the mean colour of windows.

    It has the interface of `Bundle` and keeps the numbers of threads and of windows that it is called with.
    """

    name = "means"
    higher_is_better = False
    layer_names = ("sum", "largest")
    has_map = True
    citation = "means of windows"
    runtime_name = "numpy"
    extractor_id = "sha256:0"
    window = SIDE

    def __init__(self) -> None:
        self.threads: list[int | None] = []
        self.windows: list[int] = []

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "citation": self.citation}

    def count_windows(self, height: int, width: int) -> int:
        return (height // SIDE) * (width // SIDE)

    def count_pixels(self, height: int, width: int) -> int:
        self.check_size(height, width)
        return self.count_windows(height, width) * SIDE**2

    def check_size(self, height: int, width: int) -> None:
        if min(height, width) < SIDE:
            raise ArgumentError("too small")

    def extract(
        self, images: np.ndarray, *, threads: int | None = None, windows: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        assert windows is not None
        first, count = windows
        columns = images.shape[-1] // SIDE
        corners = [(SIDE * (n // columns), SIDE * (n % columns)) for n in range(first, first + count)]
        cut = [images[:, :, top : top + SIDE, left : left + SIDE].mean((2, 3)) for top, left in corners]
        self.threads.append(threads)
        self.windows.append(count * images.shape[0])
        return {"colour": np.concatenate(cut)}

    def compare(
        self, reference: Mapping[str, np.ndarray], distorted: Mapping[str, np.ndarray], *, threads: int | None = None
    ) -> tuple[float, list[float]]:
        self.threads.append(threads)
        apart = np.abs(reference["colour"] - distorted["colour"])
        return float(apart.sum(1).mean()), [float(apart.sum(1).mean()), float(apart.max(1).mean())]

    def map(
        self,
        reference: Mapping[str, np.ndarray],
        distorted: Mapping[str, np.ndarray],
        size: tuple[int, int],
        *,
        threads: int | None = None,
    ) -> np.ndarray:
        rows, columns = size[0] // SIDE, size[1] // SIDE
        apart = np.abs(reference["colour"] - distorted["colour"]).sum(1).reshape(rows, columns)
        return apart.repeat(SIDE, 0).repeat(SIDE, 1).astype(np.float32)


def backend_of(bundle: MeanColours) -> BundleBackend:
    return BundleBackend(bundle)  # type: ignore[arg-type]


def draw(seed: int, height: int = 5 * SIDE, width: int = 8 * SIDE) -> np.ndarray:
    return np.random.default_rng(seed).random((3, height, width), dtype=np.float32)


def test_windows_are_extracted_some_at_a_time_and_compared_as_a_whole() -> None:
    bundle = MeanColours()
    shared = SharedSources({"means": backend_of(bundle)})
    images = draw(0), draw(1)
    whole = [ImageFeatures((100, 160), shared.extract(image), None) for image in images]
    assert bundle.windows == [16, 16, 8] * 2
    parts = [ImageFeatures((100, 160), {}, image) for image in images]
    expected, layers = shared.score(*whole, per_layer=True)
    assert expected["means"] > 0
    assert len(layers["means"]) == 2
    found = shared.score(*parts, per_layer=True)
    assert found[0] == pytest.approx(expected, rel=1e-6)
    assert found[1]["means"] == pytest.approx(layers["means"], rel=1e-6)
    assert np.array_equal(shared.map("means", *parts), shared.map("means", *whole))


def test_images_of_a_batch_keep_their_own_features() -> None:
    bundle = MeanColours()
    ((source, _),) = backend_of(bundle).parts
    both = source.extract([draw(0), draw(1)])
    assert (both.batch, both.windows, both.nbytes) == (2, 40, 2 * 40 * 3 * 4)
    assert max(bundle.windows) == 16
    for index in range(2):
        one, alone = both.one(index), source.extract([draw(index)])
        assert (one.batch, one.windows) == (1, 40)
        assert np.array_equal(one.arrays["colour"], alone.arrays["colour"])
        assert one.arrays["colour"].base is None  # the features of the other image can be dropped


def test_features_are_stored_and_read_back() -> None:
    ((source, _),) = backend_of(MeanColours()).parts
    features = source.extract([draw(0)])
    again = source.unpack(*source.pack(features))
    assert isinstance(again, BundleFeatures)
    assert np.array_equal(again.arrays["colour"], features.arrays["colour"])


def test_the_memory_of_features_is_estimated_by_the_windows() -> None:
    extractor = FeatureExtractor({"means": backend_of(MeanColours())}, with_layers=False, together=False, cache=None)
    extractor.warm_up((100, 160))
    assert extractor.feature_bytes(100, 160) == 40 * 3 * 4
    with pytest.raises(ArgumentError, match="too small"):
        extractor.feature_bytes(10, 100)


def test_each_worker_of_the_engine_computes_with_its_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    for seed in range(2):
        Image.fromarray((draw(seed) * 255).astype(np.uint8).transpose(1, 2, 0)).save(tmp_path / f"{seed}.png")
    bundle = MeanColours()
    engine = Engine({"means": scorer_of(backend_of(bundle))}, workers=3)
    engine.warm_up(tmp_path / "0.png")
    assert set(bundle.threads) == {2}  # no graphs are loaded for another number of threads
    rows = [Row(index, tmp_path / "0.png", tmp_path / "1.png") for index in range(5)]
    results = dict(engine.run(rows))
    assert {result.error for result in results.values()} == {None}
    assert set(bundle.threads) == {2}
    bundle.threads.clear()
    scorer_of(backend_of(bundle))(tmp_path / "0.png", tmp_path / "1.png")
    assert set(bundle.threads) == {6}
    bundle.threads.clear()
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(os.cpu_count() or 1), raising=False)
    scorer_of(backend_of(bundle))(tmp_path / "0.png", tmp_path / "1.png")
    assert set(bundle.threads) == {None}  # nothing limits it: the runtime decides


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_list_scores_as_its_pairs_with_a_cache_too(tmp_path: Path, batch_size: int) -> None:
    scorers = create_scorers(["lite"], runtime="onnx")
    for seed in range(4):
        Image.fromarray((draw(seed, 90, 120) * 255).astype(np.uint8).transpose(1, 2, 0)).save(tmp_path / f"{seed}.png")
    (tmp_path / "4.png").write_bytes((tmp_path / "0.png").read_bytes())
    Image.open(tmp_path / "0.png").save(tmp_path / "5.bmp")
    others = [tmp_path / name for name in ("1.png", "2.png", "3.png", "4.png", "5.bmp")]
    rows = [Row(index, tmp_path / "0.png", other) for index, other in enumerate(others)]
    expected = [scorers["lite"](tmp_path / "0.png", other) for other in others]
    for cache in (None, FeatureCache(tmp_path / "cache", 1 << 30), FeatureCache(tmp_path / "cache", 1 << 30)):
        found = dict(Engine(scorers, batch_size=batch_size, cache=cache).run(rows))
        assert [found[index].error for index in range(5)] == [None] * 5
        assert [found[index].scores["lite"] for index in range(5)] == pytest.approx(expected, rel=1e-5)
        assert [found[index].scores["lite"] for index in (3, 4)] == [0.0, 0.0]
    assert expected[3:] == [0.0, 0.0]
    assert min(expected[:3]) > 0


def test_several_threads_extract_equal_features(tmp_path: Path) -> None:
    scorer = create_scorers(["lite"], runtime="onnx")["lite"]
    shared = SharedSources({"lite": scorer.backend})
    image, start = draw(0), threading.Barrier(4)

    def extract(_: int) -> list[np.ndarray]:
        start.wait()
        (features,) = shared.extract(image).values()
        return list(features.arrays.values())  # type: ignore[attr-defined]

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(extract, range(4))
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
