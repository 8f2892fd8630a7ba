"""Measure the stages of one `innersight score` in a new process: `python benchmarks/cold_start.py [--runs 5]`.

Each number is the median over new processes. The stages are measured in order, inside one process for each run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = """
import json, sys, time
marks, last = {}, time.perf_counter()
def mark(name):
    global last
    now = time.perf_counter(); marks[name] = now - last; last = now
import innersight; mark("import innersight")
import numpy; mark("import numpy")
from innersight.inference.scorer import Scorer; mark("import the scorer")
import innersight.cli.app; mark("import the command line")
scorer = Scorer("lite"); mark("read the description of the bundle, check its files")
import onnxruntime; mark("import onnxruntime")
blank = numpy.zeros((8, 8, 3), numpy.uint8), numpy.ones((8, 8, 3), numpy.uint8)
scorer(*blank); mark("load the graphs")
scorer(*sys.argv[1:]); mark("read two images and score")
print(json.dumps(marks))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs

    from PIL import Image
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        photograph = Image.fromarray(data.astronaut()).crop((0, 0, 512, 384))
        photograph.save(reference := Path(folder, "reference.png"))
        photograph.save(distorted := Path(folder, "distorted.jpg"), quality=40)
        pair = [str(reference), str(distorted)]
        command = [str(Path(sys.executable).parent / "innersight"), "score", *pair, "--json"]
        whole, stages = [], []
        for _ in range(runs + 1):  # the first one fills the disk cache and is not counted
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            whole.append(time.perf_counter() - start)
            done = subprocess.run([sys.executable, "-c", STAGES, *pair], check=True, capture_output=True, text=True)
            stages.append(json.loads(done.stdout))
        bare = []
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import innersight"], check=True)
            with_package = time.perf_counter() - start
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            bare.append(with_package - (time.perf_counter() - start))

    total, first = statistics.median(whole[1:]), whole[0]
    medians = {name: statistics.median(stage[name] for stage in stages[1:]) for name in stages[0]}
    medians["start the interpreter, end the process"] = total - sum(medians.values())
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"`innersight score` with lite, 512 x 384, whole process: {total:.2f} s (the first, uncounted: {first:.2f} s)"
    )
    for name, seconds in medians.items():
        print(f"  {name:<46} {seconds:6.3f} s")
    print(f"`import innersight` above a bare interpreter: {1000 * statistics.median(bare):.0f} ms")


if __name__ == "__main__":
    main()
