"""Score distorted photographs offline and write a heat map of the differences.

`make demo` runs this file. The network of `lite` is installed with the package, and the photographs are beside this
file. Neither torch nor a network connection is needed.
"""

from __future__ import annotations

import io
import itertools
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table

import innersight
from innersight.report.heatmap import draw_heatmap

OUTPUT = Path("demo-output")
PHOTOGRAPHS = sorted((Path(__file__).parent / "photographs").glob("*.jpg"))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def noise(image: Image.Image, deviation: float) -> Image.Image:
    pixels = np.asarray(image) + np.random.default_rng(0).normal(0, deviation, (*image.size[::-1], 3))
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


# JPEG by quality, blur by radius in pixels, noise by deviation in 8-bit levels.
DISTORTIONS = {
    "JPEG": (jpeg, (90, 50, 20, 5)),
    "blur": (lambda image, radius: image.filter(ImageFilter.GaussianBlur(radius)), (0.5, 1, 2, 4)),
    "noise": (noise, (4, 12, 30, 70)),
}


def main() -> None:
    scorer = innersight.Scorer("lite")
    table = Table("photograph", "distortion", title="Scores of `lite`: 0 = identical, lower is more similar")
    for strength in ("weak", "", "", "strong", "rising"):
        table.add_column(strength, justify="right")
    started, pairs = time.perf_counter(), 0
    for path in PHOTOGRAPHS:
        photograph = Image.open(path)
        reference = scorer.reference(photograph)  # its features are computed once
        for what, (distort, strengths) in DISTORTIONS.items():
            scores = [scorer(reference, distort(photograph, strength)) for strength in strengths]
            rising = all(weaker < stronger for weaker, stronger in itertools.pairwise(scores))
            said = f"{what} {strengths[0]} to {strengths[-1]}"
            table.add_row(path.stem, said, *(f"{score:.3f}" for score in scores), "yes" if rising else "NO")
            pairs += len(scores)
        table.add_section()
    seconds = time.perf_counter() - started

    reference = Image.open(PHOTOGRAPHS[0])
    distorted = reference.copy()
    corner = (330, 0, 512, 180)  # the rest of the image is unchanged
    distorted.paste(jpeg(reference, 5).crop(corner), corner)
    where = scorer.score(reference, distorted, map=True).map
    panels = (reference, distorted, draw_heatmap(where, innersight.read_image(distorted)))
    OUTPUT.mkdir(exist_ok=True)
    picture = Image.new("RGB", (sum(panel.width for panel in panels), reference.height))
    for index, panel in enumerate(panels):
        picture.paste(panel, (index * reference.width, 0))
    picture.save(OUTPUT / "heatmap.png")

    console = Console()
    console.print(table)
    console.print(f"{pairs} pairs in {seconds:.1f} s, with the time to distort them.")
    console.print(
        "Heat map (reference; distorted image with JPEG quality 5 in the upper right corner; map of the differences):"
    )
    console.print(f"  {OUTPUT}/heatmap.png", highlight=False)
    console.print(f"Cite with a score: {scorer.citation}", highlight=False)


if __name__ == "__main__":
    main()
