"""The terms of a score: each preset written out, and what leaves no place for a term."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

import innersight
from innersight.errors import ArgumentError
from innersight.preprocess.chroma import chroma_of, halve_chroma
from standins import noisy


def log(number: torch.Tensor) -> torch.Tensor:
    return torch.log1p(1e5 * number)


def written_out(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """l2 of (positions, channels), root mean square over positions."""
    return (r - d).square().mean(1).square().mean().sqrt()


def tint_written_out(r: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """Of images, root of the mean of fourth powers; `tests/distances/test_tint.py` has it with SciPy."""
    r, d = (chroma_of(image)[0].double() for image in (r, d))

    def beyond(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        near = functional.unfold(functional.pad(y[:, None], (1, 1, 1, 1), value=torch.nan), 3).view(2, 9, *x.shape[1:])
        most, least = near.nan_to_num(-9).amax(1), near.nan_to_num(9).amin(1)
        return (x - x.clamp(least, most)).square().sum(0)

    positions = (beyond(r, d) + beyond(d, r)) / ((r.square() + d.square()).sum(0).mean() + 2e-3)
    return positions.pow(4).mean().pow(1 / 4).float()


def moments(x: torch.Tensor, order: int) -> torch.Tensor:
    return (x - x.mean(0)).double().pow(order).mean(0).pow(1 / order).float()


def spread_written_out(r: torch.Tensor, d: torch.Tensor, order: int) -> torch.Tensor:
    r, d = moments(r, order), moments(d, order)
    return 2 * (r - d).square().sum() / (r.square().sum() + d.square().sum())


def test_lite_equals_its_definition_written_out(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite")
    distorted = noisy(cat, 0.1)
    with torch.inference_mode():
        full = [
            functional.interpolate(image, (256, 385), mode="bilinear", antialias=True) for image in (cat, distorted)
        ]
        small = [halve_chroma(image) for image in full]
        stages = [metric.backbone.model.forward_intermediates(image, intermediates_only=True) for image in small]
        pairs = [tuple(x[0].flatten(1).T for x in pair) for pair in zip(*stages, strict=True)]
        cells = [functional.adaptive_avg_pool2d(image, (8, 12))[0].flatten(1).T for image in small]
        parts = [
            log(written_out(*pairs[0])),
            *(1.5 * log(spread_written_out(*pairs[stage], order=4)) / 3 for stage in (2, 3, 4)),
            0.4 * log(written_out(*cells)),
            0.2 * log(tint_written_out(*full)),
        ]
        parts = [part / (1 + 1.5 + 0.4 + 0.2) for part in parts]
        torch.testing.assert_close(metric.per_layer(cat, distorted)[0], torch.stack(parts), rtol=1e-4, atol=0)
        assert metric(cat, distorted).item() == pytest.approx(sum(parts).item(), rel=1e-5)
        assert metric.layers == (0, 2, 3, 4, 5, 6)


def test_vit_equals_its_definition_written_out(small_dino: Path, cat: torch.Tensor) -> None:
    metric = innersight.create_metric("vit", weights=small_dino)
    distorted = noisy(cat, 0.1)
    net = metric.backbone
    with torch.inference_mode():
        full = [
            functional.interpolate(image, (308, 462), mode="bilinear", antialias=True) for image in (cat, distorted)
        ]
        small = [halve_chroma(image) for image in full]
        blocks = [
            [torch.cat((prefix, tokens), 1)[0] for tokens, prefix in net.model.forward_intermediates(
                (image - net.mean) / net.std, indices=[0, 1, 2, 3, 5], return_prefix_tokens=True, norm=False,
                output_fmt="NLC", intermediates_only=True,
            )]
            for image in small
        ]  # fmt: skip
        pairs = [
            tuple((x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True) for x in pair)
            for pair in zip(*blocks, strict=True)
        ]
        structure = [log((r - d).square().mean()) / 3 for r, d in pairs]  # of all tokens
        spreads = [4 * log(spread_written_out(r[1:], d[1:], order=8)) / 3 for r, d in pairs]  # of those with a place
        parts = [
            structure[0],
            structure[1] + spreads[1],
            structure[2],
            spreads[3],
            spreads[4],
            0.65 * log(tint_written_out(*full)),
        ]
        parts = [part / (1 + 4 + 0.65) for part in parts]
        torch.testing.assert_close(metric.per_layer(cat, distorted)[0], torch.stack(parts), rtol=1e-4, atol=0)
        assert metric(cat, distorted).item() == pytest.approx(sum(parts).item(), rel=1e-5)
        assert metric.layers == (0, 1, 2, 3, 5, 13)


class TestTermsBesideADistance:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"distance": "cos", "colour": 0.3}, r"`colour` needs .* a number a position, which 'cos' of maps is not"),
            ({"distance": "cos", "tint": 0.3}, r"`tint` needs .* a number a position, which 'cos' of maps is not"),
            ({"tokens": "normed"}, r"`tokens` needs tokens, but these are maps: use tokens='plain'"),
            ({"spread_layers": "3,9"}, r"`spread_layers`: indices go from -5 to 4, at least one of them, but got \[3, 9\]"),
        ],
    )  # fmt: skip
    def test_what_leaves_no_place_for_it_is_refused_if_asked_for(self, changes: dict, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            innersight.create_metric("lite", **changes)

    @pytest.mark.parametrize(
        "field", [{"spread": 0.5}, {"layer_scale": "log"}, {"colour": 0.3}, {"tint": 0.2}, {"structure": 2}]
    )
    def test_a_stack_of_layers_takes_none_of_them(self, field: dict, vit_weights: Path) -> None:
        with pytest.raises(ArgumentError, match=rf"`{next(iter(field))}` needs a distance of intermediate features"):
            innersight.create_metric(
                "paper", backbone="vit_tiny_patch16_224", weights=vit_weights, distance="jsd", **field
            )

    def test_what_an_override_leaves_without_use_is_taken_out_and_said(self, cnn_weights: Path) -> None:
        metric = innersight.create_metric("vit", backbone="resnet18", weights=cnn_weights, spread_layers="last-3")
        assert metric.describe()["tokens"] == "plain"
        assert innersight.create_metric("lite", distance="cos").describe()["colour"] == 0
        said = innersight.create_metric("lite", spread=0, spread_layers="9").describe()
        assert (said["spread_order"], said["spread_layers"]) == (None, None)

    @torch.inference_mode()
    def test_metrics_with_and_without_them_share_a_look(self, cat: torch.Tensor) -> None:
        both = innersight.create_metrics(["lite", "lite:colour=0:spread=0:tint=0"])
        full, bare = both.values()
        assert full.sight == bare.sight
        assert (full.layers, bare.layers) == ((0, 2, 3, 4, 5, 6), (0,))
        seen = [full.look(image) for image in (cat, noisy(cat, 0.1))]
        torch.testing.assert_close(bare.compare(*seen), bare(cat, noisy(cat, 0.1)), rtol=1e-5, atol=0)

    def test_chroma_and_tokens_decide_what_is_seen(self, small_dino: Path) -> None:
        made = innersight.create_metrics(["vit", "vit:chroma=full", "vit:tokens=plain"], weights=small_dino)
        assert len({metric.sight for metric in made.values()}) == 3

    @torch.inference_mode()
    def test_the_spread_hardly_minds_a_shift_that_the_distance_does(self, cat: torch.Tensor) -> None:
        made = innersight.create_metrics(["lite", "lite:spread=0:colour=0:tint=0"])
        here, there = cat[..., :256, :380], cat[..., :256, 4:384]
        noise = noisy(here, 0.1)
        full, bare = (m(here, there).item() / m(here, noise).item() for m in made.values())
        assert full < bare
