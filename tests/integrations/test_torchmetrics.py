"""The metric of torchmetrics: order, reductions, states, several processes."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

import innersight
from innersight.errors import ArgumentError
from innersight.integrations.torchmetrics import Innersight
from processes import PREDS, TARGET, compute_in_process

torchmetrics = pytest.importorskip("torchmetrics")


@pytest.fixture(scope="module")
def expected() -> torch.Tensor:
    return innersight.create_metric("lite")(TARGET, PREDS)


@pytest.mark.thorough
@pytest.mark.parametrize(("reduction", "reduced"), [("mean", torch.mean), ("sum", torch.sum), ("none", torch.clone)])
def test_an_epoch_in_batches_is_the_whole(expected: torch.Tensor, reduction: str, reduced: object) -> None:
    metric = Innersight("lite", reduction=reduction)
    for start in range(0, 6, 2):
        metric.update(PREDS[start : start + 2], TARGET[start : start + 2])
    torch.testing.assert_close(metric.compute(), reduced(expected), rtol=1e-5, atol=1e-5)
    metric.reset()
    metric.update(TARGET, TARGET)
    assert metric.compute().abs().max() == 0


def test_the_value_of_a_batch_is_returned_and_accumulated(expected: torch.Tensor) -> None:
    metric = Innersight("lite")
    for index in range(2):
        torch.testing.assert_close(metric(PREDS[index][None], TARGET[index][None]), expected[index])
    torch.testing.assert_close(metric.compute(), expected[:2].mean())


def test_the_order_of_the_arguments_is_that_of_torchmetrics() -> None:
    """The metric itself is called with the target first."""
    calls = []
    metric = Innersight("lite")
    metric.metric.register_forward_pre_hook(lambda _, arguments: calls.append(arguments))
    metric.update(PREDS[:1], TARGET[:1])
    assert torch.equal(calls[0][0], TARGET[:1])
    assert torch.equal(calls[0][1], PREDS[:1])


def test_the_state_does_not_grow() -> None:
    metric = Innersight("lite")
    for _ in range(3):
        metric.update(PREDS[:1], TARGET[:1])
    assert {name: tuple(value.shape) for name, value in metric.metric_state.items()} == {"total": (), "count": ()}
    assert metric.state_dict() == {}


def test_short_floats_are_converted(expected: torch.Tensor) -> None:
    for dtype in (torch.float16, torch.bfloat16):
        metric = Innersight("lite")
        metric.update(PREDS[:1].to(dtype), TARGET[:1].to(dtype))
        assert metric.compute().dtype == torch.float32
        torch.testing.assert_close(metric.compute(), expected[0], rtol=0.05, atol=0.05)


def test_it_moves_clones_and_pickles(expected: torch.Tensor) -> None:
    metric = Innersight("lite")
    metric.update(PREDS[:1], TARGET[:1])
    for copied in (metric.clone(), pickle.loads(pickle.dumps(metric)), metric.to("cpu")):
        torch.testing.assert_close(copied.compute(), expected[0])
        copied.update(PREDS[1:2], TARGET[1:2])
        torch.testing.assert_close(copied.compute(), expected[:2].mean())


def test_in_a_collection(expected: torch.Tensor) -> None:
    collection = torchmetrics.MetricCollection(
        {
            "lite": Innersight("lite"),
            "psnr": torchmetrics.image.PeakSignalNoiseRatio(data_range=1.0),
        }
    )
    found = collection(PREDS, TARGET)
    torch.testing.assert_close(found["lite"], expected.mean())
    assert found["psnr"] > 10


def test_it_is_differentiable() -> None:
    preds = PREDS[:1].clone().requires_grad_()
    metric = Innersight("lite")
    assert metric.is_differentiable
    assert metric.higher_is_better is False
    metric(preds, TARGET[:1]).backward()
    assert preds.grad is not None
    assert preds.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reduction": "max"}, "Argument `reduction` must be one of"),
        ({"metric": "psnr"}, "a lower score means more similar images, but got 'psnr'"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Innersight(**arguments)
    with pytest.raises(ArgumentError, match="is made already"):
        Innersight(innersight.create_metric("lite"), changes={"scale": "linear"})


def test_images_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"must hold values in \[0, 1\]"):
        Innersight("lite").update(255 * PREDS, TARGET)
    with pytest.raises(ArgumentError, match="uint8"):
        Innersight("lite").update((255 * PREDS).byte(), TARGET)


@pytest.mark.thorough
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_two_processes_compute_the_value_of_all_images(tmp_path: Path, expected: torch.Tensor, reduction: str) -> None:
    multiprocessing.spawn(compute_in_process, args=(str(tmp_path), reduction), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    torch.testing.assert_close(found[0], found[1])
    order = [0, 2, 4, 0, 1, 3, 5]
    whole = expected[order].mean() if reduction == "mean" else expected[order]
    torch.testing.assert_close(found[0], whole, rtol=1e-5, atol=1e-5)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.delitem(sys.modules, "innersight.integrations.torchmetrics")
    with pytest.raises(ArgumentError, match=r"needs torchmetrics.*innersight\[torchmetrics\]"):
        importlib.import_module("innersight.integrations.torchmetrics")
