"""torch as the runtime gives the outputs of the backbone. In 16 bits and compiled, scores differ by stated tolerances."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from skimage import data

import innersight
from innersight.backbones.features import Backbone, load_backbone
from innersight.runtimes.eager import Eager
from standins import tensor_pair

SHORT = {"bf16": torch.bfloat16, "fp16": torch.float16}

# Largest relative difference from the fp32 score, for noise with a standard deviation of 0.1. The largest differences
# on thirteen photographs of scikit-image were 7.4e-2, 1.7e-3, 1.7e-3 and 1.2e-4. For weaker distortions the score is
# close to the rounding error of the features and the difference is larger: bf16 scores do not rank them.
TOLERANCE = {
    ("lite", "bf16"): 0.2,
    ("lite", "fp16"): 5e-3,
    ("paper", "bf16"): 5e-3,
    ("paper", "fp16"): 3e-4,
}


@pytest.fixture(scope="module")
def networks(vit_weights: Path, cnn_weights: Path) -> dict[str, Backbone]:
    return {
        "maps": load_backbone("resnet18", weights=cnn_weights),
        "tokens": load_backbone("vit_tiny_patch16_224", weights=vit_weights),
    }


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """(3, 3, 224, 224) in [0, 1]."""
    arrays = (data.astronaut(), data.coffee(), data.rocket())
    return torch.stack(
        [torch.from_numpy(array[:224, 100:324].copy()).permute(2, 0, 1).float() / 255 for array in arrays]
    )


@pytest.mark.parametrize("kind", ["maps", "tokens"])
def test_torch_gives_exactly_the_backbone_s_outputs(networks: dict[str, Backbone], kind: str) -> None:
    backbone = networks[kind]
    images = torch.cat(tensor_pair(64, 80, 0))
    with torch.inference_mode():
        for layers in ((0, backbone.count - 1), (1,), None):
            got, expected = Eager(backbone)(images, layers), backbone.outputs(images, layers)
            assert len(got) == len(expected)
            assert all(torch.equal(here, there) for here, there in zip(got, expected, strict=True))


@pytest.mark.parametrize("precision", SHORT)
@pytest.mark.parametrize("kind", ["maps", "tokens"])
def test_16_bit_products_come_back_in_the_images_dtype(
    networks: dict[str, Backbone], kind: str, precision: str
) -> None:
    backbone = networks[kind]
    images = tensor_pair(64, 80, 0)[0]
    with torch.inference_mode():
        for layers in ((0, backbone.count - 1), None):
            exact = backbone.outputs(images, layers)
            got = Eager(backbone, SHORT[precision])(images, layers)
            for here, there in zip(got, exact, strict=True):
                assert here.dtype == torch.float32
                assert here.shape == there.shape
                error = (here - there).abs().max() / there.abs().max()
                assert torch.finfo(SHORT[precision]).eps / 100 < error < 10 * torch.finfo(SHORT[precision]).eps


@pytest.mark.thorough
@pytest.mark.parametrize(("preset", "precision"), TOLERANCE)
def test_16_bit_scores_are_those_of_fp32_within_what_is_said(
    preset: str, precision: str, photographs: torch.Tensor, vit_weights: Path
) -> None:
    options: dict[str, Any] = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights} if preset == "paper" else {}
    exact, short = (innersight.create_metric(preset, precision=name, **options) for name in ("fp32", precision))
    noise = torch.randn(photographs.shape, generator=torch.Generator().manual_seed(0))
    noisy = (photographs + 0.1 * noise).clamp(0, 1)
    with torch.inference_mode():
        expected, got = exact(photographs, noisy), short(photographs, noisy)
        same = short(photographs, photographs)
    assert got.dtype == torch.float32
    assert not torch.equal(got, expected)
    torch.testing.assert_close(got, expected, rtol=TOLERANCE[preset, precision], atol=0)
    assert torch.equal(same, torch.zeros(3))


@pytest.mark.parametrize("precision", SHORT)
def test_a_caller_s_mixed_precision_does_not_replace_the_metric_s_own(precision: str, cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite", precision=precision, input="native")
    images = cat[..., :96, :96]
    other = next(dtype for name, dtype in SHORT.items() if name != precision)
    with torch.inference_mode():
        expected = metric(images, images * 0.8)
        with torch.autocast("cpu", other):
            got = metric(images, images * 0.8)
    assert torch.equal(got, expected)


def test_a_gradient_passes_through_16_bit_products(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite", precision="bf16", input="native")
    images = cat[..., :96, :96]
    distorted = (images * 0.8).requires_grad_()
    metric(images, distorted).sum().backward()
    assert distorted.grad is not None
    assert distorted.grad.dtype == torch.float32
    assert distorted.grad.isfinite().all()
    assert distorted.grad.abs().max() > 0


def test_what_torch_compiles_is_what_runs(monkeypatch: pytest.MonkeyPatch, networks: dict[str, Backbone]) -> None:
    runs = []

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            runs.append(function)
            return function(*arguments)

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    backbone = networks["maps"]
    plain, fused = Eager(backbone), Eager(backbone, compiled=True)
    assert (plain.name, fused.name) == ("torch", "torch-compile")
    images = torch.rand(1, 3, 32, 32)
    plain(images, (0,))
    assert runs == []
    fused(images, (0,))
    assert runs == [backbone.outputs]


@pytest.mark.thorough
def test_compiled_scores_are_those_of_torch(cnn_weights: Path) -> None:
    if not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("NOT RUN: torch.compile needs a C++ compiler, and neither g++ nor c++ is here")
    plain, fused = (
        innersight.create_metric("lite", backbone="resnet18", weights=cnn_weights, input="native", runtime=runtime)
        for runtime in ("torch", "torch-compile")
    )
    reference, distorted = tensor_pair(64, 80, 0)
    with torch.inference_mode():
        torch.testing.assert_close(fused(reference, distorted), plain(reference, distorted), rtol=1e-5, atol=0)
        assert fused(reference, reference) == 0
