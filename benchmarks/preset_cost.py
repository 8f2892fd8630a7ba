"""What one new distorted image costs, 512 x 384, its reference seen before: a preset against the bare network.

    python benchmarks/preset_cost.py lite
    python benchmarks/preset_cost.py vit --weights FILE
    python benchmarks/preset_cost.py best --weights FILE

The bare pass sees the same input and goes as far as the preset needs. A transformer stands beside the paper's windows,
a combined metric beside its members.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from alternate import alternate, machine

import innersight
from innersight.metrics.combined import CombinedMetric


def score_new(metric: Any, seen: Any, distorted: torch.Tensor) -> torch.Tensor:
    """Of one of our metrics and what it saw of the reference."""
    return metric.compare(seen, metric.look(distorted))


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runtime", default="torch")
    arguments = parser.parse_args()
    metric = innersight.create_metric(arguments.preset, weights=arguments.weights, runtime=arguments.runtime)
    draw = torch.Generator().manual_seed(0)
    reference, distorted = (torch.rand(1, 3, 384, 512, generator=draw) for _ in range(2))
    sides = {arguments.preset: partial(score_new, metric, metric.look(reference), distorted)}
    if isinstance(metric, CombinedMetric):
        for name, member in metric.members.items():
            sides[name] = partial(score_new, member, member.look(reference), distorted)
    else:
        prepared = metric.extraction.prepare(distorted)
        layers = tuple(layer for layer in metric.layers if layer < metric.backbone.count)
        sides["the bare network"] = lambda: metric.runtime(prepared, layers)
        if metric.backbone.kind == "tokens":
            paper = innersight.create_metric(
                "paper", backbone=metric.config.backbone, weights=arguments.weights, runtime=arguments.runtime
            )
            sides["the paper's windows"] = partial(score_new, paper, paper.look(reference), distorted)
    for side in sides.values():
        side()
    print(machine())
    times = alternate(sides, arguments.rounds)
    for name, seconds in times.items():
        share = times[arguments.preset] / seconds
        print(f"  {name:<24} {1000 * seconds:8.1f} ms   {arguments.preset} takes {share:.3f} of it")


if __name__ == "__main__":
    main()
