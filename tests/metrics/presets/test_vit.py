"""The preset `vit` equals its definition."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

import innersight
from innersight.preprocess.chroma import halve_chroma
from preset_formulas import chroma_range_of, log_scale, moments_difference
from standins import noisy


@pytest.mark.thorough
@torch.inference_mode()
def test_vit_equals_its_definition_written_out(small_dino: Path, cat: torch.Tensor) -> None:
    metric = innersight.create_metric("vit", weights=small_dino)
    distorted = noisy(cat, 0.1)
    (net,) = metric.backbones
    full = [functional.interpolate(image, (308, 462), mode="bilinear", antialias=True) for image in (cat, distorted)]
    blocks = [
        [
            torch.cat((prefix, tokens), 1)[0]
            for tokens, prefix in net.model.forward_intermediates(
                (halve_chroma(image) - net.mean) / net.std,
                indices=[0, 1, 2, 3, 5],
                return_prefix_tokens=True,
                norm=False,
                output_fmt="NLC",
                intermediates_only=True,
            )
        ]
        for image in full
    ]
    pairs = [
        tuple((x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True) for x in pair)
        for pair in zip(*blocks, strict=True)
    ]
    distances = [log_scale((r - d).square().mean()) / 3 for r, d in pairs]  # of all tokens
    # Of the tokens with a position: the class token comes first.
    moments = [4 * log_scale(moments_difference(r[1:], d[1:], order=8)) / 3 for r, d in pairs]
    parts = [
        distances[0],
        distances[1] + moments[1],
        distances[2],
        moments[3],
        moments[4],
        0.65 * log_scale(chroma_range_of(*full)),
    ]
    parts = [part / (1 + 4 + 0.65) for part in parts]
    assert metric.layer_names == (*(f"layer {index}" for index in (0, 1, 2, 3, 5)), "chroma")
    torch.testing.assert_close(metric.per_layer(cat, distorted)[0], torch.stack(parts), rtol=1e-4, atol=0)
    assert metric(cat, distorted).item() == pytest.approx(torch.stack(parts).sum().item(), rel=1e-5)
