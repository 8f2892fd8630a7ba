"""The metrics of piq give piq's own scores, under the contract of this package."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from urllib.error import URLError

import piq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import innersight
from innersight.errors import ArgumentError, ImageError, WeightsError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.external.piq_metrics import PiqMetric
from innersight.metrics.external.registry import METRICS
from standins import tensor_pair

CPU = torch.device("cpu")
TRAINED = ("lpips", "dists")
UNTRAINED = [name for name in METRICS if name not in TRAINED]


def create(name: str) -> FullReferenceMetric:
    return METRICS[name].create(CPU)


@settings(max_examples=20)
@given(st.integers(1, 254), st.integers(1, 254))
def test_psnr_of_two_grey_images_is_that_of_its_formula(one: int, other: int) -> None:
    pair = (torch.full((1, 3, 8, 8), value / 255) for value in (one, other))
    expected = -10 * math.log10(((one - other) / 255) ** 2 + 1e-8)
    assert create("psnr")(*pair).item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", UNTRAINED)
def test_more_distortion_scores_worse_in_the_stated_direction_and_identity_best(name: str) -> None:
    reference, distorted = tensor_pair(192, 192, 3)
    metric = create(name)
    steps = [reference + (distorted - reference) * share for share in (0.0, 0.3, 0.6, 1.0)]
    scores = [metric(reference, image).item() for image in steps]
    assert scores == sorted(scores, reverse=metric.higher_is_better)
    assert len(set(scores)) == 4
    assert METRICS[name].higher_is_better is metric.higher_is_better


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_scores_of_a_batch_are_those_of_its_pairs(name: str) -> None:
    reference, distorted = tensor_pair(192, 200, 4)
    metric = create(name)
    many = torch.cat([distorted, reference, (reference + distorted) / 2])
    together = metric(reference.expand(3, -1, -1, -1), many)
    alone = [metric(reference, image[None]).item() for image in many]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_gradient_reaches_the_distorted_image(name: str) -> None:
    reference, distorted = tensor_pair(192, 192, 3)
    distorted.requires_grad_()
    metric = create(name)
    assert metric.is_differentiable
    (gradient,) = torch.autograd.grad(metric(reference, distorted).sum(), distorted)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize(("name", "score"), [("vsi", piq.vsi), ("fsim", piq.fsim), ("mdsi", piq.mdsi)])
def test_scores_are_those_of_piq_with_the_reference_in_its_place(name: str, score) -> None:
    reference, distorted = tensor_pair(192, 192, 5)
    assert create(name)(reference, distorted).item() == score(distorted, reference).item()


def test_images_that_piq_refuses_are_an_image_error_with_their_size() -> None:
    image = torch.rand(1, 3, 64, 80)
    with pytest.raises(ImageError, match=r"ms-ssim of piq .* cannot score images of 64 x 80 \(height x width\)"):
        create("ms-ssim")(image, image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(1, 3, 16, 16) * 255, "`reference` must hold values in .*divide by 255"),
        (torch.rand(3, 16, 16), r"`reference` must have shape \(N, 3, H, W\)"),
        (torch.rand(1, 3, 16, 16).double(), r"`reference` must be torch\.float32"),
    ],
)
def test_images_are_checked_as_for_every_metric(image: torch.Tensor, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        create("psnr")(image, image)


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"The metric 'vsi' needs piq, .*: pip install 'innersight\[baselines\]'"):
        create("vsi")


@pytest.mark.parametrize("name", TRAINED)
def test_weights_that_cannot_be_downloaded_are_one_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    message = f"The weights of '{name}', which piq downloads, are not available: .*no route"
    with pytest.raises(WeightsError, match=message):
        create(name)


@pytest.mark.parametrize("default", ["dtype", "device", "inference"])
def test_trained_metrics_do_not_depend_on_the_defaults_of_torch_fault_4(
    default: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does inference mode reach their weights, so that they can be a loss (fault 26)."""

    class Trained(nn.Module):
        """Stands for a metric of piq that has weights."""

        def __init__(self, reduction: str) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 1, 1, bias=False)
            nn.init.constant_(self.layer.weight, 0.3)

        def forward(self, distorted: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            return (self.layer(distorted) - self.layer(reference)).square().mean((1, 2, 3))

    monkeypatch.setattr(piq, "LPIPS", Trained)
    reference, distorted = tensor_pair(32, 32, 1)
    expected = create("lpips")(reference, distorted)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16 if default == "dtype" else before)
        with torch.inference_mode(default == "inference"), torch.device("meta" if default == "device" else "cpu"):
            metric = create("lpips")
    finally:
        torch.set_default_dtype(before)
    distorted.requires_grad_()
    score = metric(reference, distorted)
    assert torch.equal(score, expected)
    (gradient,) = torch.autograd.grad(score.sum(), distorted)
    assert gradient.abs().max() > 0


def test_the_engine_scores_files_as_piq_scores_their_images(tmp_path: Path) -> None:
    reference, distorted = tensor_pair(192, 192, 6)
    for file, image in (("r.png", reference), ("d.png", distorted)):
        Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy()).save(tmp_path / file)
    metrics = {name: create(name) for name in ("ssim", "gmsd")}
    (result,) = innersight.score_pairs([(tmp_path / "r.png", tmp_path / "d.png")], metrics)
    r, d = (torch.from_numpy(innersight.read_image(tmp_path / file))[None] for file in ("r.png", "d.png"))
    assert result.scores["ssim"] == pytest.approx(piq.ssim(d, r).item(), abs=1e-6)
    assert result.scores["gmsd"] == pytest.approx(piq.gmsd(d, r).item(), abs=1e-6)


class TestModule:
    @pytest.mark.parametrize("move", [lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.double()])
    def test_its_precision_stays_float32(self, move) -> None:
        reference, distorted = tensor_pair(64, 64, 1)
        metric = create("psnr")
        expected = metric(reference, distorted).item()
        assert move(nn.Sequential(metric))[0] is metric
        assert metric.dtype == torch.float32
        assert metric(reference, distorted).item() == expected

    def test_it_stays_in_evaluation_mode(self) -> None:
        assert not nn.Sequential(create("psnr")).train()[0].training

    def test_copies_and_pickles_score_the_same(self) -> None:
        reference, distorted = tensor_pair(64, 64, 1)
        metric = create("ssim")
        for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
            assert torch.equal(other(reference, distorted), metric(reference, distorted))

    def test_a_network_inside_is_no_part_of_an_enclosing_model(self) -> None:
        network = nn.Conv2d(3, 1, 1)
        metric = PiqMetric("mine", "Mine", network, higher_is_better=False, device=CPU)
        outer = nn.Sequential(metric)
        assert outer.state_dict() == {}
        assert list(outer.parameters()) == []
        outer.to("meta")
        assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
        assert metric.device.type == "meta"
