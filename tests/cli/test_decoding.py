"""The options that limit the decoding of images, in each command that has them."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from tests.cli.conftest import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A list of two pairs of 96 x 64, of which one has a mask, and one pair of 300 x 200."""
    photograph = Image.fromarray(data.coffee())
    for name, size in (("r", (96, 64)), ("large", (300, 200))):
        photograph.resize(size).save(tmp_path / f"{name}.png")
        photograph.resize(size).save(tmp_path / f"{name}.jpg", quality=20)
    Image.new("L", (300, 200), 255).save(tmp_path / "mask.png")
    rows = ("r.png,r.jpg,", "large.png,large.jpg,", "r.png,r.jpg,mask.png")
    (tmp_path / "list.csv").write_text("reference,distorted,mask\n" + "\n".join(rows) + "\n")
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_batch_has_an_error_for_each_image_and_mask_beyond_the_limits(run_here: Run, folder: Path) -> None:
    assert run_here("batch", "list.csv", "--out", "all.csv", "--quiet").returncode == 1  # the mask has another size
    done = run_here("batch", "list.csv", "--out", "some.csv", "--quiet", "--max-pixels", "10000")
    assert done.returncode == 1
    found, expected = rows_of(folder / "some.csv"), rows_of(folder / "all.csv")
    assert float(found[0]["score"]) == pytest.approx(float(expected[0]["score"]), rel=1e-5)
    assert found[1]["error"].startswith("'large.png' has 300 x 200 pixels, more than the limit of 10,000.")
    assert found[2]["error"].startswith("'mask.png' has 300 x 200 pixels, more than the limit of 10,000.")


def test_limits_are_part_of_the_run(run_here: Run, folder: Path) -> None:
    first = ("batch", "list.csv", "--out", "o.csv", "--quiet")
    run_here(*first, "--max-pixels", "10000")
    record = json.loads((folder / "o.csv.run.json").read_text())
    assert "10000" in json.dumps(record)
    done = run_here(*first, "--max-pixels", "20000", "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_score_has_the_limits_of_both_images_and_the_mask(run_here: Run, folder: Path) -> None:
    limits = ("--max-pixels", "60000", "--max-decode-seconds", "30", "--max-decode-memory", "1GiB")
    free, limited = (
        run_here("score", "large.png", "large.jpg", "--mask", "mask.png", *options) for options in ((), limits)
    )
    assert limited.stdout == free.stdout
    assert free.returncode == 0
    for arguments in (("large.png", "r.jpg"), ("r.png", "large.jpg"), ("r.png", "r.jpg", "--mask", "mask.png")):
        done = run_here("score", *arguments, "--max-pixels", "10000")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "has 300 x 200 pixels, more than the limit of 10,000." in done.stderr


def test_a_frame_is_chosen_within_the_limits(run_here: Run, folder: Path) -> None:
    frames = [Image.open(folder / "r.png"), Image.open(folder / "r.jpg")]
    frames[0].save(folder / "two.webp", save_all=True, append_images=frames[1:], lossless=True)
    scores = [
        run_here("score", "two.webp", "two.webp", "--frame", "1", *limits).stdout.split()[0]
        for limits in ((), ("--max-decode-seconds", "30"))
    ]
    assert scores == ["0.000000", "0.000000"]
    done = run_here("score", "two.webp", "two.webp", "--frame", "2", "--max-decode-seconds", "30")
    assert "the file has the frames 0 to 1" in done.stderr


@pytest.mark.thorough
def test_a_report_shows_no_image_beyond_the_limits(run_here: Run, folder: Path) -> None:
    run_here("batch", "list.csv", "--out", "all.csv", "--quiet")
    for options, refused in (((), False), (("--max-pixels", "10000"), True)):
        done = run_here("report", "all.csv", "--out", "r.html", "--quiet", *options)
        assert done.returncode == 0, done.stderr
        assert ("more than the limit of 10,000" in (folder / "r.html").read_text()) == refused
    done = run_here("batch", "list.csv", "--out", "two.csv", "--quiet", "--max-pixels", "10000", "--report", "b.html")
    assert "more than the limit of 10,000" in (folder / "b.html").read_text()


def test_a_list_with_a_root_has_the_default_limits(run_here: Run, folder: Path) -> None:
    for name, options, limits in (
        ("free", (), None),
        ("rooted", ("--root", "."), {"pixels": 89_478_485, "seconds": 60.0, "memory": 4 << 30}),
        (
            "both",
            ("--root", ".", "--max-decode-seconds", "5"),
            {"pixels": 89_478_485, "seconds": 5.0, "memory": 4 << 30},
        ),
    ):
        run_here("batch", "list.csv", "--out", f"{name}.csv", "--quiet", *options)
        assert json.loads((folder / f"{name}.csv.run.json").read_text())["run"]["limits"] == limits
    free, rooted = (rows_of(folder / f"{name}.csv") for name in ("free", "rooted"))
    assert [row["score"] for row in rooted] == [row["score"] for row in free]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        (
            "--max-decode-seconds",
            "0",
            "Option --max-decode-seconds takes a number above 0 and below 1,000,000, but got 0.",
        ),
        ("--max-decode-seconds", "nan", "Option --max-decode-seconds takes a number above 0"),
        ("--max-decode-memory", "1MB", "Option --max-decode-memory takes a size from 64MiB, but got '1MB'."),
        (
            "--max-decode-memory",
            "much",
            "Option --max-decode-memory takes a size such as 500MB, 2GB or 1GiB, but got 'much'.",
        ),
    ],
)
def test_a_limit_out_of_its_range_is_refused_before_the_work(
    run_here: Run, folder: Path, option: str, value: str, said: str
) -> None:
    done = run_here("batch", "list.csv", "--out", "o.csv", option, value)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert not (folder / "o.csv").exists()


def test_a_limit_of_no_pixels_is_refused(run_here: Run, folder: Path) -> None:
    done = run_here("score", "r.png", "r.jpg", "--max-pixels", "0")
    assert done.returncode == 2
    assert "--max-pixels" in done.stderr


def test_memory_is_refused_where_it_is_not_enforced(
    run_here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("innersight.cli.decoding.sys.platform", "darwin")
    done = run_here("score", "r.png", "r.jpg", "--max-decode-memory", "1GiB")
    assert "Option --max-decode-memory is a limit that only Linux enforces. Leave it out." in done.stderr
