"""Compare a bundle with eager torch, and measure whole processes and the memory of a large pair.

    python benchmarks/bundle_cost.py
    python benchmarks/bundle_cost.py --metric vit --weights FILE --bundle FOLDER

It measures:

* one pair of 512 x 384, the features of both images computed and compared, with the bundle and with eager torch in
  turns;
* `innersight score` in a new process, for two files of 512 x 384 and for two identical files: the wall time and the
  peak of the resident memory;
* one pair of 7680 x 4320 in a new process: the peak of the resident memory, less the resident memory after a pair of
  256 x 256 was scored.

`--bundle FOLDER` gives a bundle that `innersight export METRIC --weights FILE --out FOLDER` wrote, in place of the
installed one. `--innersight FILE` gives the program `innersight` of another environment, such as one without torch.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from resident import memory, reset_peak, write_8k
from skimage import data

from innersight import Scorer, read_image
from innersight.bundles import Bundle, shipped

START = """
import os, sys, time
start = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print(time.perf_counter() - start, usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a command; its wall time and the peak of its memory in KiB come last on the standard error."""


def write_pair(folder: Path) -> tuple[Path, Path]:
    photograph = Image.fromarray(data.astronaut()).crop((0, 0, 512, 384))
    photograph.save(reference := folder / "pair.png")
    photograph.save(distorted := folder / "pair.jpg", quality=40)
    return reference, distorted


def compare_with_torch(bundle: Bundle, metric: str, weights: Path | None, folder: Path, rounds: int) -> None:
    """Measure one pair with the bundle and with eager torch in turns."""
    import torch
    from alternate import alternate, machine

    from innersight import create_metric

    torch_metric = create_metric(metric, weights=weights)
    arrays = [read_image(path)[None] for path in write_pair(folder)]
    images, tensors = [array[0] for array in arrays], [torch.from_numpy(array) for array in arrays]
    threads = torch.get_num_threads()

    def with_bundle() -> float:
        score, _ = bundle.compare(*bundle.extract_each(images, threads=threads), threads=threads)
        return score

    @torch.inference_mode()
    def with_torch() -> float:
        return torch_metric(*tensors).item()

    scores = [with_bundle(), with_torch()]
    sides = {"bundle": with_bundle, "torch": with_torch}
    alternate(sides, 2)  # torch chooses kernels
    print(f"{machine()}, {bundle.runtime_name}")
    times = alternate(sides, rounds)
    print(f"{bundle.name}, one pair of 512 x 384 from memory, {rounds} rounds, medians:")
    for name, seconds in times.items():
        print(f"  {name:<8} {1000 * seconds:8.1f} ms   {seconds / times['torch']:.2f} of torch")
    print(f"  the scores differ by {abs(scores[0] / scores[1] - 1):.1e}")


def measure_process(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and the peak of its resident memory in MiB."""
    # Linux counts the memory of the process that starts a command into the command's peak, so a small one starts it.
    done = subprocess.run([sys.executable, "-S", "-c", START, *command], check=True, capture_output=True, text=True)
    seconds, kilobytes = done.stderr.splitlines()[-1].split()
    return float(seconds), int(kilobytes) / 2**10


def measure_score(program: Path, arguments: list[str], folder: Path, runs: int) -> None:
    """Measure `innersight score` in new processes."""
    reference, distorted = write_pair(folder)
    (same := folder / "same.png").write_bytes(reference.read_bytes())
    commands = {
        "two files": [str(program), "score", str(reference), str(distorted), *arguments],
        "two identical files": [str(program), "score", str(reference), str(same), *arguments],
        "--version": [str(program), "--version"],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            if run:  # the first one fills the disk cache
                found[name].append(measure_process(command))
            else:
                measure_process(command)
    print(f"`innersight score`, 512 x 384, whole process, {runs} runs, medians:")
    for name, values in found.items():
        seconds, peak = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"  {name:<20} {seconds:6.3f} s   peak {peak:5.0f} MiB")


def score_8k(metric: str, folder: Path) -> None:
    """Score the large pair in this process, and print its memory."""
    scorer = Scorer(metric)
    scorer(folder / "small.png", folder / "dark.png")
    before, start = reset_peak(), time.perf_counter()
    scorer(folder / "reference.png", folder / "distorted.jpg")
    peak, seconds = memory("VmHWM"), time.perf_counter() - start
    print(f"one pair of 7680 x 4320: {peak - before:.0f} MiB above {before:.0f} MiB, {seconds:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", default="lite", help="the metric in torch that the bundle was exported from")
    parser.add_argument("--weights", type=Path, help="the file of weights that the bundle was exported with")
    parser.add_argument("--bundle", type=Path, help="folder of the bundle; default: that of lite in the package")
    parser.add_argument("--innersight", type=Path, default=Path(sys.executable).parent / "innersight")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=7, help="new processes for each command")
    parser.add_argument("--inside", type=Path, metavar="FOLDER", help="score the large pair there in this process")
    given = parser.parse_args()
    name = str(given.bundle or "lite")
    if given.inside:
        score_8k(name, given.inside)
        return
    bundle = Bundle.load(given.bundle) if given.bundle else shipped("lite")
    if bundle is None:
        raise SystemExit("The package has no bundle of lite: run `make bundle`.")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        compare_with_torch(bundle, given.metric, given.weights, folder, given.rounds)
        measure_score(given.innersight, ["--metric", name], folder, given.runs)
        write_8k(folder)
        again = [sys.executable, __file__, "--inside", str(folder)]
        subprocess.run([*again, *(["--bundle", name] if given.bundle else [])], check=True)


if __name__ == "__main__":
    main()
