"""Scores of sequences of frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from innersight import Scorer, Video
from innersight.errors import ArgumentError, ImageError
from video_files import moving, write_video


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer("lite")


def noisy(frames: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-9, 10, frames.shape)
    return (frames.astype(int) + noise).clip(0, 255).astype(np.uint8)


def test_scores_are_those_of_the_frames(scorer: Scorer) -> None:
    reference, distorted = moving(3), noisy(moving(3))
    distorted[1] = reference[1]
    found = list(scorer.score_frames(reference, distorted))
    assert found == [scorer(one, other) for one, other in zip(reference, distorted, strict=True)]
    assert found[1] == 0 < found[0]


def test_iterables_videos_and_arrays_give_the_same_scores(scorer: Scorer, tmp_path: Path) -> None:
    reference, distorted = moving(3), noisy(moving(3))
    expected = list(scorer.score_frames(reference, distorted))
    assert list(scorer.score_frames(iter(reference), list(distorted))) == expected
    videos = [write_video(tmp_path / f"{name}.mkv", frames) for name, frames in (("r", reference), ("d", distorted))]
    assert list(scorer.score_frames(*map(Video, videos))) == expected


def test_frames_are_read_one_at_a_time(scorer: Scorer) -> None:
    read = []

    def frames(name: str) -> Iterator[np.ndarray]:
        for index, frame in enumerate(moving(5)):
            read.append((name, index))
            yield frame

    scores = scorer.score_frames(frames("r"), frames("d"))
    assert read == []
    next(scores)
    assert read == [("r", 0), ("d", 0)]


def test_a_region_is_that_of_every_frame(scorer: Scorer) -> None:
    reference = moving(2)
    distorted = reference.copy()
    distorted[:, :20, :30] = 0
    assert list(scorer.score_frames(reference, distorted, ignore=[(0, 0, 30, 20)])) == [0, 0]
    assert min(scorer.score_frames(reference, distorted)) > 0


@pytest.mark.parametrize("longer", ["reference", "distorted"])
def test_different_numbers_of_frames(scorer: Scorer, longer: str) -> None:
    pair = [moving(3), moving(2)] if longer == "reference" else [moving(2), moving(3)]
    with pytest.raises(ImageError, match="The videos differ in their number of frames: the reference has"):
        scorer.score_frames(*pair)
    with pytest.raises(ImageError, match=r"ends after 2, the (reference|distorted video) goes on"):
        list(scorer.score_frames(*map(iter, pair)))


def test_videos_of_which_every_nth_frame_is_read(scorer: Scorer, tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{count}.mkv", moving(count)) for count in (5, 6)]
    with pytest.raises(ImageError, match=r"'.*5\.mkv' has 5, '.*6\.mkv' has 6"):
        list(scorer.score_frames(*(Video(path, every=4) for path in videos)))
    with pytest.raises(ArgumentError, match="Both videos must have the same `every`, but got 2 and 3"):
        scorer.score_frames(Video(videos[0], every=2), Video(videos[0], every=3))


def test_different_sizes_name_the_frame(scorer: Scorer) -> None:
    frames = [*moving(1), moving(1)[0][:-1]]
    with pytest.raises(ImageError, match=r"Frame 1 of the sequence: The images differ in size"):
        list(scorer.score_frames(moving(2), frames))


@pytest.mark.parametrize("wrong", ["a.mp4", b"bytes", 5, np.zeros((4, 4, 3), dtype=np.uint8)])
def test_what_is_no_sequence(scorer: Scorer, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `distorted` must be an array \(T, H, W, C\) or an iterable"):
        scorer.score_frames(moving(1), wrong)


PROGRAM = """
import re, sys
from itertools import islice
from pathlib import Path
from innersight import Scorer, Video

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

scores = Scorer("lite").score_frames(Video(sys.argv[1]), Video(sys.argv[2]))
first = len(list(islice(scores, 200)))
early = peak()
print(first + len(list(scores)), early, peak())
"""


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_over_2000_frames(tmp_path: Path) -> None:
    frames = moving(40)
    for name, shown in (("r", frames), ("d", noisy(frames))):
        write_video(tmp_path / f"{name}.mp4", (shown[t % 40] for t in range(2000)), "mpeg4", "yuv420p")
    command = [sys.executable, "-c", PROGRAM, tmp_path / "r.mp4", tmp_path / "d.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    count, early, late = map(int, done.stdout.split())
    assert count == 2000
    assert late < early + 10_000  # KiB
