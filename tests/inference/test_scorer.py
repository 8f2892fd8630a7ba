"""A scorer gives the score of its metric for every kind of input, 0 for identical images, and plain errors."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from innersight import Scorer
from innersight.errors import ArgumentError, ImageError
from innersight.inference.scorers import as_scorers, create_scorers
from scores_by_hand import layers_by_hand, score_by_hand, tensors_of

VIT = "vit_tiny_patch16_224"
Files = tuple[Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    photograph = Image.fromarray(data.coffee()).crop((100, 50, 451, 310))
    photograph.save(tmp_path / "ref.png")
    photograph.save(tmp_path / "dis.jpg", quality=20)
    return tmp_path / "ref.png", tmp_path / "dis.jpg"


@pytest.fixture(scope="module")
def windowed(vit_weights: Path) -> Scorer:
    return Scorer("paper", backbone=VIT, weights=vit_weights, runtime="torch")


@pytest.fixture(params=["bundle", "torch"])
def lite(request: pytest.FixtureRequest) -> Scorer:
    return Scorer("lite", runtime="onnx" if request.param == "bundle" else "torch")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every extraction of features fail."""

    def fail(*_: object) -> None:
        raise AssertionError("features were extracted")

    monkeypatch.setattr("innersight.inference.sources.SharedSources.extract", fail)
    monkeypatch.setattr("innersight.inference.sources.SharedSources.pairs", fail)


