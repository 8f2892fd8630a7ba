"""A bundle is read, checked and run as documented."""

from __future__ import annotations

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from innersight.bundles import Bundle, shipped
from innersight.bundles.installed import shipped_folder
from innersight.errors import ArgumentError, ImageError
from standins import tensor_pair


@pytest.fixture
def lite() -> Bundle:
    return Bundle.load(shipped_folder("lite"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the installed bundle, to damage."""
    return Path(shutil.copytree(shipped_folder("lite"), tmp_path / "lite"))


def arrays(height: int = 96, width: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    reference, distorted = tensor_pair(height, width, seed)
    return reference.numpy(), distorted.numpy()


class TestLoading:
    def test_a_folder_without_a_description_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"is not a bundle: its metric.json cannot be read .*innersight export"):
            Bundle.load(tmp_path)

    def test_a_description_that_is_no_json_is_refused(self, copy: Path) -> None:
        (copy / "metric.json").write_text("{")
        with pytest.raises(ArgumentError, match="is not a bundle"):
            Bundle.load(copy)

    @pytest.mark.parametrize("content", ["[]", "{}", '{"format": 99}'])
    def test_another_format_is_refused(self, copy: Path, content: str) -> None:
        (copy / "metric.json").write_text(content)
        with pytest.raises(ArgumentError, match=r"has the format .*, but this version of innersight reads 1"):
            Bundle.load(copy)

    def test_a_description_without_a_part_is_refused(self, copy: Path) -> None:
        description = json.loads((copy / "metric.json").read_text())
        del description["features"]
        (copy / "metric.json").write_text(json.dumps(description))
        with pytest.raises(ArgumentError, match=r"lacks `features` \(list\): export the metric again"):
            Bundle.load(copy)

    @pytest.mark.parametrize("graph", ["extract.onnx", "compare.onnx", "map.onnx", "compare_masked.onnx"])
    def test_a_changed_or_missing_graph_is_refused(self, copy: Path, graph: str) -> None:
        content = (copy / graph).read_bytes()
        (copy / graph).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ArgumentError, match=rf"{graph}' is missing, or is not the one"):
            Bundle.load(copy)
        (copy / graph).unlink()
        with pytest.raises(ArgumentError, match=rf"{graph}' is missing, or is not the one"):
            Bundle.load(copy)

    def test_a_graph_outside_the_folder_is_not_read(self, copy: Path) -> None:
        description = json.loads((copy / "metric.json").read_text())
        description["files"]["../lite/extract.onnx"] = description["files"]["extract.onnx"]
        (copy / "metric.json").write_text(json.dumps(description))
        with pytest.raises(ArgumentError, match="is missing, or is not the one"):
            Bundle.load(copy)

    def test_other_files_of_the_folder_do_not_matter(self, copy: Path) -> None:
        (copy / "NOTICE").write_text("a notice")
        assert Bundle.load(copy).name == "lite"


class TestScores:
    def test_identical_images_score_exactly_0(self, lite: Bundle) -> None:
        reference, _ = arrays()
        score, parts = lite.compare(lite.extract(reference), lite.extract(reference.copy()))
        assert score == 0
        assert parts == [0.0] * 6
        assert not lite.map(lite.extract(reference), lite.extract(reference), (96, 120)).any()

    def test_the_score_is_the_sum_of_its_parts_and_symmetric(self, lite: Bundle) -> None:
        r, d = (lite.extract(image) for image in arrays())
        score, parts = lite.compare(r, d)
        assert score == pytest.approx(sum(parts), rel=1e-6)
        assert score == pytest.approx(lite.compare(d, r)[0], rel=1e-6)
        assert len(parts) == len(lite.layer_names)

    def test_the_map_has_the_size_of_the_images(self, lite: Bundle) -> None:
        r, d = (lite.extract(image) for image in arrays(75, 201))
        found = lite.map(r, d, (75, 201))
        assert found.shape == (75, 201)
        assert found.dtype == np.float32
        assert found.min() >= 0

    def test_a_batch_has_the_features_of_its_images(self, lite: Bundle) -> None:
        reference, distorted = arrays()
        both = lite.extract(np.concatenate([reference, distorted]))
        for name, tensor in lite.extract(distorted).items():
            np.testing.assert_array_equal(both[name][1:], tensor)

    def test_the_number_of_threads_changes_rounding_only(self, lite: Bundle) -> None:
        scores = [
            lite.compare(*(lite.extract(image, threads=threads) for image in arrays()), threads=threads)[0]
            for threads in (1, 2, None)
        ]
        assert scores == pytest.approx([scores[0]] * 3, rel=1e-6)

    @pytest.mark.parametrize("threads", [1, 2, 5, None])
    def test_images_at_once_have_the_features_of_each_alone(self, lite: Bundle, threads: int | None) -> None:
        images = [array[0] for array in arrays()] + [np.full((3, 70, 80), 0.5, dtype=np.float32)]
        for image, found in zip(images, lite.extract_each(images, threads=threads), strict=True):
            for name, expected in lite.extract(image[None], threads=1).items():
                np.testing.assert_allclose(found[name], expected, atol=1e-5 * np.abs(expected).max())

    def test_threads_share_a_bundle(self, lite: Bundle) -> None:
        pairs = [arrays(seed=seed) for seed in range(4)]

        def score(pair: tuple[np.ndarray, np.ndarray]) -> float:
            return lite.compare(*(lite.extract(image, threads=1) for image in pair), threads=1)[0]

        alone = [score(pair) for pair in pairs]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(score, pairs * 3)) == alone * 3

    def test_a_pickled_bundle_scores_the_same(self, lite: Bundle) -> None:
        r, d = (lite.extract(image) for image in arrays())
        again: Bundle = pickle.loads(pickle.dumps(lite))
        assert again.compare(r, d) == lite.compare(r, d)
        assert again.citation == lite.citation


class TestRefused:
    @pytest.mark.parametrize(
        "images",
        [np.zeros((3, 64, 64), np.float32), np.zeros((1, 3, 64, 64)), np.zeros((1, 1, 64, 64), np.float32)],
        ids=["no batch", "float64", "one channel"],
    )
    def test_another_array_is_refused(self, lite: Bundle, images: np.ndarray) -> None:
        with pytest.raises(ArgumentError, match=r"`images` must be a float32 array \(N, 3, H, W\), but got"):
            lite.extract(images)

    def test_images_of_two_sizes_are_refused(self, lite: Bundle) -> None:
        with pytest.raises(ImageError, match=r"have different shapes .* compare images of one size"):
            lite.compare(lite.extract(arrays(64, 64)[0]), lite.extract(arrays(64, 99)[0]))

    def test_a_strip_is_refused_before_it_fills_the_memory(self, lite: Bundle) -> None:
        with pytest.raises(ArgumentError, match="more than the limit of 16,777,216"):
            lite.extract(np.zeros((1, 3, 1, 100_000), np.float32))


def test_the_description_holds_what_decides_a_score(lite: Bundle) -> None:
    record = lite.describe()
    json.dumps(record, allow_nan=False)
    assert record["views"]["main"]["weights"]["digest"].startswith("sha256:")
    assert record["bundle"].startswith("sha256:")
    assert record["runtime"].startswith("onnxruntime ")
    assert set(record["versions"]) >= {"innersight", "onnxruntime", "Pillow"}
    assert record["citation"] == lite.citation
    assert "torch" not in record["versions"]


def test_a_name_without_a_bundle_has_none() -> None:
    assert shipped("vit") is None


@pytest.mark.parametrize("text", ["std::bad_alloc", "Failed to allocate memory for requested buffer of size 9"])
def test_too_little_memory_of_the_runtime_is_a_memory_error_and_other_errors_stay(
    lite: Bundle, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    def fail(*_: object) -> None:
        raise Fail(said)

    monkeypatch.setattr("onnxruntime.InferenceSession.run", fail)
    for said, kind in ((text, MemoryError), ("Non-zero status code", Fail)):
        with pytest.raises(kind, match=said):
            lite.extract(arrays()[0])
