"""Compare the presets with hand-crafted metrics on images that nobody rated and that no setting was selected on.

    python research/other_images.py FOLDER --metric lite --metric vit --metric best --weights FILE

Each photograph of the folder is distorted as `strengths.py` does. There are no opinions of these images, so the output
is no agreement with people. It is SRCC between the scores of a metric and the mean rank of the hand-crafted metrics in
`CONSENSUS`; a metric of `CONSENSUS` is compared with the other ones. A preset that agrees with people on the data sets
of its selection, but with no other metric on other images, would be fitted to those data sets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import rankdata
from strengths import DISTORTIONS, measure, read_photographs

from innersight.benchmark.run import create_available
from innersight.evaluation.correlation import srcc
from innersight.metrics.base import FullReferenceMetric

Floats = npt.NDArray[np.float64]

EXTERNAL = ("psnr", "ms-ssim", "fsim", "vsi", "gmsd", "haarpsi", "mdsi")
CONSENSUS = ("fsim", "vsi", "haarpsi", "mdsi")
"""The external metrics with the highest agreement with people on TID2013 and LIVE, see docs/results.md."""


def worseness(metric: FullReferenceMetric, photographs: list[Image.Image]) -> dict[str, Floats]:
    """Score all photographs and strengths, by distortion; larger is worse."""
    sign = -1 if metric.higher_is_better else 1
    return {name: sign * np.ravel(scores) for name, (scores, _) in measure(metric, photographs).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of .png photographs")
    parser.add_argument("--metric", action="append", required=True, help="metric, as for innersight score; repeatable")
    parser.add_argument("--weights", type=Path, help="file of weights of the backbone")
    arguments = parser.parse_args()
    photographs = read_photographs(arguments.folder)
    names = list(dict.fromkeys([*arguments.metric, *EXTERNAL]))
    metrics, _ = create_available(names, weights=arguments.weights)
    scores = {name: worseness(metric, photographs) for name, metric in metrics.items()}
    ranks = {name: rankdata(np.concatenate(list(found.values()))) for name, found in scores.items()}
    print(f"{len(photographs)} photographs, {len(ranks[EXTERNAL[0]])} pairs\n")
    print(f"| metric | all | {' | '.join(name.partition(',')[0] for name in DISTORTIONS)} |")
    print("|---|---" + "|---" * len(DISTORTIONS) + "|")
    for name, found in scores.items():
        others = np.mean([ranks[other] for other in CONSENSUS if other != name], axis=0)
        parts = np.split(others, len(DISTORTIONS))
        cells = [srcc(ranks[name], others), *map(srcc, found.values(), parts)]
        print(f"| `{name}` | {' | '.join(f'{cell:.3f}'.replace('0.', '.') for cell in cells)} |")


if __name__ == "__main__":
    main()
