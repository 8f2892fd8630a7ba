"""Measure the time to score one new distorted image of 512 x 384 whose reference features are known.

    python benchmarks/preset_cost.py lite
    python benchmarks/preset_cost.py vit --weights FILE
    python benchmarks/preset_cost.py best --weights FILE

A preset of one view is compared with its network alone, on the same input and up to the same layer. A transformer is
also compared with the windows of `paper` on the same backbone. A preset of several views is compared with each view
alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from alternate import alternate, machine

import innersight
from innersight import FeatureMetric
from innersight.metrics.feature_batch import FeatureBatch, ViewFeatures
from innersight.metrics.view_comparison import ViewComparison


def score_new(metric: FeatureMetric, reference: FeatureBatch, distorted: torch.Tensor) -> torch.Tensor:
    """Score one new image with the features of its reference."""
    return metric.compare_features(reference, metric.extract_features(distorted))


def score_view(comparison: ViewComparison, reference: ViewFeatures, distorted: torch.Tensor) -> torch.Tensor:
    """Compute the contribution of one view to the score of one new image."""
    return comparison.compare(reference, comparison.extract(distorted))


def make(name: str, arguments: argparse.Namespace, **changes: str) -> FeatureMetric:
    """Make a metric of features.

    Raises:
        SystemExit: If the name is a metric of another library.
    """
    metric = innersight.create_metric(name, weights=arguments.weights, runtime=arguments.runtime, changes=dict(changes))
    if not isinstance(metric, FeatureMetric):
        raise SystemExit(f"The metric {name!r} has no network: pass a preset.")
    return metric


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", help="preset, with changes or without")
    parser.add_argument("--weights", type=Path, help="file of weights of the backbone")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runtime", default="torch")
    arguments = parser.parse_args()
    metric = make(arguments.preset, arguments)
    draw = torch.Generator().manual_seed(0)
    reference, distorted = (torch.rand(1, 3, 384, 512, generator=draw) for _ in range(2))
    sides: dict[str, Callable[[], object]] = {
        arguments.preset: partial(score_new, metric, metric.extract_features(reference), distorted)
    }
    if len(metric.comparisons) > 1:
        for comparison in metric.comparisons:
            name = f"the view {comparison.extractor.view.name}"
            sides[name] = partial(score_view, comparison, comparison.extract(reference), distorted)
    else:
        (comparison,) = metric.comparisons
        extractor = comparison.extractor
        sides["the bare network"] = partial(extractor.runtime, extractor.prepare(distorted), comparison.layers)
        if extractor.backbone.kind == "tokens":
            paper = make("paper", arguments, backbone=extractor.view.backbone)
            sides["the paper's windows"] = partial(score_new, paper, paper.extract_features(reference), distorted)
    for side in sides.values():
        side()
    print(machine())
    times = alternate(sides, arguments.rounds)
    for name, seconds in times.items():
        share = times[arguments.preset] / seconds
        print(f"  {name:<24} {1000 * seconds:8.1f} ms   {arguments.preset} takes {share:.3f} of it")


if __name__ == "__main__":
    main()
