"""A photograph at the scores 2, 4, 6, 8 and 10, by JPEG, blur and noise: the figure of docs/scores.md.

python benchmarks/score_figure.py docs/scores.jpg
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from innersight import Scorer

PHOTOGRAPH = Path(__file__).parents[1] / "examples" / "photographs" / "coffee.jpg"
WANTED = (2, 4, 6, 8, 10)
TOLERANCE = 0.1
CUT = (150, 60, 410, 260)  # left, top, right, bottom of what is shown, pixels
Level = float | int


def jpeg(image: Image.Image, quality: Level) -> Image.Image:
    """Code an image as JPEG (4:2:0)."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
    return Image.open(file).convert("RGB")


def blur(image: Image.Image, sigma: Level) -> Image.Image:
    """Blur an image."""
    return image.filter(ImageFilter.GaussianBlur(sigma))


def noise(image: Image.Image, deviation: Level) -> Image.Image:
    """Add Gaussian noise."""
    added = np.random.default_rng(0).normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + added).round().clip(0, 255).astype(np.uint8))


ROWS: dict[str, tuple[Callable[[Image.Image, Level], Image.Image], list[Level]]] = {
    "JPEG quality": (jpeg, list(range(100, 0, -1))),
    "blur sigma": (blur, [float(value) for value in np.geomspace(0.1, 24, 120)]),
    "noise deviation": (noise, [float(value) for value in np.geomspace(0.2, 120, 120)]),
}


def main() -> None:
    """Write the figure, and print the level and the score of each part of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file of the figure")
    options = parser.parse_args()
    scorer, photograph = Scorer("lite"), Image.open(PHOTOGRAPH).convert("RGB")
    reference = scorer.reference(photograph)
    width, height, head = CUT[2] - CUT[0], CUT[3] - CUT[1], 22
    font = ImageFont.load_default(13)
    sheet = Image.new("RGB", (len(WANTED) * (width + 6), len(ROWS) * (height + head + 6)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (name, (distort, levels)) in enumerate(ROWS.items()):
        scores = [scorer(reference, distort(photograph, level)) for level in levels]
        for column, wanted in enumerate(WANTED):
            nearest = int(np.argmin(np.abs(np.array(scores) - wanted)))
            level, score = levels[nearest], scores[nearest]
            left, top = column * (width + 6), row * (height + head + 6)
            reached = abs(score - wanted) <= TOLERANCE
            label = (
                f"score {score:.1f}: {name} {level:.3g}"
                if reached
                else f"score {wanted}: not reached by {name.split()[0]}"
            )
            print(label)
            draw.text((left + 2, top + 3), label, fill="black", font=font)
            if reached:
                sheet.paste(distort(photograph, level).crop(CUT), (left, top + head))
    sheet.save(options.out, quality=85)


if __name__ == "__main__":
    main()
