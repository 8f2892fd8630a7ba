from __future__ import annotations

import json

import pytest
import torch

from innersight.metrics.contract import PairMetric
from innersight.metrics.create import create_metric
from innersight.metrics.external import create_rival

MEMBERS = [name for name in vars(PairMetric) if not name.startswith("_")]


@pytest.mark.parametrize("make", [lambda: create_metric("lite"), lambda: create_rival("psnr")], ids=["ours", "rival"])
def test_ours_and_rivals_keep_the_contract(make: object) -> None:
    metric: PairMetric = make()  # type: ignore[operator]
    assert "look" in MEMBERS
    assert [name for name in MEMBERS if not hasattr(metric, name)] == []
    image = torch.rand(1, 3, 64, 80)
    (seen,) = metric.look_in_parts(image)
    assert seen.sight == metric.sight
    assert metric.seen_pixels(64, 80) >= 64 * 80
    assert metric.compare(seen, metric.look(image)).shape == (1,)
    assert metric.compare_layers(seen, seen).shape == (1, len(metric.layers))
    assert json.loads(json.dumps(metric.describe()))["device"] == str(metric.device)
