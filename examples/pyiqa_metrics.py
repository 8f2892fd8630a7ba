"""Use the presets beside the metrics of pyiqa, on files.

Needs: pip install 'innersight[pyiqa]'
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyiqa
from PIL import Image

from innersight.integrations.pyiqa import register

PHOTOGRAPH = Path(__file__).parent / "photographs" / "astronaut.jpg"


def main() -> None:
    register()
    print("registered:", ", ".join(pyiqa.list_models(filter="innersight-*")))
    metrics = {name: pyiqa.create_metric(name, device="cpu") for name in ("innersight-lite", "ssim", "psnr")}
    for name, metric in metrics.items():
        print(f"{name}: {'lower' if metric.lower_better else 'higher'} is better")
    print("quality  " + "  ".join(f"{name:>15}" for name in metrics))
    with tempfile.TemporaryDirectory() as folder:
        for quality in (90, 50, 20, 5):
            distorted = Path(folder) / f"{quality}.jpg"
            Image.open(PHOTOGRAPH).save(distorted, quality=quality)
            scores = [metric(str(distorted), str(PHOTOGRAPH)).item() for metric in metrics.values()]
            print(f"{quality:7}  " + "  ".join(f"{score:15.3f}" for score in scores))


if __name__ == "__main__":
    main()
