"""What the engine costs a row when network and images cost nothing: `python benchmarks/overhead.py`.

Lists of 10^3, 10^4 and 10^5 rows over 200 PNG files of 16 x 16 pixels, 20 references, `innersight.scoring` from the
list's file to the file of scores, with a network that returns the same two small maps at once. Reading the rows'
distorted files with `read_image`, which any way of scoring them must do, is timed in turns with it and taken off.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import torch
from alternate import alternate, machine

from innersight import Metric, create_metric, read_image
from innersight.scoring.batch import score_list
from innersight.scoring.lists import open_list

FILES, REFERENCES, SIDE = 200, 20, 16
WORKERS = ("auto", 1)


class Nothing:
    """A runtime that runs no network."""

    name, reduced = "nothing", None

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Return a corner of the images for every layer."""
        return tuple(images[..., :4, :4] for _ in layers or ())


def stubbed() -> Metric:
    lite = create_metric("lite", input="native", layers="0,1")
    return Metric(lite.config, lite.backbone, Nothing())


def write_list(folder: Path, rows: int) -> Path:
    """Write the files, if they are not there yet, and a list of so many rows over them."""
    from PIL import Image

    draw = torch.Generator().manual_seed(0)
    for number in range(FILES):
        if not (file := folder / f"{number}.png").exists():
            pixels = torch.randint(0, 256, (SIDE, SIDE, 3), generator=draw, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(file)
    path = folder / f"{rows}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("reference", "distorted", "kind"))
        for row in range(rows):
            writer.writerow((f"{row % REFERENCES}.png", f"{REFERENCES + row % (FILES - REFERENCES)}.png", "noise"))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**3, 10**4, 10**5])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    metric = stubbed()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in given.rows:
            pairs = open_list(write_list(folder, rows))
            files = [pairs.paths(row)[1] for row in pairs.rows()]
            times = alternate(
                {
                    **{
                        str(workers): lambda pairs=pairs, workers=workers: score_list(
                            pairs, {"lite": metric}, folder / "scores.csv", overwrite=True, workers=workers
                        )
                        for workers in WORKERS
                    },
                    "reading": lambda files=files: [read_image(file) for file in files],
                },
                given.rounds,
            )
            each = {part: 1000 * seconds / rows for part, seconds in times.items()}
            engine = ", ".join(
                f"the engine {each[str(workers)] - each['reading']:.3f} with workers={workers}" for workers in WORKERS
            )
            print(f"{rows:>7} rows: reading {each['reading']:.3f} ms a row, {engine}")


if __name__ == "__main__":
    main()
