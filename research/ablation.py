"""Measure what each choice of a preset is worth: score rated data sets with the preset and with one value changed.

    python research/ablation.py lite --tid2013 DIR --live LIST.csv
    python research/ablation.py vit --tid2013 DIR --live LIST.csv --weights FILE

The output is a table of SRCC with 95 % intervals over references, for TID2013, for TID2013 with one image of each pair
shifted by 1 %, and for LIVE.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from terms import add_sets

from innersight import MetricConfig, create_metrics
from innersight.benchmark.run import run_bench
from innersight.datasets.dataset import DataSet
from innersight.datasets.registry import open_dataset
from innersight.metrics.presets.registry import PRESETS
from innersight.preprocess.input_policy import InputPolicy
from innersight.preprocess.perturbation import Perturbation

COMMON = (
    "terms.moments.weight=0",
    "terms.moments.order=2",
    "terms.moments.layers=all",
    "layers=all",
    "terms.chroma.weight=0",
    "scale=linear",
    "views.main.chroma=full",
)
CHANGES = {
    "lite": (
        *COMMON,
        "distance=rel-l2:terms.thumbnail.distance=rel-l2",
        "distance=channel-cos:terms.thumbnail.distance=channel-cos",
        "terms.features.pooling=mean:terms.thumbnail.pooling=mean",
        "terms.thumbnail.weight=0",
        "terms.thumbnail.weight=0.8",
        "terms.moments.order=8",
        "terms.moments.weight=1:terms.thumbnail.weight=0.3",
        "views.main.normalisation=backbone",
        "input=short=192",
        "input=short=384",
        "input=window=224,stride=160",
    ),
    "vit": (
        *COMMON,
        "distance=rel-l2",
        "distance=channel-cos",
        "terms.features.pooling=rms",
        "terms.thumbnail.type=thumbnail:terms.thumbnail.weight=0.2:terms.thumbnail.pooling=mean",
        "terms.moments.order=4",
        "terms.moments.layers=3,4,5",
        "layers=0",
        "views.main.token_norm=none",
        "views.main.normalisation=none",
        "input=short=364",
    ),
}
SECOND_SIZES = {"lite": (192, 384), "vit": ()}
"""Short sides in pixels of a second view, which is compared by the same terms as the first view."""


def add_view(config: MetricConfig, short_side: int) -> MetricConfig:
    """Return a configuration with a second view at another size, and with each term also in that view."""
    (view,) = config.views
    second = replace(view, name="second", input=InputPolicy(short_side=short_side))
    terms = [replace(term, name=f"second-{term.name}", view="second") for term in config.terms]
    name = f"{config.name}, second view input=short={short_side}"
    return replace(config, name=name, views=(view, second), terms=(*config.terms, *terms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=CHANGES)
    add_sets(parser)
    parser.add_argument("--weights", type=Path, help="file of weights of the backbone")
    arguments = parser.parse_args()
    preset = arguments.preset
    configurations: list[str | Path | MetricConfig] = [preset]
    configurations += [f"{preset}:{change}" for change in CHANGES[preset]]
    configurations += [add_view(PRESETS[preset], short_side) for short_side in SECOND_SIZES[preset]]
    metrics = create_metrics(configurations, weights=arguments.weights, device="auto")
    tid2013, live = open_dataset("tid2013", arguments.tid2013), open_dataset(str(arguments.live))
    if not isinstance(live, DataSet):
        parser.error(f"--live must be a list with a column opinion, but {arguments.live} is a list of choices")
    with tempfile.TemporaryDirectory() as folder:
        shift = [Perturbation("tra", 1)]
        results = (
            run_bench(tid2013, metrics, Path(folder) / "tid2013", perturbations=shift),
            run_bench(live, metrics, Path(folder) / "live"),
        )
    outcomes = [outcome for result in results for outcome in result.outcomes]
    print("| configuration | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")
    for name in metrics:
        cells = []
        for outcome in outcomes:
            srcc = outcome.evaluations[name].overall["srcc"]
            interval = f" [{srcc.low:.3f}, {srcc.high:.3f}]" if srcc.low is not None else ""
            cells.append(f"{srcc.value:.3f}{interval}".replace("0.", "."))
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