class TestScore:
    def test_it_is_the_score_of_the_metric(self, lite: Scorer, files: Files) -> None:
        expected = score_by_hand(innersight.create_metric("lite"), files)
        assert lite(*files) == pytest.approx(expected, rel=1e-5)
        assert lite(*map(str, files)) == lite(*files)

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        "opened",
        [
            pytest.param(lambda path: path.read_bytes(), id="bytes"),
            pytest.param(lambda path: io.BytesIO(path.read_bytes()), id="file object"),
            pytest.param(Image.open, id="PIL image"),
            pytest.param(lambda path: np.asarray(Image.open(path)), id="array of bytes"),
            pytest.param(lambda path: np.asarray(Image.open(path)) / np.float64(255), id="array of floats"),
        ],
    )
    def test_images_in_memory_score_as_their_files(
        self, lite: Scorer, files: Files, opened: Callable[[Path], Any]
    ) -> None:
        expected = lite(*files)
        assert lite(*map(opened, files)) == pytest.approx(expected, rel=1e-6)
        assert lite(opened(files[0]), files[1]) == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("text", ["lite", "paper", "psnr"])
    def test_it_is_the_score_of_a_metric_that_is_made_already(self, text: str, files: Files, vit_weights: Path) -> None:
        options: dict[str, Any] = {"backbone": VIT, "weights": vit_weights} if text == "paper" else {}
        metric = innersight.create_metric(text, **options)
        assert Scorer(metric)(*files) == pytest.approx(score_by_hand(metric, files), rel=1e-5)

    @pytest.mark.thorough
    def test_per_layer_and_map_are_computed_if_asked_for(self, lite: Scorer, files: Files) -> None:
        metric = innersight.create_metric("lite")
        bare, full = lite.score(*files), lite.score(*files, per_layer=True, map=True)
        assert (bare.per_layer, bare.map) == (None, None)
        assert bare.score == full.score
        assert full.per_layer == pytest.approx(layers_by_hand(metric, files), rel=1e-5)
        assert full.map is not None
        with torch.inference_mode():
            expected = metric.map(*tensors_of(files))[0].numpy()
        assert (full.map.shape, full.map.dtype) == ((260, 351), np.float32)
        assert np.allclose(full.map, expected, rtol=1e-4, atol=1e-5 * expected.max())

    @pytest.mark.thorough
    def test_windows_give_the_score_and_the_map_of_the_metric(
        self, windowed: Scorer, files: Files, vit_weights: Path
    ) -> None:
        metric = innersight.create_metric("paper", backbone=VIT, weights=vit_weights)
        found = windowed.score(*files, per_layer=True, map=True)
        assert found.score == pytest.approx(score_by_hand(metric, files), rel=1e-5)
        assert found.per_layer == pytest.approx(layers_by_hand(metric, files), rel=1e-5)
        with torch.inference_mode():
            expected = metric.map(*tensors_of(files))[0].numpy()
        assert np.allclose(found.map, expected, rtol=1e-4, atol=1e-5 * expected.max())

    @pytest.mark.thorough
    def test_the_pixels_of_a_large_reference_are_dropped_before_the_distorted_image_is_read(
        self, lite: Scorer, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = lite(*files)
        monkeypatch.setattr("innersight.inference.scorer._HELD_BYTES", 0)
        assert lite(*files) == pytest.approx(expected, rel=1e-6)
        Image.open(files[0]).save(copy := files[0].with_suffix(".bmp"))
        assert lite(files[0], copy) == 0

    def test_the_function_score_is_a_scorer_s_score(self, files: Files, vit_weights: Path) -> None:
        options: dict[str, Any] = {"backbone": VIT, "distance": "cos", "weights": vit_weights}
        metric = innersight.create_metric("paper", **options)
        found = innersight.score(*files, metric="paper", **options)
        assert found == pytest.approx(score_by_hand(metric, files), rel=1e-4)
        assert found > 0
        changes = {"terms.moments.weight": 0, "scale": "linear"}
        expected = score_by_hand(innersight.create_metric("lite", changes=changes), files)
        assert innersight.score(*files, changes=changes) == pytest.approx(expected, rel=1e-4)
        assert expected != pytest.approx(innersight.score(*files), rel=0.01)

    def test_a_metric_of_another_library_scores_files_too_fault_49(self, files: Files) -> None:
        """The expected value is computed by the definition of PSNR."""
        reference, distorted = (np.array(Image.open(path)) / 255 for path in files)
        expected = 10 * np.log10(1 / np.mean((reference - distorted) ** 2))
        assert innersight.score(*files, metric="psnr") == pytest.approx(expected, rel=1e-4)


class TestIdentical:
    @pytest.mark.usefixtures("no_network")
    def test_equal_bytes_score_0_without_a_network(self, lite: Scorer, files: Files, tmp_path: Path) -> None:
        (tmp_path / "copy.png").write_bytes(files[0].read_bytes())
        content = files[0].read_bytes()
        with files[0].open("rb") as file:
            pairs: list[tuple[Any, Any]] = [
                (files[0], files[0]),
                (files[0], str(tmp_path / "copy.png")),
                (content, bytes(bytearray(content))),
                (file, file),
            ]
            for pair in pairs:
                found = lite.score(*pair, per_layer=True, map=True)
                assert (found.score, found.per_layer) == (0.0, [0.0] * 6)
                assert found.map is not None
                assert (found.map.shape, found.map.any()) == ((260, 351), False)

    @pytest.mark.usefixtures("no_network")
    def test_equal_pixels_score_0_without_a_network(self, lite: Scorer, files: Files, tmp_path: Path) -> None:
        image = Image.open(files[0])
        image.save(tmp_path / "copy.bmp")
        for copy in (tmp_path / "copy.bmp", image, np.asarray(image)):
            assert lite(files[0], copy) == 0

    def test_an_equal_file_is_decoded_so_that_damage_is_an_error(self, lite: Scorer, files: Files) -> None:
        files[0].write_bytes(files[0].read_bytes()[:9000])
        with pytest.raises(ImageError, match=r"ref\.png' cannot be decoded"):
            lite(files[0], files[0])
        with pytest.raises(ImageError, match=r"No such file: 'missing\.png'"):
            lite("missing.png", "missing.png")

    @pytest.mark.usefixtures("no_network")
    def test_a_size_that_the_metric_does_not_accept_is_an_error(self, windowed: Scorer, tmp_path: Path) -> None:
        Image.new("RGB", (300, 200)).save(tmp_path / "small.png")
        with pytest.raises(ArgumentError, match=r"windows of 224 x 224 pixels .* but the images are 200 x 300"):
            windowed(tmp_path / "small.png", tmp_path / "small.png")

    def test_other_metrics_compute_their_score(self, files: Files) -> None:
        metric = innersight.create_metric("ssim")
        assert Scorer(metric)(files[0], files[0]) == pytest.approx(score_by_hand(metric, (files[0], files[0])))


class TestReference:
    @pytest.mark.thorough
    @pytest.mark.parametrize("name", ["bundle", "torch", "paper", "psnr"])
    def test_it_gives_the_scores_of_its_image(self, name: str, files: Files, windowed: Scorer) -> None:
        scorer = {
            "bundle": lambda: Scorer("lite", runtime="onnx"),
            "torch": lambda: Scorer("lite", runtime="torch"),
            "paper": lambda: windowed,
            "psnr": lambda: Scorer("psnr"),
        }[name]()
        reference = scorer.reference(files[0])
        assert (reference.size, reference.nbytes > 1000) == ((260, 351), True)
        expected = scorer.score(*files, per_layer=name != "psnr", map=scorer.has_map)
        for _ in range(2):
            found = scorer.score(reference, files[1], per_layer=name != "psnr", map=scorer.has_map)
            assert found.score == pytest.approx(expected.score, rel=1e-5)
            if scorer.has_map:
                assert found.per_layer == pytest.approx(expected.per_layer, rel=1e-5)
                assert np.allclose(found.map, expected.map, rtol=1e-4, atol=1e-5 * expected.map.max())
        if name != "psnr":
            same = scorer.score(reference, np.asarray(Image.open(files[0])), per_layer=True, map=True)
            assert same.score == 0
            assert not np.any(same.per_layer)
            assert not np.any(same.map)

    def test_it_can_be_pickled(self, lite: Scorer, files: Files) -> None:
        reference = pickle.loads(pickle.dumps(lite.reference(files[0])))
        assert lite(reference, files[1]) == pytest.approx(lite(*files), rel=1e-6)
        assert lite(reference, files[0]) == 0

    def test_an_image_of_another_size_is_refused(self, lite: Scorer, files: Files) -> None:
        crop = Image.open(files[0]).crop((0, 0, 300, 200))
        with pytest.raises(ImageError, match=r"ref\.png' is 351 x 260, the PIL image is 300 x 200"):
            lite(lite.reference(files[0]), crop)
        with pytest.raises(ImageError, match="the reference image is 300 x 200, the distorted image is 351 x 260"):
            lite(lite.reference(crop), files[1])

    def test_a_reference_of_another_metric_is_refused(self, lite: Scorer, files: Files) -> None:
        with pytest.raises(ArgumentError, match=r"`reference` has features of .*: make it with the method `reference`"):
            lite(Scorer("psnr").reference(files[0]), files[1])


class TestScorer:
    def test_it_tells_what_its_metric_tells(self) -> None:
        psnr = innersight.create_metric("psnr")
        scorer = Scorer(psnr)
        assert (scorer.name, scorer.higher_is_better, scorer.has_map, scorer.layer_names) == ("psnr", True, False, ())
        assert (scorer.citation, scorer.describe()) == (psnr.citation, psnr.describe())
        lite = Scorer("lite")
        assert (lite.name, lite.higher_is_better, lite.has_map) == ("lite", False, True)
        assert lite.layer_names == innersight.create_metric("lite").layer_names
        assert lite.describe()["citation"] == lite.citation

    @pytest.mark.parametrize("text", ["lite", "lite:distance=channel-cos", "psnr"])
    def test_it_can_be_pickled(self, text: str, files: Files) -> None:
        scorer = Scorer(text)
        again = pickle.loads(pickle.dumps(scorer))
        assert again(*files) == pytest.approx(scorer(*files), rel=1e-6)
        assert again.describe() == scorer.describe()

    def test_a_scorer_of_a_metric_that_is_made_already_can_be_pickled(self, files: Files) -> None:
        scorer = Scorer(innersight.create_metric("lite"))
        assert pickle.loads(pickle.dumps(scorer))(*files) == scorer(*files)

    @pytest.mark.thorough
    def test_several_threads_can_use_it(self, lite: Scorer, files: Files) -> None:
        expected = lite(*files)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: lite(*files), range(12)))
        assert found == pytest.approx([expected] * 12, rel=1e-6)

    @pytest.mark.thorough
    def test_a_metric_that_is_moved_later_is_used_as_it_is_then(self, files: Files) -> None:
        metric = innersight.create_metric("lite")
        scorer = Scorer(metric)
        single = scorer(*files)
        metric.to(torch.float64)
        assert scorer.describe()["precision"] == "float64"
        assert scorer(*files) == pytest.approx(single, rel=1e-5)
        assert scorer(*files) != single


