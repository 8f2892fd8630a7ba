"""`innersight video`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Run
from innersight import Scorer, Video
from video_files import moving, write_video

FRAMES = moving(6)
WORSE = FRAMES.copy()
WORSE[4, 20:60, 20:90] = 0
WORSE[2, 20:30, 20:30] = 0


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    write_video(tmp_path / "r.mkv", FRAMES)
    write_video(tmp_path / "d.mkv", WORSE)
    return tmp_path


def test_it_prints_the_mean_and_the_worst_frames(videos: Path, run: Run) -> None:
    done = run("video", "r.mkv", "d.mkv")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("mean of 6 frames (0 = identical, lower is more similar)")
    assert lines[1].startswith("median 0.0000   p5 0.0000   p95 ")
    assert lines[2].startswith("  frame 4 at 0.16 s: ")
    assert lines[3].startswith("  frame 2 at 0.08 s: ")


def test_the_csv_has_every_frame_and_the_json_the_summary(videos: Path, run_here: Run) -> None:
    done = run_here("video", "r.mkv", "d.mkv", "--out", "f.csv", "--json", "--every", "2")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((videos / "f.csv").open()))
    assert [(row["frame"], row["seconds"]) for row in rows] == [("0", "0.000000"), ("2", "0.080000"), ("4", "0.160000")]
    scorer = Scorer("lite")
    expected = [scorer(FRAMES[index], WORSE[index]) for index in (0, 2, 4)]
    assert [float(row["score"]) for row in rows] == expected
    record = json.loads(done.stdout)
    assert record["frames"] == 3
    assert record["every"] == 2
    assert record["mean"] == pytest.approx(np.mean(expected))
    assert record["p95"] == pytest.approx(np.percentile(expected, 95))
    assert record["worst"][0] == {"frame": 4, "seconds": 0.16, "score": expected[2]}


def test_regions(videos: Path, run_here: Run) -> None:
    done = run_here("video", "r.mkv", "d.mkv", "--ignore", "20,20,70,40")
    assert done.stdout.startswith("0.000000   mean of 6 frames")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("every", [1, 5])
def test_different_numbers_of_frames_are_an_error(videos: Path, run_here: Run, suffix: str, every: int) -> None:
    codec = ("ffv1", "bgr0") if suffix == "mkv" else ("mpeg4", "yuv420p")
    for name, count in (("a", 6), ("b", 5)):
        write_video(videos / f"{name}.{suffix}", FRAMES[:count], *codec)
    for pair in (("a", "b"), ("b", "a")):
        done = run_here("video", *(f"{name}.{suffix}" for name in pair), "--every", every)
        assert done.returncode == 2
        assert "The videos differ in their number of frames" in done.stderr


def test_different_sizes_are_an_error(videos: Path, run_here: Run) -> None:
    write_video(videos / "small.mkv", FRAMES[:, :-2])
    done = run_here("video", "r.mkv", "small.mkv")
    assert done.returncode == 2
    assert "Frame 0 of the sequence: The images differ in size" in done.stderr


def test_the_output_is_no_input(videos: Path, run_here: Run) -> None:
    before = (videos / "r.mkv").read_bytes()
    done = run_here("video", "r.mkv", "d.mkv", "--out", "r.mkv")
    assert done.returncode == 2
    assert "is one of the inputs" in done.stderr
    assert (videos / "r.mkv").read_bytes() == before
    done = run_here("video", "r.mkv", "d.mkv", "--out", "none/f.csv")
    assert "cannot be written" in done.stderr


def test_an_existing_output_is_kept_if_nothing_can_be_scored(videos: Path, run_here: Run) -> None:
    (videos / "old.csv").write_text("kept")
    assert run_here("video", "none.mkv", "d.mkv", "--out", "old.csv").returncode == 2
    assert (videos / "old.csv").read_text() == "kept"
    (videos / "mask.png").write_bytes(b"a mask")
    done = run_here("video", "r.mkv", "d.mkv", "--mask", "mask.png", "--out", "mask.png")
    assert "is one of the inputs" in done.stderr


def test_the_decoded_frames_count_and_not_those_that_a_file_states(
    videos: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut without re-encoding states the frames that its edit list hides too."""
    monkeypatch.setattr(Video, "stated_count", lambda video: 20 if video.path.name == "r.mkv" else 6)
    assert run_here("video", "r.mkv", "d.mkv").returncode == 0


def test_a_file_that_is_no_video(videos: Path, run_here: Run) -> None:
    (videos / "a.txt").write_text("text")
    done = run_here("video", "r.mkv", "a.txt")
    assert done.returncode == 2
    assert "'a.txt' cannot be decoded. It is no video, or damaged" in done.stderr
