"""Time lists on one and two workers of a local Ray: `python benchmarks/ray_workers.py [--rounds 3]`.

The pairs are photographs of 512 x 384 as PNG files: 4 references with 60 distorted images each, scored with `lite`.
The long list has all 240 pairs, and the short list every fifth. Both are timed in turns on each side. Their difference
gives the pairs a second. The rest of the time is the fixed cost: to start the workers, load the network, and write the
shards. Ray itself runs before the first measurement.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from functools import partial
from pathlib import Path

import ray
from alternate import alternate, machine
from photographs import write_pairs

from innersight import create_scorers
from innersight.distributed.ray_engine import Cluster, score_with_ray
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import PairList, list_rows

SCORERS = create_scorers(["lite"])


def run_ray(pairs: PairList, folder: Path, workers: int) -> None:
    out = folder / uuid.uuid4().hex
    score_with_ray(pairs, str(folder), SCORERS, str(out), cluster=Cluster(workers=workers), shards=4 * workers)


def run_local(pairs: PairList, folder: Path, workers: int) -> None:
    score_list(pairs, SCORERS, folder / f"{uuid.uuid4().hex}.parquet", workers=workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = write_pairs(folder, references=4, distorted_each=60)
        rows = [{"reference": str(reference), "distorted": str(distorted)} for reference, distorted in pairs]
        lists = {"long": list_rows(rows, folder), "short": list_rows(rows[::5], folder)}
        engines = {
            "local engine, 1 thread": partial(run_local, workers=1),
            "local engine, 2 threads": partial(run_local, workers=2),
            "Ray, 1 worker": partial(run_ray, workers=1),
            "Ray, 2 workers": partial(run_ray, workers=2),
        }
        sides = {
            (engine, length): partial(run, pairs=listed, folder=folder)
            for engine, run in engines.items()
            for length, listed in lists.items()
        }
        times = alternate({" ".join(side): run for side, run in sides.items()}, rounds)
    print(machine())
    print(f"{lists['long'].count} and {lists['short'].count} pairs, {rounds} rounds, medians")
    print(f"  {'':<26}{'long':>8}{'short':>8}{'pairs/s':>9}{'fixed':>8}")
    for engine in engines:
        long, short = (times[f"{engine} {length}"] for length in ("long", "short"))
        rate = (lists["long"].count - lists["short"].count) / (long - short)
        fixed = short - lists["short"].count / rate
        print(f"  {engine:<26}{long:6.2f} s{short:6.2f} s{rate:9.1f}{fixed:6.2f} s")
    ray.shutdown()


if __name__ == "__main__":
    main()
