"""Measure the peak memory above the loaded model: `python benchmarks/memory.py`. It needs Linux.

Each case runs in a new process. The cases are a pair of 7680 x 4320 with `paper` (dinov1-vitb16, random weights) and
with `lite`, and lists of 10^4 and 10^6 rows with the metric of `overhead.py`, which runs no network. The number is the
peak of the resident memory during the run, less the resident memory before the run. For images, a small pair is scored
before, since a runtime may convert the network at the first call.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alternate import machine
from overhead import metric_without_network, write_list
from paper_windows import write_random_weights
from resident import memory, reset_peak, write_8k

from innersight import create_scorers, score_pairs
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import open_list

CASES = ("lite onnx", "lite torch", "paper torch", "list 10000", "list 1000000")


def run(case: str, folder: Path) -> None:
    kind, how = case.split()
    if kind == "list":
        metric, pairs = metric_without_network(), open_list(folder / f"{how}.csv")
        before, began = reset_peak(), time.perf_counter()
        score_list(pairs, {"lite": metric}, folder / "scores.csv", overwrite=True)
    else:
        weights = folder / "random.safetensors" if kind == "paper" else None
        scorers = create_scorers([kind], runtime=how, weights=weights)
        for pair in ("small.png", "dark.png"), ("reference.png", "distorted.jpg"):
            before, began = reset_peak(), time.perf_counter()
            (result,) = score_pairs([(folder / pair[0], folder / pair[1])], scorers)
            if result.error is not None:
                raise SystemExit(result.error)
    print(
        f"{case:<16} {memory('VmHWM') - before:7.0f} MiB above {before:.0f} MiB, {time.perf_counter() - began:7.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--inside", nargs=2, metavar=("CASE", "FOLDER"), help="run one case in this process")
    given = parser.parse_args()
    if given.inside:
        run(given.inside[0], Path(given.inside[1]))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_8k(folder)
        for case in given.cases:
            kind, how = case.split()
            if kind == "list":
                write_list(folder, int(how))
            elif kind == "paper":
                write_random_weights(folder / "random.safetensors")
            subprocess.run([sys.executable, __file__, "--inside", case, str(folder)], check=True)


if __name__ == "__main__":
    main()
