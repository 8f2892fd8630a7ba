"""How well a metric ranks images as people do, on your own list: `python benchmarks/srcc.py LIST.csv [--metric lite]`.

The list has the columns reference and distorted (paths relative to it), opinion, and opinion_direction
(higher-is-better or lower-is-better). Prints Spearman's rank correlation, positive = agreement.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from scipy.stats import spearmanr

import innersight


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path)
    parser.add_argument("--metric", default="lite")
    for field in ("backbone", "layers", "input", "normalisation", "distance", "position_pooling", "layer_pooling"):
        parser.add_argument(f"--{field.replace('_', '-')}")
    parser.add_argument("--weights")
    given = vars(parser.parse_args())
    path, name = given.pop("list"), given.pop("metric")
    metric = innersight.create_metric(name, **{field: value for field, value in given.items() if value is not None})

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    directions = {row["opinion_direction"] for row in rows}
    if directions not in ({"higher-is-better"}, {"lower-is-better"}):
        raise SystemExit(f"One list, one opinion_direction (higher-is-better or lower-is-better); got {directions}.")
    scores = []
    for row in rows:
        pair = (innersight.read_image(path.parent / row[side])[None] for side in ("reference", "distorted"))
        scores.append(metric(*pair).item())
    agreement = spearmanr(scores, [float(row["opinion"]) for row in rows]).statistic
    if directions == {"higher-is-better"}:
        agreement = -agreement  # a score counts differences
    print(metric.citation)
    print(f"{len(rows)} pairs, SRCC {agreement:.4f}")


if __name__ == "__main__":
    main()
