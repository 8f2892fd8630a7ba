"""Measure what a long list costs before Ray scores its pairs: `python benchmarks/ray_plan.py [--rows 1000000]`.

The list is a .parquet file with the paths of a reference and a distorted image for each row, 20 rows for a reference,
in the order of the references. It is opened and cut into shards of 1,000 rows, in a process of its own. No image is
read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow
from pyarrow import parquet

from innersight.distributed.plan import make_plan
from innersight.distributed.storage import Folder
from innersight.inference.pair_lists import open_list


def write_list(path: Path, rows: int) -> None:
    reference = [f"photographs/reference-{row // 20:08}.png" for row in range(rows)]
    distorted = [f"photographs/distorted-{row:010}.jpg" for row in range(rows)]
    parquet.write_table(pyarrow.table({"reference": reference, "distorted": distorted}), path)


def peak_memory() -> int:
    """KiB. `ru_maxrss` would count the process that started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(folder: Path) -> None:
    before = peak_memory()
    start = time.perf_counter()
    pairs = open_list(folder / "list.parquet")
    opened = time.perf_counter()
    plan = make_plan(pairs, str(folder), {}, pairs.count // 1000, Folder(str(folder / "out")))
    planned = time.perf_counter()
    peak = peak_memory()
    size = sum(file.stat().st_size for file in (folder / "out").iterdir())
    bytes_per_row = (peak - before) * 1024 / pairs.count
    print(
        f"{pairs.count} rows in {len(plan.shards)} shards\n"
        f"  opened in            {opened - start:.1f} s\n"
        f"  cut into shards in   {planned - opened:.1f} s\n"
        f"  memory of the rows   {bytes_per_row:.0f} bytes per row, {peak / 1024:.0f} MiB in all\n"
        f"  lists of the shards  {size / pairs.count:.0f} bytes per row"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        measure(options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        write_list(Path(name) / "list.parquet", options.rows)
        subprocess.run([sys.executable, __file__, "--folder", name], check=True)


if __name__ == "__main__":
    main()
