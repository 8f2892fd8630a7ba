"""Gradients of a device are those of the CPU in float64. Images without ties are used: at ties, rounding decides."""

from __future__ import annotations

import pytest
import torch

import innersight
from gpu_device import DEVICE, on_device, pair, skip_without_device, untied_pair
from innersight import FeatureMetric

skip_without_device()

SIZES = ((192, 256), (301, 257), (101, 203))
SIDES = ("reference", "distorted")
UNIT = torch.finfo(torch.float64).eps


def gradients(metric: torch.nn.Module, *images: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradients of the score in both images, in float64 on the CPU."""
    free = [image.detach().clone().requires_grad_() for image in images]
    return [gradient.cpu().double() for gradient in torch.autograd.grad(metric(*free).sum(), free)]


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the norm of the difference, relative to the expected norm."""
    return float((found - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def double() -> FeatureMetric:
    """`lite` on the device in float64."""
    return innersight.create_metric("lite", device=DEVICE, precision="fp64")


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_float64_gradients_are_those_of_the_cpu(double: FeatureMetric, exact: FeatureMetric, index: int) -> None:
    images = untied_pair(index, SIZES[index])
    found, wanted = gradients(double, *on_device(*images)), gradients(exact, *images)
    for side, mine, theirs in zip(SIDES, found, wanted, strict=True):
        assert distance(mine, theirs) < 1e-6, side


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_the_last_bit_of_the_pixels_does_not_decide_the_gradient(double: FeatureMetric, index: int) -> None:
    """The images have no ties, so that rounding, which differs between devices, has little effect."""
    draw = torch.Generator().manual_seed(0)
    images = untied_pair(index, SIZES[index])
    steps = [torch.randint(-1, 2, image.shape, generator=draw).double() for image in images]
    moved = [image * (1 + UNIT * step) for image, step in zip(images, steps, strict=True)]
    assert not any(torch.equal(*both) for both in zip(images, moved, strict=True))
    found, wanted = gradients(double, *on_device(*moved)), gradients(double, *on_device(*images))
    for side, mine, theirs in zip(SIDES, found, wanted, strict=True):
        assert distance(mine, theirs) < 1e-6, side


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_float32_gradients_without_tf32_have_the_direction_of_float64(
    there: FeatureMetric, exact: FeatureMetric, index: int
) -> None:
    images = untied_pair(index, SIZES[index])
    found, wanted = gradients(there, *on_device(*(image.float() for image in images))), gradients(exact, *images)
    for side, mine, theirs in zip(SIDES, found, wanted, strict=True):
        assert torch.nn.functional.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0) > 0.99, side


def test_the_gradient_at_identical_images_is_exactly_0(there: FeatureMetric) -> None:
    image = pair(0)[0]
    for gradient in gradients(there, *on_device(image, image.clone())):
        assert (gradient == 0).all()


def test_steps_against_the_gradient_lower_the_score(there: FeatureMetric) -> None:
    reference, distorted = on_device(*pair(2))
    free = distorted.clone().requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.01)
    scores = []
    for _ in range(8):
        optimiser.zero_grad()
        score = there(reference, free.clamp(0, 1)).sum()
        score.backward()
        optimiser.step()
        scores.append(score.item())
    assert scores[-1] < 0.95 * scores[0]
