"""Scores of JPEG files of photographs by quality and size: the anchors of a preset.

    python benchmarks/anchors.py KODAK/*.png --metric lite --write

It prints a table, and the scores of changes that nobody sees. `--write` puts the table into the package, from which
`innersight score` reads it. Opinions are not used. docs/scores.md shows the tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import innersight
from innersight.inference import anchors
from innersight.inference.equivalents import DistortedReference

QUALITIES = (1, 2, 5, *range(10, 100, 5), 98, 99, 100)
SIZES = (128, 160, 192, 224, 256, 272, 288, 320, 352, 384, 448, 512)
SHOWN_SIZES = (128, 192, 256, 384, 512)
SHOWN = (100, 95, 90, 80, 70, 60, 50, 40, 30, 20, 10, 5)


def at_size(photograph: Image.Image, short: int) -> Image.Image | None:
    """Reduce a photograph to a shorter side; None if it is smaller."""
    factor = short / min(photograph.size)
    if factor > 1:
        return None
    return photograph.resize([round(factor * side) for side in photograph.size], Image.Resampling.LANCZOS)


def measure(scorer: innersight.Scorer, photographs: list[Image.Image], short: int) -> dict[str, list[float]]:
    """Return the lowest, the median and the highest score at each quality."""
    rows = []
    for photograph in photographs:
        if (image := at_size(photograph, short)) is not None:
            reference = DistortedReference(scorer, image)
            rows.append([reference.score_of_jpeg(quality) for quality in QUALITIES])
    found = np.array(rows)
    return {
        name: [round(float(value), 3) for value in statistic(found, axis=0)]
        for name, statistic in (("lowest", np.min), ("median", np.median), ("highest", np.max))
    }


def invisible(scorer: innersight.Scorer, photographs: list[Image.Image]) -> dict[str, list[float]]:
    """Return the scores of changes that nobody sees, for each photograph at half its size."""
    found: dict[str, list[float]] = {}
    for photograph in photographs:
        size = [side // 2 for side in photograph.size]
        planes = [np.asarray(channel.convert("F").resize(size, Image.Resampling.BOX)) for channel in photograph.split()]
        fine = np.stack(planes, axis=-1).clip(0, 255) / 255  # the means of four samples, with 10 bits
        eight = (255 * fine).round().astype(np.uint8)
        changes = {
            "rounding to 8 bits": (fine, eight),
            "one level added to all samples": (eight, np.where(eight < 255, eight + 1, 255).astype(np.uint8)),
            "one sample of one pixel changed by 1": (eight, _one_sample(eight)),
        }
        for name, pair in changes.items():
            found.setdefault(name, []).append(scorer(*pair))
    return found


def _one_sample(image: np.ndarray) -> np.ndarray:
    changed = image.copy()
    changed[image.shape[0] // 2, image.shape[1] // 2, 1] ^= 1
    return changed


def main() -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+", type=Path, help="files without visible artefacts")
    parser.add_argument("--metric", default="lite", help="metric (default: lite)")
    parser.add_argument("--weights", type=Path, help="file of weights (default: the usual locations)")
    parser.add_argument("--write", action="store_true", help="write the table into the package")
    options = parser.parse_args()
    scorer = innersight.Scorer(options.metric, weights=options.weights)
    photographs = [Image.open(path).convert("RGB") for path in options.photographs]
    measured = SIZES if options.write else SHOWN_SIZES
    sizes = {short: measure(scorer, photographs, short) for short in measured}

    print(f"{scorer.citation}\n{len(photographs)} photographs\n")
    print("| JPEG quality | " + " | ".join(f"short side {short}" for short in SHOWN_SIZES) + " |")
    print("|---|" + "---|" * len(SHOWN_SIZES))
    for quality in SHOWN:
        place = QUALITIES.index(quality)
        cells = (
            f"{found['median'][place]:.2f} ({found['lowest'][place]:.2f} to {found['highest'][place]:.2f})"
            for found in (sizes[short] for short in SHOWN_SIZES)
        )
        print(f"| {quality} | " + " | ".join(cells) + " |")
    print()
    for name, scores in invisible(scorer, photographs).items():
        print(f"{name}: {np.median(scores):.2f} ({min(scores):.2f} to {max(scores):.2f})")

    if options.write:
        path = Path(anchors.__file__).with_name("anchors.json")
        table: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        table[anchors.configuration_digest(scorer.describe())] = {
            "name": scorer.name,
            "photographs": [photograph.name for photograph in options.photographs],
            "qualities": QUALITIES,
            "sizes": {short: {name: found[name] for name in ("lowest", "highest")} for short, found in sizes.items()},
        }
        path.write_text(json.dumps(table, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
