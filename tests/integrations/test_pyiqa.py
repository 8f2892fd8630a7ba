"""The presets as metrics of pyiqa, in the package itself: order, shapes, ranges, losses, devices, files."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

import innersight
from innersight.errors import ArgumentError
from innersight.integrations.pyiqa import InnersightNet, register

if importlib.util.find_spec("pyiqa") is None:
    pytest.skip("NOT RUN: pyiqa is not installed (`make test` installs it)", allow_module_level=True)

import pyiqa

REFERENCE = torch.rand(2, 3, 64, 80, generator=torch.Generator().manual_seed(0))
DISTORTED = (REFERENCE + 0.1 * torch.randn(REFERENCE.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.fixture(scope="module", autouse=True)
def names() -> tuple[str, ...]:
    return register()


@pytest.fixture(scope="module")
def metric() -> torch.nn.Module:
    return pyiqa.create_metric("innersight-lite", device="cpu")


@pytest.fixture(scope="module")
def expected() -> torch.Tensor:
    return innersight.create_metric("lite")(REFERENCE, DISTORTED)


def test_all_presets_are_listed_as_full_reference(names: tuple[str, ...]) -> None:
    assert set(names) == {f"innersight-{name}" for name in innersight.PRESETS}
    assert {"innersight-lite", "innersight-paper"} <= set(names)
    assert set(names) <= set(pyiqa.list_models())
    assert set(pyiqa.list_models("FR", filter="innersight-*")) == set(names)
    assert "lpips" in pyiqa.list_models()


def test_it_can_be_registered_twice(names: tuple[str, ...]) -> None:
    before = pyiqa.list_models()
    assert register() == names
    assert pyiqa.list_models() == before


@pytest.mark.thorough
def test_shapes_and_facts_are_those_of_a_metric_of_pyiqa(metric: torch.nn.Module, expected: torch.Tensor) -> None:
    theirs = pyiqa.create_metric("gmsd", device="cpu")
    assert metric(DISTORTED, REFERENCE).shape == theirs(DISTORTED, REFERENCE).shape == (2,)
    assert (metric.lower_better, metric.metric_mode) == (theirs.lower_better, theirs.metric_mode) == (True, "FR")
    torch.testing.assert_close(metric(DISTORTED, REFERENCE), expected)
    assert metric(REFERENCE, REFERENCE).tolist() == [0, 0]


def test_the_distorted_images_are_the_first_argument(metric: torch.nn.Module) -> None:
    calls = []
    hook = metric.net.metric.register_forward_pre_hook(lambda _, arguments: calls.append(arguments))
    metric(DISTORTED, ref=REFERENCE)
    hook.remove()
    torch.testing.assert_close(calls[0][0], REFERENCE)
    torch.testing.assert_close(calls[0][1], DISTORTED)


def test_ranges_are_those_of_pyiqa(metric: torch.nn.Module) -> None:
    for wrong in (255 * DISTORTED, 2 * DISTORTED - 1):
        with pytest.raises(AssertionError, match=r"must be normalized to \[0, 1\]"):
            metric(wrong, REFERENCE)
    near = (1 + 5e-7) * torch.ones_like(REFERENCE)  # pyiqa accepts it
    assert metric(near, torch.ones_like(REFERENCE)).tolist() == [0, 0]


def test_a_reference_is_needed(metric: torch.nn.Module) -> None:
    with pytest.raises(AssertionError, match="specify reference image"):
        metric(DISTORTED)


@pytest.mark.thorough
def test_it_is_a_loss(expected: torch.Tensor) -> None:
    loss = pyiqa.create_metric("innersight-lite", as_loss=True, device="cpu")
    output = (3 * DISTORTED - 1).requires_grad_()  # values outside [0, 1], as of a network
    value = loss(output, REFERENCE)
    assert value.shape == ()
    value.backward()
    assert output.grad is not None
    assert output.grad.abs().max() > 0
    assert output.grad[(output > 1) | (output < 0)].abs().max() == 0  # clamped
    torch.testing.assert_close(loss(DISTORTED, REFERENCE), expected.mean())
    summed = pyiqa.create_metric("innersight-lite", as_loss=True, device="cpu", loss_reduction="sum")
    torch.testing.assert_close(summed(DISTORTED, REFERENCE), expected.sum())


def test_a_metric_that_is_no_loss_has_no_gradient(metric: torch.nn.Module) -> None:
    assert not metric(DISTORTED.clone().requires_grad_(), REFERENCE).requires_grad


def test_a_linear_loss_is_as_loss() -> None:
    loss = pyiqa.create_metric("innersight-lite", as_loss=True, device="cpu", changes={"scale": "linear"})
    torch.testing.assert_close(loss(DISTORTED, REFERENCE), innersight.as_loss("lite", pixels=0)(DISTORTED, REFERENCE))


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), None])
def test_the_device_is_that_of_the_argument(device: object, expected: torch.Tensor) -> None:
    metric = pyiqa.create_metric("innersight-lite", device=device)
    assert metric.net.metric.device.type == ("cuda" if device is None and torch.cuda.is_available() else "cpu")
    torch.testing.assert_close(metric(DISTORTED, REFERENCE).cpu(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.thorough
def test_it_moves_with_the_module(expected: torch.Tensor) -> None:
    metric = pyiqa.create_metric("innersight-lite", device="cpu").to(torch.float64)
    assert metric.net.metric.dtype == torch.float64
    found = metric(DISTORTED, REFERENCE)  # float32 images are converted
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-4)


def test_copies_keep_the_scores(metric: torch.nn.Module, expected: torch.Tensor) -> None:
    for copied in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        torch.testing.assert_close(copied(DISTORTED, REFERENCE), expected)


def test_files_are_read(metric: torch.nn.Module, tmp_path: Path) -> None:
    photograph = Image.fromarray(data.chelsea())
    photograph.save(tmp_path / "reference.png")
    photograph.save(tmp_path / "distorted.jpg", quality=15)
    paths = [str(tmp_path / name) for name in ("distorted.jpg", "reference.png")]
    found = metric(*paths)
    assert found.shape == (1,)
    assert found.item() == pytest.approx(innersight.Scorer("lite")(paths[1], paths[0]), rel=1e-5)
    opened = [Image.open(path) for path in paths]
    torch.testing.assert_close(metric(*opened), found)


def test_grey_images_have_three_equal_channels(metric: torch.nn.Module) -> None:
    grey = [images[:, :1] for images in (DISTORTED, REFERENCE)]
    torch.testing.assert_close(metric(*grey), metric(*(images.repeat(1, 3, 1, 1) for images in grey)))


def test_short_floats_are_converted(expected: torch.Tensor) -> None:
    metric = pyiqa.create_metric("innersight-lite", device="cpu", check_input_range=False)  # it refuses 1.0 in float16
    found = metric(DISTORTED.half(), REFERENCE.half())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


@pytest.mark.thorough
def test_other_presets_and_configurations(small_dino: Path, vit_weights: Path) -> None:
    vit = pyiqa.create_metric("innersight-vit", device="cpu", weights=small_dino)
    found = innersight.create_metric("vit", weights=small_dino)(REFERENCE, DISTORTED)
    torch.testing.assert_close(vit(DISTORTED, REFERENCE), found)
    options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights, "input": "native", "distance": "cos"}
    images = [torch.nn.functional.interpolate(images, size=(224, 224)) for images in (DISTORTED, REFERENCE)]
    paper = pyiqa.create_metric("innersight-paper", device="cpu", **options)
    torch.testing.assert_close(paper(*images), innersight.create_metric("paper", **options)(images[1], images[0]))


def test_errors_of_the_metric_keep_their_message(metric: torch.nn.Module) -> None:
    with pytest.raises(ArgumentError, match="must be one of"):
        pyiqa.create_metric("innersight-lite", device="cpu", distance="no-such")
    with pytest.raises(ArgumentError, match="size"):
        metric(DISTORTED, REFERENCE[..., 1:])
    with pytest.raises(ArgumentError, match="int64"):
        metric(torch.zeros(1, 3, 64, 64, dtype=torch.long), torch.zeros(1, 3, 64, 64, dtype=torch.long))


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "pyiqa"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(ArgumentError, match=r"needs pyiqa.*innersight\[pyiqa\]"):
        register()
    assert InnersightNet("lite")(REFERENCE, REFERENCE).tolist() == [0, 0]  # the network itself does not need it
