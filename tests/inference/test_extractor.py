"""Each file is looked at once for all metrics that look alike, in memory that is foreseen, whole or in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageFilter
from skimage import data

import innersight
from innersight.errors import ArgumentError, ImageError
from innersight.inference.extractor import Seen, Sights
from innersight.inference.scorer import read_pair, score_images

VIT = "vit_tiny_patch16_224"


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    image = Image.fromarray(data.chelsea())  # 451 x 300, six windows
    image.save(tmp_path / "ref.png")
    image.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "blur.png")
    return [tmp_path / "ref.png", tmp_path / "blur.png"]


@pytest.fixture(scope="module")
def paper(vit_weights: Path) -> dict[str, innersight.Metric]:
    texts = ["paper:layers=0,5", "paper:layers=5,9", "paper:layers=9,0:distance=jsd"]
    return innersight.create_metrics(texts, backbone=VIT, weights=vit_weights)


@pytest.fixture(scope="module")
def lite() -> dict[str, innersight.Metric]:
    return {"lite": innersight.create_metric("lite")}


def sights(metrics: dict[str, innersight.Metric], *, with_layers: bool = False, together: bool = False) -> Sights:
    return Sights(metrics, with_layers=with_layers, together=together, cache=None)


def test_metrics_of_one_sight_share_a_look_at_all_their_layers(paper, pair: list[Path], monkeypatch) -> None:
    looks: list[tuple[int, ...]] = []
    original = innersight.Metric.look

    def look(self, images, layers=None):
        looks.append(layers)
        return original(self, images, layers)

    monkeypatch.setattr(innersight.Metric, "look", look)
    both = sights(paper)
    result = both.compare(*both.see(pair[:1], in_parts=False), *both.see(pair[1:], in_parts=False))
    assert looks == [(0, 5, 9)] * 2
    for name, metric in paper.items():
        assert result.scores[name] == pytest.approx(score_images(metric, *read_pair(*pair)).score, rel=1e-5), name


class TestMemory:
    @pytest.mark.parametrize("first", [None, (300, 451), (1500, 64)])
    def test_features_take_what_was_foreseen(self, lite, paper, tmp_path: Path, first: tuple[int, int] | None) -> None:
        """Within a fifth: borders are rounded up, more so in small images."""
        for metrics, sizes in (
            (lite, ((240, 300), (300, 240), (64, 64), (512, 700), (130, 900))),
            (paper, ((224, 224), (225, 224), (300, 451), (640, 480))),
            ({**lite, **paper}, ((240, 300),)),
        ):
            looking = sights(metrics)
            looking.warm_up(first)
            for height, width in sizes:
                Image.effect_noise((width, height), 50).save(path := tmp_path / "noise.png")
                (seen,) = looking.see([path], in_parts=False)
                taken = sum(views.nbytes for views in seen.views.values())
                assert taken == pytest.approx(looking.feature_bytes(height, width), rel=0.2), (height, width)

    def test_it_grows_with_the_layers_and_the_windows(self, paper) -> None:
        looking, fewer = sights(paper), sights({"one": paper["paper:layers=0,5"]})
        for each in (looking, fewer):
            each.warm_up(None)
        assert looking.feature_bytes(300, 451) == pytest.approx(3 / 2 * fewer.feature_bytes(300, 451), rel=1e-6)
        assert looking.feature_bytes(300, 451) == pytest.approx(6 * looking.feature_bytes(224, 224), rel=1e-6)
        assert looking.feature_bytes(224, 224) == 3 * 197 * 192 * 4

    def test_an_image_smaller_than_a_window_is_refused(self, paper) -> None:
        looking = sights(paper)
        looking.warm_up(None)
        with pytest.raises(ArgumentError, match=r"windows of 224 x 224 pixels .* but the images are 223 x 400"):
            looking.feature_bytes(223, 400)


class TestSee:
    @pytest.mark.parametrize("in_parts", [False, True])
    def test_each_file_gets_what_was_seen_or_its_own_error(self, lite, pair, tmp_path: Path, in_parts: bool) -> None:
        (tmp_path / "text.png").write_text("no image")
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        paths = [pair[0], tmp_path / "text.png", tmp_path / "small.png", tmp_path / "missing.png", pair[1]]
        found = sights(lite).see(paths, in_parts=in_parts)
        assert [isinstance(seen, Seen) for seen in found] == [True, False, True, False, True]
        assert [seen.path for seen in found if isinstance(seen, Seen)] == [paths[0], paths[2], paths[4]]
        assert [seen.size for seen in found if isinstance(seen, Seen)] == [(300, 451), (100, 200), (300, 451)]
        assert "not an image" in str(found[1])
        assert "No such file" in str(found[3])

    def test_files_seen_together_are_told_apart(self, lite, pair, tmp_path: Path) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        looking = sights(lite, together=True)
        reference, small, blurred = looking.see([pair[0], tmp_path / "small.png", pair[1]], in_parts=False)
        (again,) = looking.see(pair[:1], in_parts=False)
        expected = score_images(lite["lite"], *read_pair(*pair)).score
        assert looking.compare(reference, blurred).scores["lite"] == pytest.approx(expected, rel=1e-5)
        assert looking.compare(reference, again).scores["lite"] == 0
        assert small.views[lite["lite"].sight].size == (256, 512)

    @pytest.mark.parametrize("in_parts", [False, True])
    def test_a_file_must_have_the_size_of_its_reference(self, lite, pair, tmp_path: Path, in_parts: bool) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        looking = sights(lite)
        (reference,) = looking.see(pair[:1], in_parts=in_parts)
        paths = [tmp_path / "small.png", pair[1]]
        refused, taken = looking.see(paths, in_parts=in_parts, like=[reference, reference])
        assert isinstance(refused, ImageError)
        assert "ref.png' is 451 x 300, " in str(refused)
        assert "small.png' is 200 x 100 (width x height)" in str(refused)
        assert isinstance(taken, Seen)

    def test_an_image_that_no_window_fits_in_spoils_no_other(self, paper, pair, tmp_path: Path) -> None:
        Image.open(pair[0]).crop((0, 0, 200, 100)).save(tmp_path / "small.png")
        refused, taken = sights(paper).see([tmp_path / "small.png", pair[0]], in_parts=False)
        assert "windows of 224 x 224 pixels" in str(refused)
        assert isinstance(taken, Seen)


class TestCompare:
    @pytest.mark.parametrize("windows", [16, 4])
    def test_in_parts_as_in_one(self, lite, paper, pair: list[Path], monkeypatch, windows: int) -> None:
        monkeypatch.setattr("innersight.metrics.extraction._WINDOWS_AT_ONCE", windows)  # six are one part, or 4 and 2
        looking = sights({**lite, **paper}, with_layers=True)
        whole, parts = (looking.compare(*looking.see(pair, in_parts=in_parts)) for in_parts in (False, True))
        assert whole.error is parts.error is None
        assert parts.scores == pytest.approx(whole.scores, rel=1e-5)
        for name, metric in {**lite, **paper}.items():
            assert parts.per_layer[name] == pytest.approx(whole.per_layer[name], rel=1e-5)
            expected = score_images(metric, *read_pair(*pair), with_layers=True)
            assert parts.scores[name] == pytest.approx(expected.score, rel=1e-5)
            assert parts.per_layer[name] == pytest.approx(expected.per_layer, rel=1e-5)

    def test_layers_come_only_if_asked_for(self, lite, pair: list[Path]) -> None:
        looking = sights(lite)
        assert looking.compare(*looking.see(pair, in_parts=False)).per_layer == {}

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_score_that_is_no_number_is_an_error(self, pair: list[Path], value: float) -> None:
        metric = innersight.create_metric("lite", distance="l2")
        with torch.no_grad():
            metric.backbone.model.conv_stem.weight.fill_(value)
        looking = sights({"mine": metric})
        result = looking.compare(*looking.see(pair, in_parts=False))
        assert result.error == "The score of mine is nan: the network's features are not finite here."
        assert (result.scores, result.per_layer) == ({}, {})

    def test_one_side_in_parts_and_the_other_not_is_a_fault_of_the_code(self, lite, pair: list[Path]) -> None:
        looking = sights(lite)
        (whole,), (parts,) = (looking.see(pair[:1], in_parts=in_parts) for in_parts in (False, True))
        for sides in ((whole, parts), (parts, whole)):
            with pytest.raises(ValueError, match="one side was read to be seen in parts, the other was not"):
                looking.compare(*sides)
