"""The interface of lpips, compared with the package itself."""

from __future__ import annotations

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.integrations.lpips import LPIPS

real = pytest.importorskip("lpips")

REFERENCE = torch.rand(2, 3, 64, 80, generator=torch.Generator().manual_seed(0))
DISTORTED = (REFERENCE + 0.1 * torch.randn(REFERENCE.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    return real.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)


@pytest.fixture(scope="module")
def ours() -> LPIPS:
    return LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)


@pytest.mark.thorough
@pytest.mark.parametrize("normalize", [False, True])
def test_the_shapes_are_those_of_lpips(theirs: torch.nn.Module, ours: LPIPS, normalize: bool) -> None:
    images = (REFERENCE, DISTORTED) if normalize else (2 * REFERENCE - 1, 2 * DISTORTED - 1)
    expected, found = (module(*images, normalize=normalize) for module in (theirs, ours))
    assert found.shape == expected.shape == (2, 1, 1, 1)
    expected, layers = theirs(*images, retPerLayer=True, normalize=normalize)
    found, parts = ours(*images, retPerLayer=True, normalize=normalize)
    assert found.shape == expected.shape
    assert isinstance(parts, list)
    assert {part.shape for part in parts} == {layer.shape for layer in layers} == {(2, 1, 1, 1)}
    torch.testing.assert_close(sum(parts), found)


def test_maps_have_the_shape_of_lpips() -> None:
    expected = real.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False, spatial=True)
    found = LPIPS(spatial=True)(REFERENCE, DISTORTED, normalize=True)
    assert found.shape == expected(REFERENCE, DISTORTED, normalize=True).shape == (2, 1, 64, 80)


def test_the_values_are_linear_scores(ours: LPIPS) -> None:
    metric = innersight.create_metric("lite", changes={"scale": "linear"})
    expected = metric(REFERENCE, DISTORTED)
    torch.testing.assert_close(ours(REFERENCE, DISTORTED, normalize=True).flatten(), expected)
    torch.testing.assert_close(ours(2 * REFERENCE - 1, 2 * DISTORTED - 1).flatten(), expected, rtol=1e-4, atol=1e-6)
    assert ours(REFERENCE, REFERENCE).abs().max() == 0


def test_it_is_a_loss(ours: LPIPS) -> None:
    output = (2 * DISTORTED - 1).requires_grad_()
    ours(2 * REFERENCE - 1, output).mean().backward()
    assert output.grad is not None
    assert output.grad.abs().max() > 0
    assert list(ours.parameters()) == []


def test_values_outside_are_clamped(ours: LPIPS) -> None:
    torch.testing.assert_close(
        ours(3 * REFERENCE, DISTORTED, normalize=True), ours((3 * REFERENCE).clamp(0, 1), DISTORTED, normalize=True)
    )


def test_what_lpips_does_not_have_is_refused() -> None:
    with pytest.raises(ArgumentError, match="Argument `nett` is not one of lpips"):
        LPIPS(nett="alex")
    with pytest.raises(ArgumentError, match=r"^Argument `net` cannot be a loss: psnr is higher"):
        LPIPS(net="psnr")


def test_a_metric_of_another_library_has_a_score_but_no_layers_and_no_map() -> None:
    score = LPIPS(net="gmsd")(2 * REFERENCE - 1, 2 * DISTORTED - 1)
    expected = innersight.create_metric("gmsd")(REFERENCE, DISTORTED)
    torch.testing.assert_close(score, expected[:, None, None, None])
    with pytest.raises(ArgumentError, match="The metric gmsd has no layers"):
        LPIPS(net="gmsd")(REFERENCE, DISTORTED, retPerLayer=True)
    with pytest.raises(ArgumentError, match="The metric gmsd has no map"):
        LPIPS(net="gmsd", spatial=True)(REFERENCE, DISTORTED)
