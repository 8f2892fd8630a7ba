"""What each choice of a preset is worth: the preset, and the preset with one field changed, on sets that people rated.

    python research/ablation.py lite --tid2013 DIR --live LIST.csv
    python research/ablation.py vit --tid2013 DIR --live LIST.csv --weights FILE

Prints a table of SRCC with 95 % intervals over references: TID2013, the same under a shift of 1 %, and LIVE.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from terms import add_sets

from innersight.benchmark.run import create_contestants, run_bench
from innersight.datasets.registry import open_dataset
from innersight.preprocess.perturbation import Perturbation

COMMON = (
    "spread=0",
    "spread_order=2",
    "spread_layers=all",
    "layers=all",
    "tint=0",
    "layer_scale=linear",
    "chroma=full",
    "distance=rel-l2",
    "distance=channel-cos",
)
CHANGES = {
    "lite": (
        *COMMON,
        "position_pooling=mean",
        "colour=0",
        "colour=0.8",
        "spread_order=8",
        "spread=1:colour=0.3",
        "normalisation=backbone",
        "input=short=192",
        "input=short=384",
        "input=window=224,stride=160",
        "lite+lite:input=short=192",
        "lite+lite:input=short=384",
    ),
    "vit": (
        *COMMON,
        "position_pooling=rms",
        "colour=0.2",
        "spread_order=4",
        "spread_layers=3,4,5",
        "layers=0",
        "tokens=plain",
        "normalisation=none",
        "input=short=364",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=CHANGES)
    add_sets(parser)
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    names = [arguments.preset]
    for change in CHANGES[arguments.preset]:  # a field, or several sights joined
        names.append(change if "+" in change else f"{arguments.preset}:{change}")
    metrics, _ = create_contestants(names, weights=arguments.weights, runtime="auto")
    with tempfile.TemporaryDirectory() as folder:
        results = (
            run_bench(
                open_dataset("tid2013", arguments.tid2013),
                metrics,
                Path(folder) / "tid2013",
                perturbations=[Perturbation("tra", 1)],
            ),
            run_bench(open_dataset(str(arguments.live)), metrics, Path(folder) / "live"),
        )
    outcomes = [outcome for result in results for outcome in result.outcomes]
    print("| configuration | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")
    for name in names:
        cells = []
        for outcome in outcomes:
            srcc = outcome.evaluations[name].overall["srcc"]
            interval = f" [{srcc.low:.3f}, {srcc.high:.3f}]" if srcc.low is not None else ""
            cells.append(f"{srcc.value:.3f}{interval}".replace("0.", "."))
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
