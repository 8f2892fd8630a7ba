"""Faults of metrics that were found by use. Each test carries the number of its fault."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.factory import find_device
from innersight.metrics.feature_batch import ViewFeatures
from innersight.metrics.values import parse_layers, parse_number
from innersight.preprocess.input_policy import InputPolicy
from standins import noisy


@pytest.fixture
def lite() -> innersight.FeatureMetric:
    return innersight.create_metric("lite")


@pytest.mark.thorough
@pytest.mark.parametrize("default", ["dtype fault_4", "inference fault_26", "device fault_27"])
@pytest.mark.parametrize("name", ["lite", "lite:views.main.normalisation=backbone", "ssim"])
def test_a_metric_does_not_depend_on_the_defaults_of_torch_fault_4(name: str, default: str, cat: torch.Tensor) -> None:
    other = noisy(cat, 0.1).requires_grad_()
    expected = innersight.create_metric(name)(cat, other).item()
    kind = default.split()[0]
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16 if kind == "dtype" else before)
        with torch.inference_mode(kind == "inference"), torch.device("meta" if kind == "device" else "cpu"):
            metric = innersight.create_metric(name)
        with torch.device("meta" if kind == "device" else "cpu"):
            score = metric(cat, other)
    finally:
        torch.set_default_dtype(before)
    assert (metric.dtype, metric.device, score.dtype) == (torch.float32, torch.device("cpu"), torch.float32)
    assert score.item() == expected
    (gradient,) = torch.autograd.grad(score.sum(), other)
    assert gradient.abs().max() > 0


def test_an_enclosing_model_does_not_reach_the_network_fault_5(
    lite: innersight.FeatureMetric, cat: torch.Tensor
) -> None:
    other = noisy(cat, 0.1)
    expected = lite(cat, other).item()
    model = nn.Sequential(nn.Conv2d(3, 3, 1), lite)
    assert set(model.state_dict()) == {"0.weight", "0.bias"}
    model.load_state_dict(nn.Sequential(nn.Conv2d(3, 3, 1)).state_dict())
    model.requires_grad_(True)
    model.apply(lambda module: [nn.init.ones_(parameter) for parameter in module.parameters()])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    lite(cat, model[0](cat).sigmoid()).sum().backward()
    optimizer.step()
    assert lite(cat, other).item() == expected


@pytest.mark.parametrize("both", [False, True])
def test_one_comparison_uses_one_runtime_fault_7(lite: innersight.FeatureMetric, cat: torch.Tensor, both: bool) -> None:
    """Identical images score 0 with a gradient of 0, also if the gradient of one image only is computed."""
    reference, image = cat.clone().requires_grad_(both), cat.clone().requires_grad_()
    score = lite(reference, image)
    score.sum().backward()
    assert score.item() == 0
    for given in (reference, image) if both else (image,):
        assert given.grad is not None
        assert given.grad.abs().max() == 0
    assert lite.compare_features(lite.extract_features(cat), lite.extract_features(image)).item() == 0


@pytest.mark.parametrize("runtime", ["torch", "torch-compile"])
def test_a_metric_is_copied_and_pickled_whatever_its_runtime_fault_24(
    runtime: str, cat: torch.Tensor, tmp_path: Path
) -> None:
    metric = innersight.create_metric("lite", runtime=runtime)
    other = noisy(cat, 0.1)
    if runtime != "torch-compile":  # compiling takes a minute
        expected = metric(cat, other).item()
    else:
        metric.comparisons[0].extractor.runtime._compiled = lambda *_: pytest.fail("the original is run")
        expected = None
    torch.save(metric, tmp_path / "metric.pt")
    for made in (
        copy.deepcopy(metric),
        pickle.loads(pickle.dumps(metric)),
        torch.load(tmp_path / "metric.pt", weights_only=False),
    ):
        extractor = made.comparisons[0].extractor
        assert extractor.backbone is not metric.backbones[0]
        assert extractor.runtime._backbone is extractor.backbone
        if expected is None:
            assert extractor.runtime._compiled is None
        else:
            assert made(cat, other).item() == expected


@pytest.mark.parametrize("shorten", [lambda module: module.half(), lambda module: module.bfloat16()])
def test_half_precision_changes_nothing_fault_6(
    lite: innersight.FeatureMetric, cat: torch.Tensor, shorten: Callable[[nn.Module], nn.Module]
) -> None:
    other = noisy(cat, 0.1)
    expected, citation = lite(cat, other).item(), lite.citation
    for outer in (lite, nn.Sequential(lite), nn.Sequential(nn.ModuleDict({"loss": lite}))):
        assert shorten(outer) is outer
        assert lite.dtype == torch.float32
        assert {tensor.dtype for tensor in lite.backbones[0].parameters()} == {torch.float32}
        assert lite(cat, other).item() == expected
        assert lite.citation == citation
    assert lite.float()(cat, other).item() == expected
    with pytest.raises(ArgumentError, match=r"must be torch\.float32 as the metric is, but got torch\.float16"):
        lite(cat.half(), cat.half())


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.complex64])
def test_other_dtypes_change_nothing_fault_6(
    lite: innersight.FeatureMetric, cat: torch.Tensor, dtype: torch.dtype
) -> None:
    expected = lite(cat, noisy(cat, 0.1)).item()
    lite.to(dtype)
    assert lite.dtype == torch.float32
    assert lite(cat, noisy(cat, 0.1)).item() == expected


@pytest.mark.thorough
def test_an_enclosing_model_does_not_empty_the_weights_fault_5(
    lite: innersight.FeatureMetric, cat: torch.Tensor
) -> None:
    """`to_empty` gives tensors without values: it may move the metric, but must not change its weights."""
    expected = {key: tensor.clone() for key, tensor in lite.backbones[0].state_dict().items()}
    outer = nn.Sequential(lite)
    outer._apply(lambda tensor: torch.full_like(tensor, 0.5, dtype=torch.float64))
    assert lite.dtype == torch.float64
    for key, tensor in lite.backbones[0].state_dict().items():
        assert torch.equal(tensor, expected[key].to(tensor.dtype)), key
    outer.to_empty(device="cpu")
    assert lite(cat.double(), noisy(cat, 0.1).double()).item() == pytest.approx(
        innersight.create_metric("lite", precision="fp64")(cat.double(), noisy(cat, 0.1).double()).item(), rel=1e-9
    )


def test_half_precision_leaves_a_metric_in_float64_fault_6(lite: innersight.FeatureMetric) -> None:
    assert lite.double().half().bfloat16().dtype == torch.float64


def test_a_move_with_half_precision_moves_and_keeps_the_precision_fault_6(lite: innersight.FeatureMetric) -> None:
    lite.to("meta", torch.float16)
    assert (lite.device.type, lite.dtype) == ("meta", torch.float32)
    tensors = [*lite.backbones[0].parameters(), *lite.backbones[0].buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_the_autocast_state_of_the_caller_does_not_leak_fault_8(
    lite: innersight.FeatureMetric, cat: torch.Tensor
) -> None:
    (comparison,) = lite.comparisons

    def parts(images: torch.Tensor) -> Iterator[ViewFeatures]:
        return comparison.extractor.extract_in_parts(images, comparison.layers, comparison.pixels)

    with torch.autocast("cpu", torch.bfloat16):
        for _ in zip(parts(cat), parts(cat), strict=True):
            assert torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_enabled("cpu")
    part = parts(cat)
    next(part)
    assert not torch.is_autocast_enabled("cpu")
    part.close()
    assert not torch.is_autocast_enabled("cpu")


def test_arguments_of_another_kind_are_refused_in_one_line_fault_12() -> None:
    with pytest.raises(ArgumentError, match=r"`metrics` must be a list, but got 'lite'. Use \['lite'\]"):
        innersight.create_metrics("lite")
    metrics = innersight.create_metrics(["lite"])
    with pytest.raises(ArgumentError, match="`ahead` must be a whole number from 1, but got 0"):
        list(innersight.score_pairs([("a.png", "b.png")], metrics, ahead=0))
    with pytest.raises(ArgumentError, match="`metrics` must be a dictionary of metrics by name, but got FeatureMetric"):
        list(innersight.score_pairs([("a.png", "b.png")], metrics["lite"]))  # type: ignore[arg-type]


def test_cuda_means_a_device_with_an_index_fault_17(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert find_device("cuda") == find_device("auto") == torch.device("cuda:0")
        external = innersight.create_metric("psnr", device="cuda")
        images = torch.rand(1, 3, 16, 16, device="cuda")
        assert images.device == external.device
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.thorough
def test_values_are_not_read_while_torch_records_a_graph_fault_29(
    lite: innersight.FeatureMetric, cat: torch.Tensor
) -> None:
    other = noisy(cat, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(lite, backend="eager", fullgraph=True)
        assert compiled(cat, other).item() == pytest.approx(lite(cat, other).item(), rel=1e-5)


@pytest.mark.thorough
def test_a_metric_is_exported_traced_and_mapped_over_a_batch_fault_29(
    lite: innersight.FeatureMetric, cat: torch.Tensor
) -> None:
    metric = innersight.create_metric("lite", validate=False)
    small, other = cat[..., :96, :128], noisy(cat[..., :96, :128], 0.1)
    expected = lite(small, other).item()
    assert torch.export.export(metric, (small, other)).module()(small, other).item() == pytest.approx(
        expected, rel=1e-5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(metric, (small, small), check_trace=False)
    assert traced(small, other).item() == pytest.approx(expected, rel=1e-5)
    pairs = torch.cat([small, small]), torch.cat([other, small])
    scores = torch.vmap(lambda r, d: metric(r[None], d[None])[0])(*pairs)
    assert scores.tolist() == pytest.approx([expected, 0], rel=1e-5)


@pytest.mark.thorough
def test_validate_false_skips_the_range_check_alone_fault_29(cat: torch.Tensor) -> None:
    metric = innersight.create_metric("lite", validate=False)
    assert metric(cat * 2, cat * 2).item() == 0
    assert metric(cat, noisy(cat, 0.1)).item() == innersight.create_metric("lite")(cat, noisy(cat, 0.1)).item()
    with pytest.raises(ArgumentError, match="must have shape"):
        metric(cat[0], cat[0])


def test_the_range_of_both_images_is_read_at_once_fault_29(
    lite: innersight.FeatureMetric, cat: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: reads.append(tensor.shape) or [0.0, 1.0, 0.0, 1.0])
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: pytest.fail("read one by one"))
    lite(cat, cat)
    assert reads == [(4,)]


def test_a_memory_limit_of_auto_is_refused_fault_31() -> None:
    with pytest.raises(ArgumentError, match="`memory_limit` must be a whole number from 1, but got 'auto'"):
        list(innersight.score_pairs([], innersight.create_metrics(["lite"]), memory_limit="auto"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["٣", "0,٣", "last-٣", "1_0", "+1", "0," + "9" * 5000])
def test_numbers_are_ascii_digits_fault_32(text: str) -> None:
    with pytest.raises(ArgumentError, match="`layers` must be a selection of layers such as"):
        parse_layers("layers", text)
    if not text.isascii():
        with pytest.raises(ArgumentError, match="`weight` must be a number"):
            parse_number("weight", text)
        with pytest.raises(ArgumentError, match="`input` must be 'native' or a list"):
            InputPolicy.parse(f"short={text}")


@pytest.mark.parametrize("path", ["layers", "terms.moments.order", "terms.thumbnail.cells", "terms.chroma.power"])
def test_an_integer_of_thousands_of_digits_is_refused_fault_37(path: str) -> None:
    with pytest.raises(ArgumentError, match=r"must be a (whole number|selection of layers)"):
        innersight.create_metric(f"lite:{path}=" + "9" * 5000)


def test_an_option_of_thousands_of_digits_is_refused_fault_37(vit_weights: Path) -> None:
    with pytest.raises(ArgumentError, match="`seed` must be"):
        innersight.create_metric(
            "paper:distance=swd:terms.features.options.seed=" + "9" * 5000,
            backbone="vit_tiny_patch16_224",
            weights=vit_weights,
        )


def test_a_device_failure_in_an_external_metric_stops_the_run_fault_18() -> None:
    external = innersight.create_metric("psnr")
    image = torch.rand(1, 3, 16, 16)

    def fail(*_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    external.__dict__["_score"] = fail
    with pytest.raises(RuntimeError, match="illegal memory access"):
        external(image, image)
