"""The images of a report are those that were scored, and its map is that of the scorer."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from innersight.inference.regions import Region
from innersight.inference.scorer import Scorer
from innersight.report.content import ReportRow
from innersight.report.pictures import PictureOptions, draw_pairs, link_to

SCORER = Scorer("lite")


def decoded(source: str) -> Image.Image:
    head, _, content = source.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    photograph = Image.fromarray(data.chelsea()).resize((226, 150))
    photograph.save(tmp_path / "ref #1.png")
    photograph.save(tmp_path / "dis.jpg", quality=10)
    return tmp_path / "ref #1.png", tmp_path / "dis.jpg"


def draw(files: tuple[Path, Path], options: PictureOptions | None = None, region: Region | None = None) -> dict:
    row = ReportRow("r", "d", {}, files=files, region=region or Region())
    return draw_pairs([row], SCORER, options or PictureOptions())[0]


def test_both_images_are_embedded_as_they_look(files: tuple[Path, Path]) -> None:
    drawn = draw(files)
    assert drawn["size"] == [226, 150]
    for side, file in zip(("reference", "distorted"), files, strict=True):
        shown, original = (
            np.asarray(image.convert("RGB"), float) for image in (decoded(drawn[side]["source"]), Image.open(file))
        )
        assert shown.shape == original.shape
        assert np.sqrt(((shown - original) ** 2).mean()) < 8
        assert max(decoded(drawn[side]["thumbnail"]).size) == 84


def test_the_score_the_parts_and_the_map_are_those_of_the_scorer(files: tuple[Path, Path]) -> None:
    drawn = draw(files)
    found = SCORER.score(*files, map=True, per_layer=True)
    assert drawn["score"] == found.score
    assert drawn["parts"] == found.per_layer
    levels = np.asarray(decoded(drawn["map"]["source"]).convert("L"), float)
    assert np.abs(levels / 255 * drawn["map"]["top"] - found.map).max() <= drawn["map"]["top"] / 255


def test_the_map_of_a_large_image_is_reduced_and_keeps_its_values(tmp_path: Path) -> None:
    large = Image.fromarray(data.chelsea()).resize((902, 600))
    large.save(tmp_path / "a.png")
    large.save(tmp_path / "b.jpg", quality=10)
    drawn = draw((tmp_path / "a.png", tmp_path / "b.jpg"))
    assert decoded(drawn["reference"]["source"]).size == (640, 426)
    levels = decoded(drawn["map"]["source"])
    assert levels.size == (320, 213)
    whole = SCORER.score(tmp_path / "a.png", tmp_path / "b.jpg", map=True).map
    assert np.asarray(levels.convert("L"), float).mean() / 255 * drawn["map"]["top"] == pytest.approx(
        whole.mean(), rel=0.01
    )


def test_the_map_of_identical_images_is_zero(files: tuple[Path, Path]) -> None:
    drawn = draw((files[0], files[0]))
    assert drawn["map"]["top"] == 0
    assert np.asarray(decoded(drawn["map"]["source"])).max() == 0


def test_a_region_limits_the_map(files: tuple[Path, Path]) -> None:
    drawn = draw(files, region=Region(ignore=((0, 0, 113, 150),)))
    levels = np.asarray(decoded(drawn["map"]["source"]).convert("L"))
    assert levels[:, :100].max() == 0
    assert levels[:, 120:].max() == 255


def test_a_background_is_that_of_the_score(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    clear.save(tmp_path / "a.png")
    clear.save(tmp_path / "b.png", compress_level=1)
    drawn = draw((tmp_path / "a.png", tmp_path / "b.png"), PictureOptions(background=(1.0, 0.0, 0.0)))
    assert np.asarray(decoded(drawn["reference"]["source"]).convert("RGB"))[32, 32].tolist() == pytest.approx(
        [255, 0, 0], abs=4
    )


def test_linked_images_are_relative_addresses(files: tuple[Path, Path], tmp_path: Path) -> None:
    drawn = draw(files, PictureOptions(link_from=tmp_path / "reports"))
    assert drawn["reference"]["source"] == "../ref%20%231.png"
    assert drawn["distorted"]["source"] == "../dis.jpg"
    assert drawn["reference"]["thumbnail"].startswith("data:image/webp")


def test_an_image_that_browsers_do_not_show_is_embedded_also_if_images_are_linked(tmp_path: Path) -> None:
    Image.fromarray(data.chelsea()[:64, :64]).save(tmp_path / "a.tif")
    drawn = draw((tmp_path / "a.tif", tmp_path / "a.tif"), PictureOptions(link_from=tmp_path))
    assert drawn["reference"]["source"].startswith("data:image/webp")


def test_a_name_that_looks_like_a_scheme_is_a_path() -> None:
    assert link_to(Path("/x/javascript:alert(1).png"), Path("/x")) == "javascript%3Aalert%281%29.png"


def test_a_pair_that_cannot_be_read_has_the_reason_only(files: tuple[Path, Path], tmp_path: Path) -> None:
    drawn = draw((files[0], tmp_path / "missing.png"))
    assert list(drawn) == ["error"]
    assert "missing.png" in drawn["error"]


def test_pairs_keep_their_order(files: tuple[Path, Path]) -> None:
    done: list[int] = []
    rows = [ReportRow("r", "d", {}, files=pair) for pair in (files, (files[0], files[0]), files)]
    drawn = draw_pairs(rows, SCORER, PictureOptions(), done.append)
    assert [each["score"] > 0 for each in drawn] == [True, False, True]
    assert done == [1, 2, 3]
