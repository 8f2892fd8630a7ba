"""Time the decoding of images with and without limits: `python benchmarks/decoding.py [--rounds 5]`.

The images are photographs as JPEG files of three sizes. With limits another process decodes them. Its start is timed
alone: it is the first image of a new decoder, less a second one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from alternate import alternate, machine
from PIL import Image
from skimage import data

from innersight import Decoder, read_image

SIZES = {(64, 64): 200, (512, 384): 40, (4000, 3000): 2}
"""(width, height), and the images of a measurement."""


def start_of_a_decoder(path: Path) -> float:
    decoder = Decoder()
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        read_image(decoder.limit(path))
        times.append(time.perf_counter() - begin)
    return times[0] - times[1]


def read(path: Path, count: int, decoder: Decoder | None) -> None:
    for _ in range(count):
        read_image(path if decoder is None else decoder.limit(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{machine()}\nmedians of {rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        decoder = Decoder()
        for size, count in SIZES.items():
            path = Path(name) / f"{size[0]}.jpg"
            Image.fromarray(data.coffee()).resize(size).save(path, quality=90)
            times = alternate(
                {
                    "without limits": lambda path=path, count=count: read(path, count, None),
                    "with limits": lambda path=path, count=count: read(path, count, decoder),
                },
                rounds,
            )
            free, limited = (1000 * seconds / count for seconds in times.values())
            print(f"  {size[0]} x {size[1]}: {free:.1f} ms without limits, {limited:.1f} ms with limits")
        starts = [start_of_a_decoder(path) for _ in range(rounds)]
    print(f"  start of the process: {statistics.median(starts):.2f} s")


if __name__ == "__main__":
    main()
