"""The preset `lite` equals its definition, and responds to what it is made to respond to."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

import innersight
from innersight.preprocess.chroma import halve_chroma
from preset_formulas import chroma_range_of, log_scale, moments_difference, rms_of_l2
from standins import noisy


@torch.inference_mode()
def test_lite_equals_its_definition_written_out(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite")
    distorted = noisy(cat, 0.1)
    full = [functional.interpolate(image, (256, 385), mode="bilinear", antialias=True) for image in (cat, distorted)]
    small = [halve_chroma(image) for image in full]
    network = metric.backbones[0].model
    stages = [network.forward_intermediates(image, intermediates_only=True) for image in small]
    pairs = [tuple(x[0].flatten(1).T for x in pair) for pair in zip(*stages, strict=True)]
    cells = [functional.adaptive_avg_pool2d(image, (8, 12))[0].flatten(1).T for image in small]
    parts = [
        log_scale(rms_of_l2(*pairs[0])),
        *(1.5 * log_scale(moments_difference(*pairs[stage], order=4)) / 3 for stage in (2, 3, 4)),
        0.4 * log_scale(rms_of_l2(*cells)),
        0.2 * log_scale(chroma_range_of(*full)),
    ]
    parts = [part / (1 + 1.5 + 0.4 + 0.2) for part in parts]
    assert metric.layer_names == ("layer 0", "layer 2", "layer 3", "layer 4", "thumbnail", "chroma")
    torch.testing.assert_close(metric.per_layer(cat, distorted)[0], torch.stack(parts), rtol=1e-4, atol=0)
    assert metric(cat, distorted).item() == pytest.approx(torch.stack(parts).sum().item(), rel=1e-5)


@torch.inference_mode()
def test_the_moments_make_a_shift_cost_less_against_noise(cat: torch.Tensor) -> None:
    bare = ":".join(f"terms.{name}.weight=0" for name in ("moments", "thumbnail", "chroma"))
    made = innersight.create_metrics(["lite", f"lite:{bare}"])
    here, there = cat[..., :256, :380], cat[..., :256, 4:384]
    noise = noisy(here, 0.1)
    full, distance_only = (m(here, there).item() / m(here, noise).item() for m in made.values())
    assert full < distance_only
