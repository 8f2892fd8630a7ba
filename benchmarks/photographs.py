"""Image pairs for the benchmarks: photographs of scikit-image, coded as JPEG of falling quality, saved as PNG."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from skimage import data


def write_pairs(
    folder: Path, references: int, distorted_each: int, size: tuple[int, int] = (512, 384)
) -> list[tuple[Path, Path]]:
    """Write at most four references of this (width, height), and distorted copies of each; return the pairs."""
    sources = [data.astronaut(), data.coffee(), data.chelsea(), data.astronaut()[::-1, ::-1]]
    pairs = []
    for number, source in enumerate(sources[:references]):
        photograph = Image.fromarray(source).resize(size, Image.Resampling.LANCZOS)
        photograph.save(reference := folder / f"{number}.png")
        for strength in range(distorted_each):
            coded = io.BytesIO()
            photograph.save(coded, "JPEG", quality=95 - 90 * strength // distorted_each)
            Image.open(coded).save(distorted := folder / f"{number}-{strength}.png")
            pairs.append((reference, distorted))
    return pairs
