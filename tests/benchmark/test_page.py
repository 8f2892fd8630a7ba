"""A benchmark as the content of a report."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageFilter
from skimage import data

from innersight.benchmark.page import report_of
from innersight.benchmark.run import run_bench
from innersight.datasets.dataset import DataSet, RatedPair
from innersight.inference.scorer import Scorer


def test_distortion_types_have_their_names(tmp_path: Path) -> None:
    photograph = Image.fromarray(data.coffee()).resize((90, 60))
    photograph.save(tmp_path / "r.png")
    pairs = []
    for radius in (1, 2, 3):
        photograph.filter(ImageFilter.GaussianBlur(radius)).save(tmp_path / f"d{radius}.png")
        pairs.append(RatedPair("r.png", f"d{radius}.png", float(-radius), kind="08" if radius < 3 else "99"))
    dataset = DataSet(
        "tid", None, tmp_path, "MOS", "higher-is-better", tuple(pairs), 3, {"08": "Gaussian blur"}, "source"
    )
    scorers = {"lite": Scorer("lite")}
    result = run_bench(dataset, scorers, tmp_path / "out", resamples=0, unavailable={"vsi": "no weights"})
    content = report_of(result, scorers, tmp_path / "out")
    assert content.title == "tid"
    assert [row.others["kind"] for row in content.rows] == ["08 Gaussian blur", "08 Gaussian blur", "99"]
    assert [row.files for row in content.rows] == [(tmp_path / "r.png", tmp_path / pair.distorted) for pair in pairs]
    assert content.opinions is not None
    assert content.opinions.kinds == ["08", "08", "99"]
    assert content.opinions.name == "MOS"
    assert content.notes == [f"{dataset.summary}.", "vsi is not available: no weights"]
