"""Times `Scorer.score_frames` on two 1080p videos against `Scorer` on the same frames in memory.

    taskset -c 0 python benchmarks/video_cost.py

The videos are H.264, 4:2:0, made from a photograph of scikit-image that is panned and zoomed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
from alternate import alternate, machine, ratios
from PIL import Image
from skimage import data

from innersight import Scorer, Video

_WIDTH, _HEIGHT = 1920, 1080


def write_video(path: Path, frames: int, crf: int) -> None:
    """Write a video that pans over a photograph."""
    photograph = Image.fromarray(data.astronaut()).resize((2400, 1600), Image.Resampling.LANCZOS)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for index in range(frames):
            left, top = 4 * index % (2400 - _WIDTH), 3 * index % (1600 - _HEIGHT)
            shown = np.asarray(photograph.crop((left, top, left + _WIDTH, top + _HEIGHT)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode())


def main() -> None:
    """Print the seconds of a frame on both sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20, help="frames of each video")
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements of each side")
    options = parser.parse_args()
    scorer = Scorer("lite")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("reference.mp4", "distorted.mp4")]
        for path, crf in zip(paths, (12, 32), strict=True):
            write_video(path, options.frames, crf)
        reference, distorted = ([frame.copy() for frame in Video(path)] for path in paths)
        sides = {
            "frames in memory, Scorer": lambda: [scorer(*pair) for pair in zip(reference, distorted, strict=True)],
            "video files, score_frames": lambda: list(scorer.score_frames(*map(Video, paths))),
        }
        times = alternate(sides, options.rounds)
    print(machine())
    print(f"{options.frames} frames of {_WIDTH} x {_HEIGHT}")
    print(ratios(times, "frames in memory, Scorer"))


if __name__ == "__main__":
    main()