class TestErrors:
    @pytest.mark.parametrize(
        "options",
        [
            {"distance": "l2"},
            {"changes": {"scale": "log"}},
            {"precision": "fp64"},
            {"device": "cpu"},
            {"runtime": "torch"},
        ],
    )
    def test_a_metric_that_is_made_already_takes_no_further_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(ArgumentError, match=r"`metric` is a metric that is made already, .* them to create_metric"):
            Scorer(innersight.create_metric("psnr"), **options)

    def test_a_metric_without_layers_or_map_names_one_that_has_them(self, files: Files) -> None:
        psnr = Scorer("psnr")
        with pytest.raises(ArgumentError, match="psnr has no map: use a metric of features, such as 'lite'"):
            psnr.score(*files, map=True)
        with pytest.raises(ArgumentError, match="psnr has no layers: use a metric of features, such as 'lite'"):
            psnr.score(*files, per_layer=True)

    def test_a_metric_of_features_without_a_map_says_what_has_one(self, files: Files, vit_weights: Path) -> None:
        scorer = Scorer("paper", backbone=VIT, weights=vit_weights, distance="jsd")
        with pytest.raises(ArgumentError, match="A map needs a term with a number for each position"):
            scorer.score(*files, map=True)

    def test_images_of_two_sizes_are_refused(self, lite: Scorer, files: Files, tmp_path: Path) -> None:
        Image.open(files[0]).crop((0, 0, 300, 200)).save(tmp_path / "crop.png")
        with pytest.raises(ImageError, match=r"differ in size: '.*ref\.png' is 351 x 260, '.*crop\.png' is 300 x 200"):
            lite(files[0], tmp_path / "crop.png")

    def test_a_score_that_is_not_finite_is_an_error(self, files: Files) -> None:
        metric = innersight.create_metric("lite", distance="l2")
        with torch.no_grad():
            next(metric.backbones[0].model.parameters()).fill_(float("nan"))
        with pytest.raises(ImageError, match="The score is nan: the features of these images are not finite"):
            Scorer(metric)(*files)

    def test_several_metrics_are_scorers_or_metrics_by_name(self, files: Files) -> None:
        psnr = innersight.create_metric("psnr")
        made = as_scorers({"a": psnr, "b": Scorer(psnr)})
        assert made["a"](*files) == made["b"](*files)
        with pytest.raises(ArgumentError, match=r"`metrics` must be a dictionary of metrics by name, but got list"):
            as_scorers([psnr])  # type: ignore[arg-type]


