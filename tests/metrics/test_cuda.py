"""The path of a CUDA device on a machine without one: devices and shapes are computed, values are not.

Under `FakeTensorMode` a tensor has a device and a shape but no values, and an operation on tensors of two devices is an
error, as on a GPU. Some functions of torch ask the driver all the same; the fixture `mode` replaces them.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import piq  # noqa: F401 - the fixture `mode` replaces functions of its modules
import pytest
import torch
from PIL import Image
from torch import nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

import innersight
from innersight import FeatureMetric
from innersight.backbones.features import Backbone, load_backbone
from innersight.errors import ArgumentError
from innersight.inference.extractor import FeatureExtractor, FileFeatures
from innersight.inference.sources import SharedSources
from innersight.metrics.external.registry import METRICS
from scores_by_hand import backends_of

CUDA = torch.device("cuda:0")
UNTRAINED = [name for name in METRICS if name not in ("lpips", "dists")]


def index(tensor: torch.Tensor, key: Any) -> torch.Tensor:
    """`tensor[key]` for numbers, slices, None, Ellipsis and a tuple of numbers, without torch's Python binding, which asks the driver."""
    keys = key if isinstance(key, tuple) else (key,)
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        rest = tensor.dim() - sum(part is not None and part is not Ellipsis for part in keys)
        keys = (*keys[:place], *[slice(None)] * rest, *keys[place + 1 :])
    dim = 0
    for part in keys:
        if part is None:
            tensor = tensor.unsqueeze(dim)
        elif isinstance(part, slice):
            tensor = torch.ops.aten.slice.Tensor(tensor, dim, part.start, part.stop, part.step or 1)
        elif isinstance(part, int):
            tensor = tensor.select(dim, part)
        elif isinstance(part, tuple):
            chosen = torch.tensor(part, device=tensor.device)
            tensor = torch.ops.aten.index_select.default(tensor, dim, chosen)
        else:
            raise TypeError(f"an index of this kind is not supported here: {part!r}")
        dim += not isinstance(part, int)
    return tensor


def assign(tensor: torch.Tensor, key: Any, value: torch.Tensor | float) -> None:
    """`tensor[key] = value` without torch's Python binding."""
    if isinstance(value, torch.Tensor):
        torch.ops.aten.copy_.default(index(tensor, key), value)
    else:
        torch.ops.aten.fill_.Scalar(index(tensor, key), value)


