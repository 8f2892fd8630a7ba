"""How much do the weights of a metric's terms matter? Each halved, doubled and left out, the others as they are.

    python research/terms.py lite vit vit:input=short=364 ... --save terms.npz
    python research/weights.py terms.npz --metric lite --metric vit --metric best

Prints SRCC on the sets of `terms.py`, from the numbers it saved, so that a set of weights takes no time. A metric can
be any whose look was saved, also with other layers, orders and pooling; one with fields changed is shown as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from terms import SHOWN

from innersight.backbones.features import resolve_layers
from innersight.evaluation.correlation import srcc
from innersight.metrics.config import WEIGHTS, MetricConfig
from innersight.metrics.create import configure, parse_metric
from innersight.metrics.presets import COMBINED

Numbers = Mapping[str, npt.NDArray[np.float64]]

SIGHT = ("backbone", "input", "chroma", "normalisation", "tokens")


def read(text: str) -> MetricConfig:
    preset, changes = parse_metric(text)
    return configure(preset, **changes)


def terms_of(config: MetricConfig, layers: int) -> Iterator[tuple[float, str]]:
    """What a configuration weighs, and how much, as `terms.py` names it."""
    compared = resolve_layers(config.layers, layers)
    for layer in compared:
        yield config.structure / len(compared), f"{layer} {config.position_pooling}"
    spread_over = resolve_layers(config.spread_layers, layers)
    for layer in spread_over:
        yield config.spread / len(spread_over), f"{layer} spread {config.spread_order}"
    yield config.colour, f"picture {config.position_pooling}"
    yield config.tint, "tint"


def agreement(configs: list[MetricConfig], saved: Numbers) -> list[float]:
    looks = dict.fromkeys(name.removeprefix("LIVE ").removesuffix(" tint") for name in saved if name.endswith("tint"))
    looks = {name: read(name) for name in looks if not name.startswith("TID2013")}
    found = []
    for shown in SHOWN:
        total = np.zeros(())
        for config in configs:
            look = next(n for n, c in looks.items() if all(getattr(c, f) == getattr(config, f) for f in SIGHT))
            count = sum(name.startswith(f"LIVE {look} ") and name.endswith(" rms") for name in saved) - 1
            for weight, term in terms_of(config, count):
                if weight:
                    total = total + weight * saved[f"{shown} {look} {term}"]
        found.append(srcc(total, saved[f"{shown} worse"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("saved", type=Path, metavar="FILE.npz")
    parser.add_argument("--metric", action="append", required=True)
    arguments = parser.parse_args()
    saved: Numbers = dict(np.load(arguments.saved))
    print("| weights | TID2013 | TID2013 shifted | LIVE |\n|---|---|---|---|")

    def show(label: str, configs: list[MetricConfig]) -> None:
        cells = " | ".join(f"{value:.3f}".replace("0.", ".") for value in agreement(configs, saved))
        print(f"| {label} | {cells} |")

    for text in arguments.metric:
        members = [read(member) for member in COMBINED.get(text, text).split("+")]
        show(f"`{text}`", members)
        if ":" in text:  # already a change of a preset
            continue
        for index, member in enumerate(members):
            whose = f" of {member.preset}" if len(members) > 1 else ""
            for field in WEIGHTS:
                weight = getattr(member, field)
                for word, share in (("halved", 0.5), ("doubled", 2.0), ("left out", 0.0)) if weight else ():
                    if not share and weight == member.structure + member.spread:
                        continue  # a member must compare something its network sees
                    changed = replace(member, **{field: share * weight})
                    show(f"{field} {weight:g}{whose} {word}", [*members[:index], changed, *members[index + 1 :]])


if __name__ == "__main__":
    main()
