"""Memory of a long list in one process: the slope of the resident memory, and what becomes of each row.

It makes small crops of photographs of scikit-image, five distorted ones for each reference, and scores them with
`--metric`.
With `--corrupt SHARE`, that share of the files is empty, cut off or no image.

The resident memory is read every 10 rows. The first fifth of the run is left out: the references that are kept fill the
memory limit in it. The samples of the rest are correlated in time. So they are averaged in 40 blocks, and the slope is
that of Theil and Sen over the block means, with its 95 % interval.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import stats
from skimage import data

from innersight.inference.batch import score_list
from innersight.inference.pair_lists import PairList, open_list
from innersight.inference.scorers import create_scorers
from innersight.io.tables import read_table

EACH = 5  # pairs of one reference
_BETWEEN = 10  # rows from one sample to the next
_BLOCKS = 40
_WARM_UP = 0.2


class Made(NamedTuple):
    """A list on disk, and the numbers of the rows that name a corrupt file."""

    pairs: PairList
    corrupt_files: int
    corrupt_rows: frozenset[int]


class Slope(NamedTuple):
    """Bytes per 1,000 pairs, and the ends of the 95 % interval."""

    value: float
    low: float
    high: float


def make(folder: Path, count: int, share: float, side: int = 64, seed: int = 0) -> Made:
    """Write the images and the list of `count` pairs; the share of corrupt files is exact, rounded down."""
    draw = random.Random(seed)  # noqa: S311
    photographs = [data.chelsea(), data.coffee(), data.astronaut(), data.rocket()]
    references = -(-count // EACH)
    corrupt = set(draw.sample(range(references + count), int(share * (references + count))))
    rows = []
    for number in range(references):
        photograph = photographs[number % len(photographs)]
        top, left = (draw.randrange(length - side) for length in photograph.shape[:2])
        crop = Image.fromarray(photograph[top : top + side, left : left + side])
        _write(folder / f"r{number}.png", crop, number if number in corrupt else None)
        for row in range(number * EACH, min(count, number * EACH + EACH)):
            damaged = references + row
            _write(
                folder / f"d{row}.jpg", crop, damaged if damaged in corrupt else None, quality=10 + 15 * (row % EACH)
            )
            rows.append(f"r{number}.png,d{row}.jpg")
    (folder / "list.csv").write_text("\n".join(["reference,distorted", *rows]) + "\n")
    bad = frozenset(row for row in range(count) if row // EACH in corrupt or references + row in corrupt)
    return Made(open_list(folder / "list.csv"), len(corrupt), bad)


def _write(path: Path, image: Image.Image, damage: int | None, **options: int) -> None:
    file = io.BytesIO()
    image.save(file, "PNG" if path.suffix == ".png" else "JPEG", **options)
    content = file.getvalue()
    if damage is not None:
        content = (b"", content[: len(content) // 2], random.Random(damage).randbytes(len(content)))[damage % 3]  # noqa: S311
    path.write_bytes(content)


def resident() -> int:
    """Return the resident memory of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def slope(rows: npt.ArrayLike, memory: npt.ArrayLike) -> Slope:
    """Return the slope of Theil and Sen over the means of blocks, without the warm-up."""
    x, y = np.asarray(rows, float), np.asarray(memory, float)
    after = x >= x[0] + _WARM_UP * (x[-1] - x[0])
    means = [[block.mean() for block in np.array_split(values[after], _BLOCKS)] for values in (x, y)]
    found = stats.theilslopes(means[1], means[0], alpha=0.95)
    return Slope(1000 * found.slope, 1000 * found.low_slope, 1000 * found.high_slope)


def account(made: Made, out: Path) -> tuple[int, int]:
    """Return the numbers of scored rows and of rows with an error.

    Raises:
        SystemExit: If a row is missing, is there twice or out of order, has both or neither of score and error, or is
            not what its files make it.
    """
    scored = failed = 0
    written = list(read_table(out))
    if len(written) != made.pairs.count:
        raise SystemExit(f"The list has {made.pairs.count} rows, but the output has {len(written)}.")
    for number, row in enumerate(written):
        score, error = row.values["score"], row.values["error"]
        if row.values["distorted"] != f"d{number}.jpg" or bool(score) == bool(error):
            raise SystemExit(f"Row {number + 1} is out of order, or does not have either a score or an error: {row}")
        if bool(error) != (number in made.corrupt_rows):
            raise SystemExit(f"Row {number + 1} must fail exactly if one of its files is corrupt: {row}")
        failed += bool(error)
        scored += not error
    return scored, failed


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--metric", default="lite")
    parser.add_argument("--corrupt", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory-limit", type=int, default=64 << 20, help="bytes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder), chosen.pairs, chosen.corrupt, chosen.side)
        out = Path(folder) / "scores.csv"
        memory = np.ones(chosen.pairs // _BETWEEN, np.int64)  # it is there from the start, and does not grow

        def sample(done: int) -> None:
            if done % _BETWEEN == 0:
                memory[done // _BETWEEN - 1] = resident()

        scorers, start = create_scorers([chosen.metric]), time.perf_counter()
        score_list(made.pairs, scorers, out, workers=chosen.workers, memory_limit=chosen.memory_limit, on_row=sample)
        seconds = time.perf_counter() - start
        scored, failed = account(made, out)
    found = slope(_BETWEEN * np.arange(1, len(memory) + 1), memory)
    images = f"{chosen.pairs} pairs of {chosen.side} x {chosen.side}"
    parts = (0, 0.2, 0.4, 0.6, 0.8, 1)
    levels = ", ".join(f"{memory[int(part * (len(memory) - 1))] / 2**20:.1f}" for part in parts)
    interval = f"95 % interval {found.low:+.0f} to {found.high:+.0f}"
    print(f"{chosen.metric}, {images} in one process, {chosen.workers} threads")
    print(f"  corrupt files        {made.corrupt_files}")
    print(f"  rows scored          {scored}")
    print(f"  rows with an error   {failed}")
    print(f"  time                 {seconds:.0f} s")
    print(f"  resident memory      {levels} MiB at 0, 20, ... 100 %")
    print(f"  slope                {found.value:+.0f} bytes per 1,000 pairs, {interval}")


if __name__ == "__main__":
    main()
