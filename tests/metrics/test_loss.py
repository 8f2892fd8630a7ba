"""A metric as a loss: conversions, gradients, shifts, compilation, several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import multiprocessing, nn

import innersight
from innersight import as_loss
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.loss import MetricLoss
from processes import PHOTOGRAPH, noisy, step_in_process


def psnr(images: torch.Tensor, target: torch.Tensor) -> float:
    return -10 * float(((images - target) ** 2).mean().log10())


@pytest.fixture(scope="module")
def loss() -> MetricLoss:
    return as_loss("lite")


@pytest.mark.thorough
def test_it_is_the_linear_score_of_the_output_and_the_squared_error(loss: MetricLoss) -> None:
    metric = innersight.create_metric("lite", changes={"scale": "linear"})
    output = noisy(PHOTOGRAPH)
    score, error = metric(PHOTOGRAPH, output).mean(), ((output - PHOTOGRAPH) ** 2).mean()
    torch.testing.assert_close(loss(output, PHOTOGRAPH), score + loss.pixel_weight * error)
    torch.testing.assert_close(as_loss("lite", pixels=0)(output, PHOTOGRAPH), score)
    log = as_loss("lite", scale="log", pixels=0)
    torch.testing.assert_close(log(output, PHOTOGRAPH), innersight.create_metric("lite")(PHOTOGRAPH, output).mean())


def test_identical_images_have_the_loss_0_and_a_gradient_of_0(loss: MetricLoss) -> None:
    output = PHOTOGRAPH.clone().requires_grad_()
    value = loss(output, PHOTOGRAPH)
    value.backward()
    assert value == 0
    assert output.grad is not None
    assert (output.grad == 0).all()


def test_reductions() -> None:
    target = torch.cat((PHOTOGRAPH, PHOTOGRAPH.flip(-1)))
    output = noisy(target)
    each = as_loss("lite", reduction="none")(output, target)
    assert each.shape == (2,)
    torch.testing.assert_close(as_loss("lite")(output, target), each.mean())
    torch.testing.assert_close(as_loss("lite", reduction="sum")(output, target), each.sum())


def test_values_outside_are_clamped_and_counted() -> None:
    loss = as_loss("lite")
    output = (PHOTOGRAPH + 0.5).requires_grad_()
    outside = output > 1
    value = loss(output, PHOTOGRAPH)
    assert torch.equal(value, loss(output.detach().clamp(0, 1), PHOTOGRAPH))
    assert int(loss.clamped) == int(outside.sum())
    assert loss.clamped_share() == pytest.approx(float(outside.float().mean()) / 2)  # of both calls
    value.backward()
    assert output.grad is not None
    assert (output.grad[outside] == 0).all()
    assert (output.grad[~outside] != 0).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_and_autocast(loss: MetricLoss, dtype: torch.dtype) -> None:
    output = noisy(PHOTOGRAPH).to(dtype).requires_grad_()
    value = loss(output, PHOTOGRAPH)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(output.float(), PHOTOGRAPH))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(output, PHOTOGRAPH), value)
    value.backward()
    assert output.grad is not None
    assert output.grad.dtype == dtype
    assert torch.isfinite(output.grad).all()


def test_the_gradient_is_that_of_finite_differences() -> None:
    loss = as_loss("lite", precision="fp64")
    target = PHOTOGRAPH[..., :48, :48].double()
    output = (0.8 * noisy(target) + 0.1).requires_grad_()
    loss(output, target).backward()
    assert output.grad is not None
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        direction = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        step = 1e-8  # larger steps cross kinks of ReLU6
        with torch.no_grad():
            slope = (loss(output + step * direction, target) - loss(output - step * direction, target)) / (2 * step)
        torch.testing.assert_close((output.grad * direction).sum(), slope, rtol=1e-3, atol=1e-6)


def test_channels_last(loss: MetricLoss) -> None:
    output = noisy(PHOTOGRAPH)
    last = output.to(memory_format=torch.channels_last)
    torch.testing.assert_close(loss(last, PHOTOGRAPH), loss(output, PHOTOGRAPH))


@pytest.mark.thorough
@pytest.mark.parametrize("jitter", [0, 8])
def test_it_compiles_without_a_break(jitter: int) -> None:
    loss = as_loss("lite", jitter=jitter)
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    output = noisy(PHOTOGRAPH).requires_grad_()
    torch.manual_seed(0)
    value = compiled(output, PHOTOGRAPH)
    torch.manual_seed(0)
    torch.testing.assert_close(value, loss(output, PHOTOGRAPH))
    value.backward()
    assert output.grad is not None


def test_it_adds_nothing_to_a_model(loss: MetricLoss) -> None:
    model = nn.ModuleDict({"body": nn.Conv2d(3, 3, 1), "loss": loss})
    assert set(model.state_dict()) == {"body.weight", "body.bias"}
    assert len(list(model.parameters())) == 2
    assert "metric=lite" in repr(loss)


class TestJitter:
    def test_both_images_are_shifted_alike(self) -> None:
        loss = as_loss("lite", jitter=16)
        assert loss(PHOTOGRAPH, PHOTOGRAPH) == 0
        torch.manual_seed(0)
        values = {round(float(loss(noisy(PHOTOGRAPH), PHOTOGRAPH)), 6) for _ in range(4)}
        assert len(values) > 1

    def test_the_shift_is_between_0_and_the_largest(self) -> None:
        loss = as_loss("lite", jitter=3)
        ramp = torch.arange(10.0).expand(1, 3, 10, 10)
        firsts = set()
        for seed in range(60):
            torch.manual_seed(seed)
            output, target = loss._shifted(ramp, ramp)
            assert torch.equal(output, target)
            assert torch.equal(output.sort().values, ramp)  # nothing is lost
            firsts.add(int(output[0, 0, 0, 0]))
        assert firsts == {0, 1, 2, 3}


class TestPixels:
    @pytest.mark.thorough
    @pytest.mark.parametrize("pixels", [0.2, 0.5])
    @pytest.mark.parametrize("changes", [{}, {"views.main.input": "short=96"}, {"scale": "log"}], ids=str)
    def test_the_share_is_that_of_white_noise_of_30_decibels(self, pixels: float, changes: dict[str, object]) -> None:
        side = 96 if "views.main.input" in changes else 256
        loss = as_loss("lite", pixels=pixels, changes=changes)
        # Colours of large areas and no details, as in a photograph out of focus.
        target = nn.functional.interpolate(PHOTOGRAPH[..., ::8, ::8], (side, side), mode="bicubic").clamp(0, 1)
        output = noisy(target, 10 ** (-30 / 20))
        share = loss.pixel_weight * ((output - target) ** 2).mean() / loss(output, target)
        assert float(share) == pytest.approx(pixels, rel=0.15)

    def test_a_metric_with_windows_or_without_views(self) -> None:
        windows = as_loss("lite", changes={"views.main.input": "window=288,stride=200"})
        assert windows.pixel_weight == pytest.approx(as_loss("lite").pixel_weight, rel=0.2)
        assert as_loss("gmsd").pixel_weight == MetricLoss(innersight.create_metric("gmsd")).pixel_weight > 0

    def test_a_metric_of_another_library_has_its_own_scale_only(self) -> None:
        with pytest.raises(
            ArgumentError, match="'gmsd' has no configuration, so nothing can be changed in it, but got scale"
        ):
            as_loss("gmsd", scale="log")

    @pytest.mark.thorough
    def test_the_weight_does_not_depend_on_the_precision(self) -> None:
        assert as_loss("lite", precision="fp64").pixel_weight == as_loss("lite").pixel_weight

    def test_a_metric_that_does_not_respond_to_noise_is_refused(self) -> None:
        class Blind(FullReferenceMetric):
            is_differentiable, higher_is_better, name = True, False, "blind"  # type: ignore[assignment]
            device, runtime_name, citation = torch.device("cpu"), "", ""  # type: ignore[assignment]

            def describe(self) -> dict[str, object]:
                return {}

            def forward(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
                return (reference - distorted).flatten(1).sum(1) * 0

        with pytest.raises(ArgumentError, match=r"blind has a score of 0 for white noise.* Use pixels=0"):
            MetricLoss(Blind())
        assert MetricLoss(Blind(), pixels=0).pixel_weight == 0


@pytest.mark.thorough
def test_a_noisy_photograph_is_restored_by_gradient_descent() -> None:
    torch.manual_seed(0)
    loss = as_loss("lite", jitter=32)
    start = noisy(PHOTOGRAPH, 0.15)
    output = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([output], lr=0.01)
    before = float(loss(start, PHOTOGRAPH))
    for _ in range(80):
        optimizer.zero_grad()
        loss(output, PHOTOGRAPH).backward()
        optimizer.step()
    assert psnr(output.detach().clamp(0, 1), PHOTOGRAPH) > psnr(start, PHOTOGRAPH) + 1
    assert float(loss(output.detach(), PHOTOGRAPH)) < before / 4


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"reduction": "max"}, "Argument `reduction` must be one of"),
            ({"jitter": -1}, "Argument `jitter` must be an integer of pixels from 0"),
            ({"jitter": 1.5}, "Argument `jitter` must be an integer of pixels from 0"),
            ({"pixels": -0.1}, "Argument `pixels` must be a number from 0 to 0.99"),
            ({"pixels": 1}, "Argument `pixels` must be a number from 0 to 0.99"),
            ({"metric": "psnr"}, "cannot be a loss: psnr"),
        ],
    )
    def test_arguments(self, arguments: dict[str, object], message: str) -> None:
        given = {"metric": innersight.create_metric("lite"), **arguments}
        if given["metric"] == "psnr":
            given["metric"] = innersight.create_metric("psnr")
        with pytest.raises(ArgumentError, match=message):
            as_loss(**given)  # type: ignore[arg-type]

    def test_images(self, loss: MetricLoss) -> None:
        with pytest.raises(ArgumentError, match="must hold floats"):
            loss((255 * PHOTOGRAPH).byte(), PHOTOGRAPH)
        with pytest.raises(ArgumentError, match=r"must have shape \(N, 3, H, W\)"):
            loss(PHOTOGRAPH[0], PHOTOGRAPH[0])


@pytest.mark.thorough
def test_two_processes_have_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    multiprocessing.spawn(step_in_process, args=(str(tmp_path), 2), nprocs=2)
    multiprocessing.spawn(step_in_process, args=(str(tmp_path), 1), nprocs=1)
    whole = torch.load(tmp_path / "1-0.pt")
    for rank in range(2):
        for one, other in zip(torch.load(tmp_path / f"2-{rank}.pt"), whole, strict=True):
            torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-6)
