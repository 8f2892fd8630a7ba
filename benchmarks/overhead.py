"""Measure the time of the engine for each row, without a network: `python benchmarks/overhead.py`.

The lists have 10^3, 10^4 and 10^5 rows over 200 PNG files of 16 x 16 pixels, 20 of them references. The engine runs
from the file of the list to the file of the scores. In place of the network it uses a corner of the image as the output
of every layer. The time to read the distorted files with `read_image` is measured in turns with it and subtracted,
since every way of scoring must read them. `--profile` measures the steps of a row alone, in one thread, and counts how
often threads wait for each other.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from alternate import alternate, machine

from innersight import FeatureMetric, create_metric, read_image
from innersight.inference.batch import score_list
from innersight.inference.extractor import FeatureExtractor, FileFeatures, RowScore
from innersight.inference.journal import Journal
from innersight.inference.pair_lists import open_list
from innersight.inference.torch_backend import TorchBackend
from innersight.metrics.view_extractor import ViewExtractor

FILES, REFERENCES, SIDE = 200, 20, 16
WORKERS = ("auto", 1)


class Nothing:
    """A runtime that runs no network."""

    name, reduced, differentiable = "nothing", None, True

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Return a corner of the images as the output of every layer."""
        return tuple(images[..., :4, :4] for _ in layers or ())


def metric_without_network() -> FeatureMetric:
    """Make `lite` at native size with `Nothing` as its runtime."""
    lite = create_metric("lite", input="native", layers="0,1")
    (view,) = lite.config.views
    return FeatureMetric(lite.config, [ViewExtractor(view, lite.backbones[0], Nothing())])


def write_list(folder: Path, rows: int) -> Path:
    """Write the image files, if they do not exist yet, and a list with this number of rows over them."""
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


def features_of(extractor: FeatureExtractor, path: Path, reference: FileFeatures | None = None) -> FileFeatures:
    """Extract the features of one file.

    Raises:
        InnersightError: If the file cannot be read.
    """
    like = None if reference is None else [reference]
    (found,) = extractor.extract([path], in_parts=False, like=like)
    if not isinstance(found, FileFeatures):
        raise found
    return found


def profile(folder: Path, metric: FeatureMetric, rows: int) -> None:
    """Print the time of each step of a row alone, and the voluntary context switches of a row in the engine."""
    pairs = open_list(write_list(folder, rows))
    paths = [pairs.paths(row) for row in pairs.rows()]
    images = [torch.from_numpy(read_image(distorted))[None] for _, distorted in paths[:FILES]]
    extractor = FeatureExtractor({"lite": TorchBackend(metric)}, with_layers=False, together=False, cache=None)
    features = [metric.extract_features(image) for image in images]
    reference = features_of(extractor, paths[0][0])
    journal = Journal(folder / "profile.csv", {}, resume=False, overwrite=True)
    nothing = RowScore({"lite": 1.0}, {}, None)
    with ThreadPoolExecutor(1) as pool, torch.inference_mode():
        steps = {
            "read the file": lambda row: read_image(paths[row][1]),
            "check and extract, no network": lambda row: metric.extract_features(images[row % len(images)]),
            "compare": lambda row: metric.compare_features(features[0], features[row % len(features)]).item(),
            "one worker: read, extract, compare": lambda row: extractor.compare(
                reference, features_of(extractor, paths[row][1], reference)
            ),
            "hand to a thread and back": lambda _: pool.submit(int).result(),
            "journal": lambda row: journal.add(row, nothing),
        }
        for name, step in steps.items():
            start = time.perf_counter()
            for row in range(rows):
                step(row)
            print(f"  {name:<40} {1000 * (time.perf_counter() - start) / rows:.3f} ms")
    journal.remove()
    for workers in WORKERS:
        before = resource.getrusage(resource.RUSAGE_SELF)
        score_list(pairs, {"lite": metric}, folder / "scores.csv", overwrite=True, workers=workers)
        after = resource.getrusage(resource.RUSAGE_SELF)
        switches = (after.ru_nvcsw - before.ru_nvcsw) / rows
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"  workers={workers}: {switches:.1f} waits and {1000 * seconds / rows:.3f} ms of processor time a row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**3, 10**4, 10**5])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    metric = metric_without_network()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.profile:
            profile(folder, metric, given.rows[0])
            return
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