def test_scorers_that_are_made_together_share_their_networks() -> None:
    made = create_scorers(["lite:distance=cos", "psnr", "lite", "lite:layers=0"])
    assert list(made) == ["lite:distance=cos", "psnr", "lite", "lite:layers=0"]
    first, second = (made[name].backend.metric.backbones[0] for name in ("lite:distance=cos", "lite:layers=0"))  # type: ignore[attr-defined]
    assert first is second


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to measure the peak of the memory")
def test_one_8k_pair_takes_less_than_900_mib(files: Files, tmp_path: Path) -> None:
    """The floats of one image take 380 MiB, so only one image can be in memory at a time."""
    large = Image.open(files[0]).resize((7680, 4320))
    large.save(tmp_path / "large.png", compress_level=1)
    large.save(tmp_path / "large.jpg", quality=30)
    code = (
        "from pathlib import Path\n"
        "import innersight\n"
        "def memory(field):\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 2**10\n"
        "scorer = innersight.Scorer('lite')\n"
        "scorer('ref.png', 'dis.jpg')\n"
        "Path('/proc/self/clear_refs').write_text('5')\n"
        "before = memory('VmRSS')\n"
        "print(scorer('large.png', 'large.jpg'), memory('VmHWM') - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    score, taken = map(float, done.stdout.split())
    assert score > 0
    assert 300 < taken < 900
