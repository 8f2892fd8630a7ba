"""Resident memory of a process, and a pair of 7680 x 4320 to measure it with. It needs Linux, and imports no torch."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from skimage import data


def write_8k(folder: Path) -> tuple[Path, Path]:
    """Write a pair of 7680 x 4320, and `small.png` of 256 x 256 to load a network with; return the pair."""
    photograph = Image.fromarray(data.astronaut()).resize((7680, 4320), Image.Resampling.BICUBIC)
    photograph.resize((256, 256)).save(folder / "small.png")
    photograph.resize((256, 256)).point(lambda level: level // 2).save(folder / "dark.png")
    photograph.save(reference := folder / "reference.png", compress_level=1)
    photograph.save(distorted := folder / "distorted.jpg", quality=20)
    return reference, distorted


def memory(field: str) -> float:
    """Return the resident memory of this process in MiB: VmRSS is the current value, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 2**10


def reset_peak() -> float:
    """Reset the peak; return the current memory in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")
