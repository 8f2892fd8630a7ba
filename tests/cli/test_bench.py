"""`innersight bench`: its files, its tables and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Run

from made_sets import make_tid2013
from standins import image_pair


@pytest.fixture
def tid2013(tmp_path: Path) -> Path:
    """An imitation of TID2013 with 2 references and one level of each distortion type."""

    def draw(path: Path) -> None:
        seed = int(path.stem[1:3])
        reference, distorted = (image.astype(float) for image in image_pair(40, 48, seed))
        share = 0.0 if "reference" in path.parent.name else int(path.stem[4:6]) / 24
        Image.fromarray((reference + share * (distorted - reference)).round().astype(np.uint8)).save(path)

    make_tid2013(tmp_path / "tid", draw)
    return tmp_path / "tid"


@pytest.mark.thorough
def test_a_set_gives_scores_tables_and_a_page(run: Run, tid2013: Path, tmp_path: Path) -> None:
    arguments = ("bench", "tid2013", "--root", tid2013, "--metric", "psnr", "--metric", "gmsd", "--resamples", 20)
    done = run(*arguments, "--perturb", "tra", "--magnitude", 2, "--magnitude", 5, "--out", "out", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "48 of 3000 pairs (2 of 25 references)" in done.stderr
    assert "| metric | none | tra-2 | tra-5 |" in done.stdout
    names = {"scores.csv", "scores_tra-2.csv", "scores_tra-5.csv", "results.json", "results.csv", "results.md"}
    assert names <= {path.name for path in (tmp_path / "out").iterdir()}
    read = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [outcome["perturbation"] for outcome in read["outcomes"]] == ["none", "tra-2", "tra-5"]
    assert read["outcomes"][0]["metrics"]["psnr"]["rows"] == 48
    assert run(*arguments, "--out", "out", "--resume", "--quiet").returncode == 0


@pytest.mark.thorough
def test_a_row_that_fails_is_reported_with_status_1(run_here: Run, files: Path) -> None:
    rows = "".join(f"ref.png,dis.jpg,{opinion}\n" for opinion in (1, 2, 3))
    (files / "list.csv").write_text(f"reference,distorted,opinion\n{rows}ref.png,other.png,4\n")
    done = run_here("bench", "list.csv", "--metric", "psnr", "--out", "out", "--opinion-direction", "higher-is-better")
    assert done.returncode == 1
    assert "1 rows could not be scored; the column error of out/scores*.csv says why" in done.stderr
    assert "all scores are equal" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("tid2013",), "The data set tid2013 needs the argument `root`"),
        (("tid2013", "--root", "."), "'.' does not contain TID2013: expected the folders (reference_images, "),
        (
            ("tid2012", "--root", "."),
            "Argument `dataset` must be one of (csiq, kadid10k, live, pipal, tid2013), but got 'tid2012'",
        ),
        (("mine.csv",), "pass --opinion-direction higher-is-better|lower-is-better"),
        (("mine.csv", "--magnitude", 2), "Option --magnitude needs --perturb tra|sca|rot"),
        (("mine.csv", "--opinion-direction", "up"), "Argument `--opinion-direction` must be one of"),
        (
            ("mine.csv", "--opinion-direction", "lower-is-better", "--perturb", "zoom"),
            "Argument `perturbation` must be one of (tra, sca, rot), but got 'zoom'",
        ),
        (
            ("mine.csv", "--opinion-direction", "lower-is-better", "--metric", "lpisp"),
            "but got 'lpisp'. Did you mean lpips?",
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(
    run_here: Run, tmp_path: Path, arguments: tuple[object, ...], part: str
) -> None:
    (tmp_path / "mine.csv").write_text("reference,distorted,opinion\na,b,1\n")
    done = run_here("bench", *arguments, "--out", "out")
    assert done.returncode == 2
    assert part in done.stderr.splitlines()[-1]
