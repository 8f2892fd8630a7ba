"""Features of every family of timm: the kinds, the order of the layers, the sizes, and where a forward pass ends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import timm
import torch

from innersight.backbones.catalogue import find_entry, resolve
from innersight.backbones.features import Backbone, is_device_failure, load_backbone, resolve_layers
from innersight.backbones.hub import WeightsFile
from innersight.errors import ArgumentError
from standins import fill

FILE = WeightsFile(Path("made here"), "file", "sha256:0")


def backbone(timm_name: str, entry_of: str | None = None, **options) -> Backbone:
    model = fill(timm.create_model(timm_name, pretrained=False, **options))
    return Backbone(model, find_entry(entry_of) if entry_of else resolve(timm_name), FILE)


class TestLayers:
    def test_none_last_n_and_indices(self) -> None:
        assert resolve_layers(None, 4) == (0, 1, 2, 3)
        assert resolve_layers(1, 4) == (3,)
        assert resolve_layers([2, -4], 4) == (0, 2)

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            (0, "must be from 1 to 4 as the number of last layers, but got 0"),
            (5, "must be from 1 to 4 as the number of last layers, but got 5"),
            ((4,), r"must have one or more indices from -4 to 3, but got \[4\]"),
            ((0, -5), r"must have one or more indices from -4 to 3, but got \[0, -5\]"),
            ((), r"must have one or more indices from -4 to 3, but got \[\]"),
            ((3, -1), r"must name each layer once, but got \[3, -1\] for a network of 4 layers"),
        ],
    )
    def test_wrong_layers_are_refused_with_the_range(self, layers, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            resolve_layers(layers, 4)


class TestTransformer:
    def test_layers_are_the_residual_stream_after_each_block_all_tokens(self) -> None:
        net = backbone("vit_tiny_patch16_224", depth=3)
        images = torch.rand(2, 3, 224, 224)
        seen: list[torch.Tensor] = []
        for block in net.model.blocks:
            block.register_forward_hook(lambda _m, _i, out: seen.append(out))
        features = net.intermediate(images, (0, 1, 2))
        assert features.kind == "tokens"
        assert features.grid == (14, 14)
        for ours, hooked in zip(features.layers, seen, strict=True):
            assert ours.shape == (2, 197, 192)
            assert torch.equal(ours, hooked)

    def test_register_tokens_come_first_too(self) -> None:
        net = backbone("vit_small_patch14_reg4_dinov2.lvd142m", depth=2, embed_dim=48, num_heads=3, img_size=28)
        seen: list[torch.Tensor] = []
        net.model.blocks[1].register_forward_hook(lambda _m, _i, out: seen.append(out))
        features = net.intermediate(torch.rand(1, 3, 28, 28), (1,))
        assert features.layers[0].shape == (1, 1 + 4 + 4, 48)
        assert torch.equal(features.layers[0], seen[0])

    def test_embedding_is_all_tokens_after_the_final_norm(self) -> None:
        net = backbone("vit_tiny_patch16_224", entry_of="dinov1-vitb16", depth=2, num_classes=0)
        images = torch.rand(1, 3, 224, 224)
        (tokens,) = net.embedding(images).layers
        assert tokens.shape == (1, 197, 192)
        torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(1, 197))
        normed = net.model.norm(net.intermediate(images, (1,)).layers[0])
        torch.testing.assert_close(tokens, torch.nn.functional.normalize(normed, dim=-1))

    def test_embedding_of_clip_is_its_projection(self) -> None:
        net = backbone(
            "vit_base_patch32_clip_224.laion2b", depth=2, embed_dim=48, num_heads=3, num_classes=20, img_size=64
        )
        images = torch.rand(2, 3, 64, 64)
        (vector,) = net.embedding(images).layers
        assert vector.shape == (2, 1, 20)
        torch.testing.assert_close(vector[:, 0], torch.nn.functional.normalize(net.model(images), dim=-1))

    def test_sides_must_divide_by_the_patch(self) -> None:
        net = backbone("vit_tiny_patch16_224", depth=1, dynamic_img_size=True)
        assert net.intermediate(torch.rand(1, 3, 64, 96), (0,)).grid == (4, 6)
        with pytest.raises(
            ArgumentError, match=r"multiples of its patch of 16 pixels, but got 250 x 96 \(height x width\)"
        ):
            net.intermediate(torch.rand(1, 3, 250, 96), (0,))

    def test_a_size_it_was_not_built_for_is_refused(self) -> None:
        net = backbone("vit_tiny_patch16_224", depth=1)
        with pytest.raises(ArgumentError, match=r"takes 224 x 224 pixels only, but got 256 x 256"):
            net.intermediate(torch.rand(1, 3, 256, 256), (0,))


class TestMaps:
    def test_efficientnet_gives_its_five_stages(self) -> None:
        net = load_backbone("efficientnet-lite0")
        features = net.intermediate(torch.rand(1, 3, 64, 96), range(net.count))
        assert features.kind == "maps"
        assert features.grid is None
        assert [tuple(layer.shape[1:]) for layer in features.layers] == [
            (16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3),
        ]  # fmt: skip

    def test_convnext_gives_every_block(self) -> None:
        net = backbone("convnext_base.clip_laion2b", depths=(2, 1, 3, 1), dims=(8, 16, 24, 32))
        assert net.count == 7
        seen: list[torch.Tensor] = []
        for stage in net.model.stages:
            for block in stage.blocks:
                block.register_forward_hook(lambda _m, _i, out: seen.append(out))
        features = net.intermediate(torch.rand(1, 3, 64, 64), range(7))
        for ours, hooked in zip(features.layers, seen, strict=True):
            assert torch.equal(ours, hooked)

    def test_the_base_convnext_of_the_paper_has_36_maps(self) -> None:
        model = timm.create_model("convnext_base.clip_laion2b", pretrained=False)
        assert Backbone(model, find_entry("openclip-convnext-base"), FILE).count == 36

    def test_clip_resnet_gives_the_pooled_stem_and_four_stages(self) -> None:
        net = backbone("resnet50_clip.openai")
        features = net.intermediate(torch.rand(1, 3, 224, 224), range(net.count))
        assert [tuple(layer.shape[1:]) for layer in features.layers] == [
            (64, 56, 56), (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7),
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18", "convnext_atto", "resnet50_clip.openai"])
class TestEveryFamily:
    def test_chosen_layers_are_those_of_all(self, name: str) -> None:
        net = backbone(name)
        images = torch.rand(1, 3, 224, 224)
        every = net.intermediate(images, range(net.count)).layers
        chosen = net.intermediate(images, (1, 3)).layers
        assert len(chosen) == 2
        for ours, index in zip(chosen, (1, 3), strict=True):
            torch.testing.assert_close(ours, every[index])

    def test_the_forward_stops_after_the_last_needed_layer(self, name: str) -> None:
        net = backbone(name)
        ran: list[str] = []
        for path, module in net.model.named_modules():
            if not list(module.children()) and path:
                module.register_forward_hook(lambda *_, path=path: ran.append(path))
        net.intermediate(torch.rand(1, 3, 224, 224), range(net.count))
        whole = len(ran)
        ran.clear()
        net.intermediate(torch.rand(1, 3, 224, 224), (0,))
        assert 0 < len(ran) < whole / 2

    def test_it_is_frozen_and_stays_in_evaluation_mode(self, name: str) -> None:
        net = backbone(name).train()
        assert not any(module.training for module in net.modules())
        assert not any(parameter.requires_grad for parameter in net.parameters())

    def test_a_copy_is_independent(self, name: str) -> None:
        net = backbone(name)
        images = torch.rand(1, 3, 224, 224)
        before = net.intermediate(images, (1,)).layers[0]
        other = copy.deepcopy(net)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        assert torch.equal(net.intermediate(images, (1,)).layers[0], before)
        assert not torch.equal(other.intermediate(images, (1,)).layers[0], before)


def test_a_hybrids_grid_counts_the_stride_of_its_stem() -> None:
    net = backbone("vit_tiny_r_s16_p8_224")
    features = net.intermediate(torch.rand(1, 3, 224, 224), (0,))
    assert net.multiple == 32
    assert features.grid == (7, 7)
    assert features.layers[0].shape[1] == 1 + 7 * 7


def test_it_leaves_training_mode_however_it_got_there() -> None:
    net = backbone("resnet18")
    images = torch.rand(2, 3, 64, 64)
    before = net.intermediate(images, (1,)).layers[0]
    net.model.train()
    assert torch.equal(net.intermediate(images, (1,)).layers[0], before)


def test_embedding_is_refused_where_it_is_not_defined(vit_weights: Path) -> None:
    net = load_backbone("vit_tiny_patch16_224", weights=vit_weights, window=224)
    with pytest.raises(
        ArgumentError,
        match=r"has no embedding\. Use features='intermediate', or one of \(clip-rn50, .*dinov1-vitb16,",
    ):
        net.embedding(torch.rand(1, 3, 224, 224))


@pytest.mark.parametrize("name", ["mixer_s16_224", "levit_128s"])
def test_a_network_of_one_size_names_it(name: str) -> None:
    with pytest.raises(
        ArgumentError, match=r"(256 x 320.*Its own size is 224 x 224\. Use windows|pixels only, but got 256 x 320)"
    ):
        backbone(name).intermediate(torch.rand(1, 3, 256, 320), (0,))


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_small_050", "swin_tiny_patch4_window7_224", "deit_tiny_distilled_patch16_224", "eva02_tiny_patch14_224",
        "efficientvit_b0", "mixer_s16_224", "vgg11", "xcit_nano_12_p8_224", "levit_128s", "regnetx_002", "hiera_tiny_224",
        "mobilevit_xxs", "res2net50_26w_4s", "pvt_v2_b0", "edgenext_xx_small", "repvgg_a0", "coatnet_nano_rw_224",
    ],
)  # fmt: skip
def test_other_timm_families_give_features_through_windows(name: str) -> None:
    config = timm.get_pretrained_cfg(name)
    options = {"img_size": 224} if config.fixed_input_size else {}
    net = Backbone(timm.create_model(name, pretrained=False, **options), resolve(name), FILE)
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        features = net.intermediate(images, range(net.count))
    assert len(features.layers) == net.count
    for layer in features.layers:
        assert layer.shape[0] == 2
        assert layer.ndim == (4 if features.kind == "maps" else 3)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


def check_built_under(defaults: Callable[[], AbstractContextManager[object]]) -> None:
    """The backbone is the one built under torch's own defaults, and the caller's defaults hold again afterwards."""
    expected = load_backbone("efficientnet-lite0")
    with defaults():
        before = torch.get_default_dtype(), torch.empty(()).device, torch.is_inference_mode_enabled()
        net = load_backbone("efficientnet-lite0")
        after = torch.get_default_dtype(), torch.empty(()).device, torch.is_inference_mode_enabled()
    assert after == before
    ours = dict(net.named_parameters()) | dict(net.named_buffers())
    assert {"mean", "std"} <= ours.keys()
    for key, value in (dict(expected.named_parameters()) | dict(expected.named_buffers())).items():
        assert ours[key].dtype == value.dtype, key
        assert ours[key].device == value.device, key
        assert not ours[key].is_inference(), key
        assert torch.equal(ours[key], value), key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_built_as_float32_whatever_the_default_dtype_fault_04(dtype: torch.dtype) -> None:
    check_built_under(lambda: default_dtype(dtype))


def test_built_in_inference_mode_it_still_gives_gradients_fault_26() -> None:
    check_built_under(torch.inference_mode)
    with torch.inference_mode():
        net = load_backbone("efficientnet-lite0")
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    net.intermediate(net.normalise(images), (0,)).layers[0].sum().backward()
    assert images.grad is not None


@pytest.mark.parametrize("defaults", [lambda: torch.device("meta"), lambda: default_device("meta")])
def test_built_on_the_cpu_whatever_the_default_device_fault_27(defaults) -> None:
    check_built_under(defaults)


DEVICE_FAILURES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: cannot allocate memory"),
    getattr(torch, "AcceleratorError", torch.OutOfMemoryError)("CUDA error: unspecified launch failure"),
]


@pytest.mark.parametrize("error", DEVICE_FAILURES)
def test_a_device_failure_is_no_matter_of_the_size_fault_18(error: RuntimeError) -> None:
    def fail(images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        raise error

    assert is_device_failure(error)
    with pytest.raises(type(error)) as caught:
        load_backbone("efficientnet-lite0").intermediate(torch.rand(1, 3, 64, 64), (0,), fail)
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (5) must match the size of tensor b (4) at non-singleton dimension 3"),
        RuntimeError("expected no CUDA error: here"),
        AssertionError("Input height (256) doesn't match model (224)."),
        ValueError("CUDA error"),
    ],
)
def test_other_errors_are_no_device_failures_fault_18(error: Exception) -> None:
    assert not is_device_failure(error)
