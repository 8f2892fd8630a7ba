"""Every preset and paper distance keeps its scores, per-layer scores and maps within 1e-6 relative.

`fixtures/scores_before_redesign.json` holds them, its note says how they were made. They are in float64, so that rounding
of one processor's kernels is far below the tolerance.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

import innersight
from innersight.backbones.features import Backbone
from photograph_pairs import pairs

CASES = json.loads((Path(__file__).parent.parent / "fixtures" / "scores_before_redesign.json").read_text())["cases"]

PAPER = {f"paper {name}": f"paper:distance={name}" for name in ("l2", "cos", "skld", "jsd", "wsd", "swd")}
METRICS = {
    "lite": "lite",
    "lite rel-l2": "lite:distance=rel-l2:terms.thumbnail.distance=rel-l2",
    "lite channel-cos": "lite:distance=channel-cos:terms.thumbnail.distance=channel-cos",
    "vit": "vit",
    "best": "best",
    **PAPER,
    "paper l2 maps": "paper:distance=l2",
    "paper cos maps": "paper:distance=cos",
}


def make(case: str, small_dino: Path, vit_weights: Path, cnn_weights: Path) -> Any:
    options: dict[str, Any] = {}
    if case in ("vit", "best"):
        options = {"weights": small_dino}
    elif case in PAPER:
        options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
    elif case.endswith(" maps"):
        options = {"backbone": "resnet18", "weights": cnn_weights}
    return innersight.create_metric(METRICS[case], precision="fp64", **options)


@pytest.fixture
def each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the network once for each input. Score, layers and map of 15 pairs would otherwise run it 90 times."""
    real = Backbone.outputs
    kept: dict[tuple[object, ...], tuple[torch.Tensor, ...]] = {}

    def outputs(backbone: Backbone, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        key = (id(backbone), layers, images.shape, hashlib.sha256(images.contiguous().numpy()).digest())
        if key not in kept:
            kept[key] = real(backbone, images, layers)
        return kept[key]

    monkeypatch.setattr(Backbone, "outputs", outputs)


def check(metric: Any, case: str, wanted: list[str]) -> int:
    """Compare some pairs; return how many there were."""
    found = 0
    for name, kind, reference, distorted in pairs():
        if f"{name} {kind}" not in wanted:
            continue
        found += 1
        golden = CASES[case]["pairs"][f"{name} {kind}"]
        assert metric(reference, distorted).item() == pytest.approx(golden["score"], rel=1e-6)
        layers = metric.per_layer(reference, distorted)[0].tolist()
        assert layers == pytest.approx(golden["per_layer"], rel=1e-6)
        if "map" in golden:
            where = metric.map(reference, distorted)[0]
            height, width = where.shape
            probes = [where[(37 * i) % height, (53 * i) % width].item() for i in range(len(golden["map"]))]
            assert probes == pytest.approx(golden["map"], rel=1e-6, abs=1e-12)
            assert where.mean().item() == pytest.approx(golden["map_mean"], rel=1e-6)
    return found


def test_the_golden_file_holds_fifteen_pairs_of_every_case() -> None:
    assert set(CASES) == set(METRICS)
    assert all(len(case["pairs"]) == 15 for case in CASES.values())


@pytest.mark.parametrize("case", METRICS)
@pytest.mark.usefixtures("each_image_once")
@torch.inference_mode()
def test_scores_layers_and_maps_are_those_from_before_the_redesign(
    case: str, small_dino: Path, vit_weights: Path, cnn_weights: Path
) -> None:
    """One pair of an odd size in each case; all fifteen where INNERSIGHT_ALL_GOLDENS is set, as `.ci/run` sets it."""
    wanted = list(CASES[case]["pairs"]) if os.environ.get("INNERSIGHT_ALL_GOLDENS") else ["rocket noise"]
    assert check(make(case, small_dino, vit_weights, cnn_weights), case, wanted) == len(wanted)
