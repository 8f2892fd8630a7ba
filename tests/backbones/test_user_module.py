"""A module of the user as a backbone: an independent, frozen copy with a digest, and errors that say what it must give."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn

from innersight.backbones.entry import IMAGENET_MEAN, IMAGENET_STD
from innersight.backbones.features import Backbone
from innersight.backbones.user_module import backbone_of
from innersight.errors import ArgumentError
from innersight.runtimes.eager import Eager
from standins import fill


class Net(nn.Module):
    """Two convolutions; a subclass changes what it returns."""

    def __init__(self, stride: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.register_buffer("gain", torch.ones(()), persistent=False)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = nn.functional.dropout(self.norm(self.first(images)), 0.5, self.training) * self.gain
        return [x, self.second(x.relu())]

    def forward(self, images: torch.Tensor):
        return self.maps(images)


class NamedNet(Net):
    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(zip("ab", self.maps(images), strict=True))


class TimmLikeNet(Net):
    """timm's method without timm's attributes; it computes no more than it must."""

    def forward_intermediates(self, images, *, indices, norm, stop_early, output_fmt, intermediates_only):
        assert (norm, stop_early, output_fmt, intermediates_only) == (False, True, "NCHW", True)
        maps = self.maps(images)
        return maps if indices is None else [maps[index] for index in indices]


def net(kind: type[Net] = Net, **options) -> Net:
    return fill(kind(**options))


def images(size: int = 32) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def digest(module: nn.Module, **options) -> str:
    return backbone_of(module, **options).weights.digest


class TestFeatures:
    @pytest.mark.parametrize("kind", [Net, NamedNet, TimmLikeNet])
    def test_the_layers_are_the_maps_of_the_module(self, kind: type[Net]) -> None:
        module = net(kind)
        backbone = backbone_of(module)
        assert (backbone.kind, backbone.count, backbone.multiple, backbone.fixed_size) == ("maps", 2, 1, None)
        expected = module.maps(images())
        features = backbone.intermediate(images(), (0, 1))
        assert (features.kind, features.grid) == ("maps", None)
        for ours, theirs in zip(features.layers, expected, strict=True):
            torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(backbone.intermediate(images(), (1,)).layers[0], expected[1])

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("vit_tiny_patch16_224", {"depth": 2}),
            ("vit_tiny_patch16_224", {"depth": 2, "img_size": 64}),
            (
                "vit_small_patch14_dinov2.lvd142m",
                {"depth": 2, "embed_dim": 48, "num_heads": 3, "dynamic_img_size": True},
            ),
            ("resnet18", {}),
            ("convnext_atto", {}),
            ("resnet18", {"features_only": True}),
        ],
    )
    def test_a_model_of_timm_gives_what_it_gives_by_name(self, name: str, options: dict) -> None:
        model = timm.create_model(name, pretrained=False, **options)
        model = model if options.get("features_only") else fill(model)
        backbone = backbone_of(model)
        x = torch.rand(1, 3, *(backbone.fixed_size or (112, 112)))
        every = tuple(range(backbone.count))
        ours = backbone.intermediate(x, every)
        if options.get("features_only"):
            theirs = model.eval()(x)
        else:
            named = Backbone(copy.deepcopy(model), backbone.entry, backbone.weights)
            features = named.intermediate(x, every)
            assert (ours.kind, ours.grid) == (features.kind, features.grid)
            theirs = features.layers
        for one, other in zip(ours.layers, theirs, strict=True):
            torch.testing.assert_close(one, other)

    def test_it_has_no_embedding_and_a_name(self) -> None:
        backbone = backbone_of(net())
        assert backbone.entry.alias == backbone.entry.timm_name == "module:Net"
        assert backbone_of(net(), "mine").entry.alias == "module:mine"
        with pytest.raises(ArgumentError, match="module:Net has no embedding"):
            backbone.embedding(images())

    def test_a_backbone_is_copied_with_its_own_name(self) -> None:
        given = backbone_of(net(), "mine", mean=(0, 0, 0))
        (expected,) = given.intermediate(images(), (1,)).layers
        copied = backbone_of(given.to(torch.float64))
        assert (copied.entry, copied.weights) == (given.entry, given.weights)
        assert copied.mean.dtype == torch.float32
        assert torch.equal(copied.mean, torch.zeros(1, 3, 1, 1))
        given.model.first.weight.zero_()
        torch.testing.assert_close(copied.intermediate(images(), (1,)).layers[0], expected)
        for options in ({"name": "other"}, {"mean": (0, 0, 0)}, {"std": (1, 1, 1)}):
            with pytest.raises(ArgumentError, match="`name`, `mean` and `std` must be None if `module` is a Backbone"):
                backbone_of(given, **options)

    def test_normalisation_is_that_of_the_arguments(self) -> None:
        default, own = backbone_of(net()), backbone_of(net(), mean=(0, 0.5, 1), std=[1, 2, 4])
        torch.testing.assert_close(default.mean.flatten(), torch.tensor(IMAGENET_MEAN))
        torch.testing.assert_close(default.std.flatten(), torch.tensor(IMAGENET_STD))
        expected = (images() - torch.tensor([0, 0.5, 1]).view(3, 1, 1)) / torch.tensor([1.0, 2, 4]).view(3, 1, 1)
        torch.testing.assert_close(own.normalise(images()), expected)

    def test_gradients_reach_the_images_and_not_the_weights(self) -> None:
        backbone = backbone_of(net())
        x = images().requires_grad_()
        backbone.intermediate(x, (1,)).layers[0].square().sum().backward()
        assert x.grad.abs().sum() > 0
        assert not any(parameter.requires_grad for parameter in backbone.parameters())

    def test_the_torch_runtime_double_precision_copies_and_pickles_work(self) -> None:
        backbone = backbone_of(net())
        (expected,) = backbone.intermediate(images(), (1,)).layers
        for same in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
            assert torch.equal(same.intermediate(images(), (1,)).layers[0], expected)
            assert same.weights == backbone.weights
        assert torch.equal(backbone.intermediate(images(), (1,), Eager(backbone)).layers[0], expected)
        double = copy.deepcopy(backbone).to(torch.float64).intermediate(images().double(), (1,)).layers[0]
        assert double.dtype == torch.float64
        torch.testing.assert_close(double, expected.double(), rtol=1e-4, atol=1e-5)

    def test_a_weight_of_five_dimensions_is_no_obstacle(self) -> None:
        module = net()
        module.unused = nn.Conv3d(1, 1, 2)
        expected = module.maps(images())[1]
        torch.testing.assert_close(backbone_of(module).intermediate(images(), (1,)).layers[0], expected)


class TestIndependence:
    def test_training_the_module_changes_nothing(self) -> None:
        module = net().train()
        backbone = backbone_of(module)
        (before,) = backbone.intermediate(images(), (1,)).layers
        assert module.training
        assert all(parameter.requires_grad for parameter in module.parameters())
        optimiser = torch.optim.SGD(module.parameters(), 0.5)
        module(images())[1].square().mean().backward()
        optimiser.step()
        assert torch.equal(backbone.intermediate(images(), (1,)).layers[0], before)
        assert not torch.equal(backbone_of(module).intermediate(images(), (1,)).layers[0], before)

    def test_the_module_itself_is_not_touched(self) -> None:
        module = net().double().train()
        before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
        backbone_of(module)
        assert module.training
        for key, tensor in module.state_dict().items():
            assert tensor.dtype == before[key].dtype
            assert torch.equal(tensor, before[key])

    def test_defaults_of_the_caller_have_no_influence(self) -> None:
        expected = backbone_of(net())
        torch.set_default_dtype(torch.float64)
        try:
            with torch.inference_mode():
                made = backbone_of(net().float())
        finally:
            torch.set_default_dtype(torch.float32)
        assert made.weights == expected.weights
        assert made.mean.dtype == torch.float32
        assert not any(tensor.is_inference() for tensor in (*made.parameters(), *made.buffers()))

    def test_the_random_state_of_the_caller_is_kept(self) -> None:
        module = net()
        before = torch.get_rng_state()
        backbone_of(module)
        assert torch.equal(torch.get_rng_state(), before)


class TestDigest:
    def test_equal_modules_have_equal_digests(self) -> None:
        first, second = backbone_of(net()).weights, backbone_of(net().double()).weights
        assert first == second
        assert (first.path, first.source) == (None, "module")
        assert len(first.digest.removeprefix("sha256:")) == 64
        int(first.digest.removeprefix("sha256:"), 16)

    @pytest.mark.parametrize(
        "change",
        [
            lambda module: module.first.weight.data[0, 0, 0].add_(1e-3),
            lambda module: module.norm.running_mean.add_(1e-3),
            lambda module: module.gain.add_(1e-3),
            lambda module: setattr(module, "extra", nn.Parameter(torch.ones(1))),
            lambda module: setattr(module.first, "stride", (4, 4)),
        ],
    )
    def test_a_changed_module_has_another_digest(self, change: Callable[[Net], object]) -> None:
        changed = net()
        change(changed)
        assert digest(changed) != digest(net())

    def test_classes_strides_and_normalisation_count(self) -> None:
        same_tensors = [net(), net(NamedNet), net(stride=1)]
        digests = {digest(module) for module in same_tensors} | {
            digest(net(), mean=(0, 0, 0)),
            digest(net(), std=(1, 1, 1)),
        }
        assert len(digests) == 5

    def test_addresses_in_memory_do_not_count(self) -> None:
        class Printed(Net):
            def extra_repr(self) -> str:
                return f"function={object()!r}"

        assert digest(net(Printed)) == digest(net(Printed))


def returning(give: Callable[[torch.Tensor], object]) -> nn.Module:
    class Given(nn.Module):
        def forward(self, x: torch.Tensor) -> object:
            return give(x)

    return Given()


class TestRefused:
    @pytest.mark.parametrize(
        ("give", "message"),
        [
            (lambda x: x, r"must return a list of maps .* returned a tensor of shape \(2, 3, 224, 224\) .*Wrap"),
            (lambda x: None, r"must return a list of maps .* returned an object of type NoneType"),
            (lambda x: [], r"returned an object of type list without items"),
            (lambda x: {}, r"returned an object of type list without items"),
            (lambda x: "maps", r"returned an object of type str"),
            (lambda x: [x, x.flatten(2)], r"layer 1 of Given .* is a tensor of shape \(2, 3, 50176\)"),
            (lambda x: [x[:1]], r"layer 0 of Given .* is a tensor of shape \(1, 3, 224, 224\)"),
            (lambda x: [x, [x]], r"layer 1 of Given .* is an object of type list"),
            (lambda x: [x > 0], r"shape \(N, C, H, W\), floating-point, but layer 0 .* and type torch\.bool"),
            (
                lambda x: 1 // 0,
                r"accept a batch of images, but Given .* raised ZeroDivisionError: .*forward_intermediates",
            ),
        ],
    )
    def test_what_a_forward_must_not_return(self, give: Callable[[torch.Tensor], object], message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            backbone_of(returning(give))

    def test_a_module_without_forward(self) -> None:
        with pytest.raises(ArgumentError, match=r"Module for images of shape .* raised NotImplementedError"):
            backbone_of(nn.Module())

    def test_tokens_without_a_patch_size_have_no_place(self) -> None:
        class Tokens(Net):
            def forward_intermediates(
                self, images, indices, return_prefix_tokens, norm, stop_early, output_fmt, intermediates_only
            ):
                return [images.flatten(2)[:, :, :196].transpose(1, 2)]

        with pytest.raises(ArgumentError, match=r"\(N, T, D\) with T of at least 50176, .* shape \(2, 196, 3\)"):
            backbone_of(Tokens())

    def test_other_arguments_than_timms(self) -> None:
        class Other(Net):
            def forward_intermediates(self, images):
                return self.maps(images)

        with pytest.raises(ArgumentError, match=r"raised TypeError: .*unexpected keyword argument 'indices'"):
            backbone_of(Other())

    @pytest.mark.parametrize("module", [None, "resnet18", Net, lambda x: [x]])
    def test_what_is_no_module(self, module: object) -> None:
        with pytest.raises(ArgumentError, match=r"`module` must be a torch\.nn\.Module, but got .* Pass an instance"):
            backbone_of(module)

    @pytest.mark.parametrize("name", ["", "  ", 3])
    def test_what_is_no_name(self, name: object) -> None:
        with pytest.raises(ArgumentError, match="`name` must be a string that is not empty, or None"):
            backbone_of(net(), name)

    @pytest.mark.parametrize("argument", ["mean", "std"])
    @pytest.mark.parametrize("values", [0.5, (1, 2), (1, 2, 3, 4), "abc", (1, 2, None), (1, 2, math.nan)])
    def test_what_is_no_mean_or_deviation(self, argument: str, values: object) -> None:
        with pytest.raises(ArgumentError, match=rf"`{argument}` must be three (finite )?numbers, but got"):
            backbone_of(net(), **{argument: values})

    @pytest.mark.parametrize("std", [(1, 0, 1), (1, 1, -1)])
    def test_a_deviation_that_is_not_positive(self, std: tuple[float, ...]) -> None:
        with pytest.raises(ArgumentError, match="`std` must have three numbers above 0"):
            backbone_of(net(), std=std)

    @pytest.mark.filterwarnings("ignore")  # torch warns that these kinds are experimental
    @pytest.mark.parametrize(
        ("kind", "tensor"),
        [
            ("meta", lambda: torch.ones(3, device="meta")),
            ("complex", lambda: torch.ones(3) * 1j),
            ("sparse_coo", lambda: torch.eye(3).to_sparse()),
            ("quantized", lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)),
        ],
    )
    def test_tensors_that_cannot_be_weights(self, kind: str, tensor: Callable[[], torch.Tensor]) -> None:
        module = net()
        module.register_buffer("special", tensor())
        with pytest.raises(ArgumentError, match=rf"ordinary real tensors, but special is {kind}\."):
            backbone_of(module)

    def test_a_lazy_module(self) -> None:
        with pytest.raises(ArgumentError, match=r"bias has no shape yet\. Run its forward once"):
            backbone_of(nn.LazyConv2d(4, 3))

    def test_a_module_that_cannot_be_copied(self) -> None:
        module = net()
        module.stream = (item for item in ())
        with pytest.raises(
            ArgumentError, match=r"copy\.deepcopy can copy, but Net cannot be copied: TypeError: .*generator"
        ):
            backbone_of(module)