def replace_tensors(module: nn.Module, function: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
    """`nn.Module._apply` that replaces tensors: torch exchanges them in place, which fake tensors do not support."""
    for child in module.children():
        child._apply(function)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = nn.Parameter(function(parameter), parameter.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module


@pytest.fixture(scope="module")
def networks(small_dino: Path) -> dict[str, Backbone]:
    """The networks of `lite` and `vit`, loaded before the mode: fake tensors cannot be read from a file."""
    return {
        "efficientnet-lite0": load_backbone("efficientnet-lite0"),
        "dinov2-vits14": load_backbone("dinov2-vits14", weights=small_dino),
    }


@pytest.fixture
def mode(networks: dict[str, Backbone], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """A machine with one CUDA device, as far as devices and shapes are concerned."""
    to, tensor = torch.Tensor.to, torch.tensor
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(nn.Module, "_apply", replace_tensors)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    monkeypatch.setattr(torch.Tensor, "__getitem__", index)
    monkeypatch.setattr(torch.Tensor, "__setitem__", assign)
    monkeypatch.setattr(
        torch.Tensor,
        "contiguous",
        lambda x, memory_format=torch.contiguous_format: x.clone(memory_format=memory_format),
    )
    monkeypatch.setattr(torch, "tensor", lambda data, *, device="cpu", **k: to(tensor(data, **k), device))
    monkeypatch.setattr(torch.Tensor, "new_tensor", lambda x, data: to(torch.tensor(data, dtype=x.dtype), x.device))
    monkeypatch.setattr(
        torch.Tensor,
        "to",
        lambda x, *a, **k: to(x, a[0].device, a[0].dtype) if a and isinstance(a[0], torch.Tensor) else to(x, *a, **k),
    )
    # Checks of the values: there are none.
    monkeypatch.setattr("innersight.preprocess.validation._check_range", lambda batches: None)
    for name, module in list(sys.modules.items()):
        if name.startswith("piq.") and hasattr(module, "_validate_input"):
            monkeypatch.setattr(module, "_validate_input", lambda *_, **__: None)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:

        def load(name: str, **_: object) -> Backbone:
            with FakeCopyMode(mode):
                return copy.deepcopy(networks[name])

        monkeypatch.setattr("innersight.metrics.factory.load_backbone", load)
        yield mode


@pytest.fixture
def allow_tf32() -> Iterator[Callable[[bool, bool], None]]:
    """Sets whether convolutions and matrix products of float32 may use TF32."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32

    def allow(convolutions: bool, products: bool) -> None:
        torch.backends.cudnn.allow_tf32 = convolutions
        torch.backends.cuda.matmul.allow_tf32 = products

    yield allow
    allow(*before)


def pair(height: int = 96, width: int = 128) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 3, height, width, device=CUDA), torch.rand(2, 3, height, width, device=CUDA)


def devices(metric: FeatureMetric) -> set[torch.device]:
    networks = metric.backbones
    return {tensor.device for network in networks for tensor in (*network.parameters(), *network.buffers())}


class TestMode:
    """The checks below can fail."""

    def test_tensors_of_two_devices_are_an_error(self, mode: FakeTensorMode) -> None:
        with pytest.raises(RuntimeError, match="found at least two devices, cuda:0 and cpu"):
            torch.rand(3, device=CUDA) + torch.rand(3)

    def test_indexing_is_that_of_torch(self) -> None:
        tensor = torch.arange(120).view(2, 3, 4, 5)
        keys = (
            0,
            -1,
            slice(1, 3),
            None,
            (slice(None), 0),
            (..., 1),
            (..., slice(1, 3), slice(2)),
            (0, ..., None, -1),
            (slice(None), (0, 2)),
        )
        for key in keys:
            assert torch.equal(index(tensor, key), tensor[key]), key
            if key == (slice(None), (0, 2)):
                continue  # a copy, not a view
            changed, expected = tensor.clone(), tensor.clone()
            assign(changed, key, 7)
            expected[key] = 7
            assert torch.equal(changed, expected), key


class TestConstruction:
    @pytest.mark.thorough
    @pytest.mark.parametrize("name", ["cuda", "cuda:0", "auto", CUDA])
    def test_a_metric_is_made_on_the_device_with_its_index_fault_17(
        self, mode: FakeTensorMode, name: str | torch.device
    ) -> None:
        metric = innersight.create_metric("lite", device=name)
        assert metric.device == CUDA
        assert devices(metric) == {CUDA}
        assert metric.describe()["device"] == "cuda:0"

    @pytest.mark.thorough
    @pytest.mark.parametrize("preset", ["lite", "vit", "best"])
    def test_tf32_is_in_the_precision_fault_13(
        self, mode: FakeTensorMode, allow_tf32: Callable[[bool, bool], None], preset: str
    ) -> None:
        metric = innersight.create_metric(preset, device="cuda")
        extractor = metric.comparisons[0].extractor
        for convolutions, products in ((True, False), (False, True), (True, True)):
            allow_tf32(convolutions, products)
            assert metric.precision == "float32 (TF32 in the network)"
            assert "float32 (TF32 in the network)" in metric.citation
            assert metric.describe()["precision"] == metric.precision
            assert extractor.extractor_id.endswith(", float32 (TF32 in the network)")
        allow_tf32(False, False)
        assert metric.precision == "float32"
        assert "TF32" not in metric.citation
        assert extractor.extractor_id.endswith(", float32")

    @pytest.mark.thorough
    def test_other_precisions_do_not_name_tf32_fault_13(
        self, mode: FakeTensorMode, allow_tf32: Callable[[bool, bool], None]
    ) -> None:
        allow_tf32(True, True)
        found = {
            name: innersight.create_metric("lite", device="cuda", precision=name).precision
            for name in ("fp64", "fp16", "bf16")
        }
        assert found == {
            "fp64": "float64",
            "fp16": "float32 (float16 in the network)",
            "bf16": "float32 (bfloat16 in the network)",
        }

    def test_a_cpu_metric_does_not_name_tf32_fault_13(
        self, mode: FakeTensorMode, allow_tf32: Callable[[bool, bool], None]
    ) -> None:
        allow_tf32(True, True)
        assert innersight.create_metric("lite").precision == "float32"


class TestMoves:
    @pytest.mark.thorough
    def test_to_moves_the_network_and_the_device_of_the_images(self, mode: FakeTensorMode) -> None:
        metric = innersight.create_metric("lite")
        assert metric.to(CUDA) is metric
        assert devices(metric) == {CUDA}
        assert metric(*pair()).device == CUDA
        images = torch.rand(1, 3, 64, 64)
        with pytest.raises(ArgumentError, match=r"`reference` must be on cuda:0 as the metric is, but got cpu"):
            metric(images, images)
        metric.cpu()
        assert metric(images, images).device == torch.device("cpu")

    def test_another_metric_of_the_same_network_stays_where_it_is_fault_31(self, mode: FakeTensorMode) -> None:
        first, second = innersight.create_metrics(["lite", "lite:layers=0,1"]).values()
        assert isinstance(first, FeatureMetric)
        assert isinstance(second, FeatureMetric)
        nn.Sequential(first).to(CUDA)
        assert (devices(first), devices(second)) == ({CUDA}, {torch.device("cpu")})

    def test_half_precision_moves_and_keeps_the_precision_fault_6(self, mode: FakeTensorMode) -> None:
        metric = innersight.create_metric("lite")
        metric.to(CUDA, torch.float16)
        assert (metric.device, metric.dtype) == (CUDA, torch.float32)
        assert devices(metric) == {CUDA}

    def test_features_move_to_the_memory_of_the_host_and_back(self, mode: FakeTensorMode) -> None:
        metric = innersight.create_metric("lite", device="cuda")
        features, other = (metric.extract_features(images) for images in pair())
        kept = features.to(torch.device("cpu"))
        assert {tensor.device.type for tensor in kept.views[0].tensors.values()} == {"cpu"}
        assert metric.compare_features(kept.to(CUDA), other).device == CUDA


@pytest.mark.parametrize("preset", ["lite", "vit", "best", "lite in windows"])
@torch.inference_mode()
def test_scores_layers_maps_and_features_are_on_the_device(mode: FakeTensorMode, preset: str) -> None:
    text = "lite:input=window=64,stride=48" if preset == "lite in windows" else preset
    metric = innersight.create_metric(text, device="cuda")
    assert isinstance(metric, FeatureMetric)
    reference, distorted = pair()
    features = [metric.extract_features(images) for images in (reference, distorted)]
    assert {t.device for batch in features for view in batch.views for t in view.tensors.values()} == {CUDA}
    for found, shape in (
        (metric(reference, distorted), (2,)),
        (metric.compare_features(*features), (2,)),
        (metric.per_layer(reference, distorted), (2, len(metric.layer_names))),
        (metric.map(reference, distorted), (2, 96, 128)),
    ):
        assert (found.device, tuple(found.shape), found.dtype) == (CUDA, shape, torch.float32)


@pytest.mark.thorough
@pytest.mark.parametrize("precision", ["fp16", "bf16", "fp64"])
@torch.inference_mode()
def test_features_have_the_dtype_of_the_images_in_every_precision(mode: FakeTensorMode, precision: str) -> None:
    metric = innersight.create_metric("lite", device="cuda", precision=precision)
    wanted = torch.float64 if precision == "fp64" else torch.float32
    images = torch.rand(1, 3, 64, 64, device=CUDA, dtype=wanted)
    tensors = metric.extract_features(images).views[0].tensors.values()
    assert {tensor.dtype for tensor in tensors} == {wanted}
    assert metric(images, images).dtype == wanted


@pytest.mark.thorough
@pytest.mark.parametrize("distance", ["l2", "cos", "rel-l2", "channel-cos"])
@torch.inference_mode()
def test_every_distance_of_maps_stays_on_the_device(mode: FakeTensorMode, distance: str) -> None:
    metric = innersight.create_metric("lite", device="cuda", distance=distance)
    assert metric(*pair()).device == CUDA


@pytest.mark.thorough
@pytest.mark.parametrize("distance", ["cos", "skld", "jsd", "wsd", "swd"])
@torch.inference_mode()
def test_every_distance_of_tokens_stays_on_the_device(mode: FakeTensorMode, distance: str) -> None:
    metric = innersight.create_metric(
        "paper", device="cuda", distance=distance, backbone="dinov2-vits14", input="window=70,stride=58"
    )
    assert metric(*pair()).device == CUDA
    assert metric.per_layer(*pair()).device == CUDA


@pytest.mark.parametrize("name", UNTRAINED)
@torch.inference_mode()
def test_metrics_of_piq_take_images_of_the_device_fault_17(mode: FakeTensorMode, name: str) -> None:
    metric = innersight.create_metric(name, device="cuda")
    assert metric.device == CUDA
    scores = metric(*pair(192, 200))
    assert (scores.device, tuple(scores.shape)) == (CUDA, (2,))
    with pytest.raises(ArgumentError, match=r"`reference` must be on cuda:0 as the metric is, but got cpu"):
        metric(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))


class TestEngine:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[Path]:
        for name, sigma in (("r.png", 30), ("d.png", 60)):
            Image.effect_noise((100, 90), sigma).convert("RGB").save(tmp_path / name)
        return [tmp_path / "r.png", tmp_path / "d.png"]

    @pytest.fixture
    def metrics(self, mode: FakeTensorMode) -> dict[str, Any]:
        return innersight.create_metrics(["lite", "lite:layers=0,1", "ssim", "psnr"], device="cuda")

    def test_images_go_to_the_device_of_their_source(self, metrics: dict[str, Any]) -> None:
        sources = SharedSources(backends_of(metrics)).sources
        assert len(sources) == 2  # the view of both `lite`, and the pixels
        for key, source in sources.items():
            assert key.endswith(" on cuda:0")
            assert source.device == CUDA
            assert source.batch([np.zeros((3, 8, 8), dtype=np.float32)] * 2).device == CUDA

    def test_metrics_on_two_devices_do_not_share_features(self, mode: FakeTensorMode) -> None:
        made = {"gpu": innersight.create_metric("psnr", device="cuda"), "cpu": innersight.create_metric("psnr")}
        sources = SharedSources(backends_of(made)).sources
        assert {source.device.type for source in sources.values()} == {"cuda", "cpu"}

    @pytest.mark.thorough
    @pytest.mark.parametrize("in_parts", [False, True])
    def test_files_are_extracted_and_compared_on_the_device(
        self, metrics: dict[str, Any], paths: list[Path], in_parts: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[torch.device] = []
        monkeypatch.setattr(torch.Tensor, "item", lambda tensor: read.append(tensor.device) or 0.5)
        monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: [0.5] * tensor.numel())
        engine = FeatureExtractor(backends_of(metrics), with_layers=True, together=False, cache=None)
        engine.warm_up(None)
        assert engine.feature_bytes(90, 100) > 3 * 90 * 100 * 4
        found = [image for image in engine.extract(paths, in_parts=in_parts) if isinstance(image, FileFeatures)]
        assert len(found) == 2
        for image in found:
            tensors = [tensor for view in image.features.values() for tensor in view.tensors.values()]
            assert {tensor.device for tensor in tensors} == (set() if in_parts else {CUDA})
        row = engine.compare(*found)
        assert row.error is None
        assert row.scores.keys() == metrics.keys()
        assert set(read) == {CUDA}


@pytest.mark.thorough
@pytest.mark.parametrize("preset", ["lite", "lite:input=window=64,stride=48"])
def test_the_gradient_is_on_the_device_of_the_images(preset: str) -> None:
    """On the meta device: autograd asks the driver for a stream of CUDA, also under `FakeTensorMode`."""
    metric = innersight.create_metric(preset).to("meta")
    reference, distorted = (torch.rand(2, 3, 96, 128, device="meta", requires_grad=True) for _ in range(2))
    for gradient in torch.autograd.grad(metric(reference, distorted).sum(), (reference, distorted)):
        assert (gradient.device.type, tuple(gradient.shape)) == ("meta", (2, 3, 96, 128))
