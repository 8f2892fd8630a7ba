"""Timing of several functions in turns, and a description of the machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import timm
import torch

_PAUSE = 0.05
"""Seconds before each measurement. Runtimes let their threads spin for some milliseconds after they end."""


def machine() -> str:
    """Return one line with the processor and the versions of the software that were measured."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return (
        f"{model}, {os.cpu_count()} cores, torch {torch.__version__} with {torch.get_num_threads()} threads, "
        f"timm {timm.__version__}, Python {platform.python_version()}"
    )


def alternate(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run each side once in every round; return the median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(_PAUSE)
            start = time.perf_counter()
            side()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def ratios(times: Mapping[str, float], ours: str) -> str:
    """Write one line for each side: its seconds, and the ratio to the seconds of the side `ours`."""
    return "\n".join(f"  {name:<58} {seconds:8.2f} s  {seconds / times[ours]:6.2f}x" for name, seconds in times.items())
