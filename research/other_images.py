"""Do the presets order images that took no part in choosing them as hand-made metrics do?

    python research/other_images.py FOLDER --metric lite --metric vit --metric best --weights FILE

Every photograph of the folder, distorted as `strengths.py` does. Nobody rated these, so this is no agreement with
people: it shows SRCC with the mean rank of the rivals (for a rival, of the other ones). A preset that agrees with
people on the sets it was chosen on and with no rival elsewhere would be fitted to these sets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import rankdata
from strengths import DISTORTIONS, measure

from innersight.benchmark.run import create_contestants
from innersight.evaluation.correlation import srcc
from innersight.metrics.combined import AnyMetric

Floats = npt.NDArray[np.float64]

RIVALS = ("psnr", "ms-ssim", "fsim", "vsi", "gmsd", "haarpsi", "mdsi")
CONSENSUS = ("fsim", "vsi", "haarpsi", "mdsi")
"""Those that agree best with people on TID2013 and LIVE, see docs/results.md."""


def worseness(metric: AnyMetric, photographs: list[Image.Image]) -> dict[str, Floats]:
    """By distortion, all photographs and strengths; larger is worse."""
    sign = -1 if metric.higher_is_better else 1
    return {name: sign * np.ravel(scores) for name, (scores, _) in measure(metric, photographs).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--metric", action="append", required=True)
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    photographs = [Image.open(path).convert("RGB") for path in sorted(arguments.folder.glob("*.png"))]
    metrics, _ = create_contestants([*arguments.metric, *RIVALS], weights=arguments.weights, runtime="auto")
    scores = {name: worseness(metric, photographs) for name, metric in metrics.items()}
    ranks = {name: rankdata(np.concatenate(list(found.values()))) for name, found in scores.items()}
    print(f"{len(photographs)} photographs, {len(ranks[RIVALS[0]])} pairs\n")
    print(f"| metric | all | {' | '.join(name.partition(',')[0] for name in DISTORTIONS)} |")
    print("|---|---" + "|---" * len(DISTORTIONS) + "|")
    for name, found in scores.items():
        others = np.mean([ranks[rival] for rival in CONSENSUS if rival != name], axis=0)
        parts = np.split(others, len(DISTORTIONS))
        cells = [srcc(ranks[name], others), *map(srcc, found.values(), parts)]
        print(f"| `{name}` | {' | '.join(f'{cell:.3f}'.replace('0.', '.') for cell in cells)} |")


if __name__ == "__main__":
    main()
