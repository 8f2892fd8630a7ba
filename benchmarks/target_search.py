"""Counts the encodes of `find_quality`, and how near it comes, on photographs.

Usage: python benchmarks/target_search.py PHOTOGRAPH... ; cjxl and avifenc must be installed.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from innersight import Scorer
from innersight.inference.target_search import find_quality

TARGETS = (3, 4, 5, 6, 7, 8, 9)


def by_command(*command: str, suffix: str) -> Callable[[Path], Callable[[float], bytes]]:
    def for_image(path: Path) -> Callable[[float], bytes]:
        def encode(quality: float) -> bytes:
            with tempfile.TemporaryDirectory() as folder:
                output = Path(folder) / f"out{suffix}"
                values = {"{input}": str(path), "{output}": str(output), "{q}": f"{quality:g}"}
                subprocess.run([values.get(part, part) for part in command], check=True, capture_output=True)
                return output.read_bytes()

        return encode

    return for_image


def by_pillow(path: Path) -> Callable[[float], bytes]:
    image = Image.open(path).convert("RGB")

    def encode(quality: float) -> bytes:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return file.getvalue()

    return encode


ENCODERS = {
    "Pillow JPEG": (by_pillow, (1, 100)),
    "cjxl -q": (by_command("cjxl", "{input}", "{output}", "-q", "{q}", suffix=".jxl"), (5, 100)),
    "avifenc --min --max": (
        by_command("avifenc", "--min", "{q}", "--max", "{q}", "-s", "8", "{input}", "{output}", suffix=".avif"),
        (0, 63),
    ),
}


def main(paths: list[Path]) -> None:
    scorer = Scorer("lite")
    print("encoder, searches, encodes (number: searches), status: searches, largest difference within tolerance")
    for name, (encoder, (low, high)) in ENCODERS.items():
        found = [
            (target, find_quality(scorer, path, encoder(path), target, lowest=low, highest=high))
            for path in paths
            for target in TARGETS
        ]
        encodes = Counter(len(result.encodings) for _, result in found)
        statuses = Counter(result.status for _, result in found)
        near = [abs(result.best.score - target) for target, result in found if result.status == "within tolerance"]
        print(f"{name}, {len(found)}, {dict(sorted(encodes.items()))}, {dict(statuses)}, {max(near, default=0):.3f}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
