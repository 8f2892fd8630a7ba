"""From a name, a file or a configuration to a metric: changes, devices, weights and shared networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import innersight
from innersight.errors import ArgumentError, WeightsError
from innersight.metrics.factory import find_device, resolve
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import to_toml
from standins import noisy


def make(*arguments: object, **options: object) -> FeatureMetric:
    metric = innersight.create_metric(*arguments, **options)  # type: ignore[call-overload]
    assert isinstance(metric, FeatureMetric)
    return metric


def test_the_default_is_lite_on_the_cpu() -> None:
    metric = innersight.create_metric()
    assert metric.config == innersight.PRESETS["lite"]
    assert metric.device == torch.device("cpu")
    assert metric.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "liet"}, r"`metric` must be one of \(best, lite, paper, vit, dists, .*\), but got 'liet'. Did you mean lite"),
        ({"distance": "skld"}, r"'skld' is not defined for maps"),
        ({"distance": "ssim"}, r"`distance` must be one of"),
        ({"features": "embedding"}, r"efficientnet-lite0 has no embedding"),
        ({"backbone": "nonesuch"}, r"`backbone` must be one of"),
        ({"layers": [7]}, r"`terms.features.layers` must have .* from -5 to 4.* got \[7\]"),
        ({"precision": "fp8"}, r"`precision` must be one of \(fp32, fp64, fp16, bf16\), but got 'fp8'"),
        ({"device": "tpu9"}, r"`device` must be auto, cpu or cuda \(cuda:1, ...\), but got 'tpu9'"),
        ({"distance": None}, r"`distance` must be one of .* but got None"),
        ({"metric": None}, r"`metric` must be one of .*, but got 'None'"),
        ({"backbone": 3}, r"`views.main.backbone` must be a name, but got 3"),
        ({"device": "mps"}, r"`device` must be auto, cpu or cuda"),
        ({"device": None}, r"`device` must be auto, cpu or cuda \(cuda:1, \.\.\.\), but got None"),
        ({"precision": torch.float64}, r"`precision` must be one of \(fp32, fp64, fp16, bf16\)"),
        ({"runtime": "onnx"}, r"`runtime` must be one of"),
        ({"hue": "grey"}, r"`overrides` must be one of \(backbone, features, input, layers, distance\), but got 'hue'.*changes="),
        ({"metric": "psnr", "layers": 2}, r"'psnr' has no configuration, so nothing can be changed in it, but got layers"),
        ({"metric": "best", "input": "native"}, r"best has 2 views: change one of"),
        ({"changes": {"terms.moments.layers": "3,9"}}, r"`terms.moments.layers` must have .* from -5 to 4"),
        ({"changes": {"views.main.token_norm": "layernorm"}}, r"token_norm` needs tokens, but efficientnet-lite0 has maps"),
        ({"changes": {"terms.features.options.seed": 1}}, r"`options` must be empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        innersight.create_metric(**options)


@pytest.mark.thorough
def test_l2_of_an_embedding_names_what_is_defined(tmp_path: Path) -> None:
    from standins import write_weights

    weights = write_weights("vit_base_patch32_clip_224.laion2b", tmp_path)
    with pytest.raises(ArgumentError, match=r"'l2' is not defined for embedding.*Defined for embedding: cos"):
        innersight.create_metric("paper", backbone="openclip-vitb32", weights=weights, features="embedding")


def test_weights_of_another_network_are_refused(cnn_weights: Path) -> None:
    with pytest.raises(WeightsError, match="missing: cls_token"):
        innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=cnn_weights)


def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_transformer_takes_whole_images_rounded_to_its_patch(vit_weights: Path, cat: torch.Tensor) -> None:
    metric = make("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="short=130")
    assert metric(cat, cat) == 0
    assert metric.map(cat, cat).shape == (1, 300, 451)
    native = make("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="native")
    with pytest.raises(ArgumentError, match=r"patch of 16 pixels"):
        native(cat, cat)
    assert native(cat[..., :288, :448], cat[..., :288, :448]) == 0


def test_normalisation_changes_the_input_of_the_network(cat: torch.Tensor) -> None:
    plain, normalised = (make("lite", changes={"views.main.normalisation": name}) for name in ("none", "backbone"))
    darker = cat * 0.9
    with torch.inference_mode():
        assert plain(cat, darker) != normalised(cat, darker)
        ours = normalised.backbones[0].normalise(cat)
    torch.testing.assert_close(ours, (cat - 127 / 255) / (128 / 255))


class TestOwnModule:
    class Net(nn.Module):
        """Two layers of maps."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 8, 3, stride=2)

        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            x = self.first(images).relu()
            return [x, self.second(x)]

    @torch.inference_mode()
    def test_a_module_is_a_backbone(self, cat: torch.Tensor) -> None:
        net = self.Net()
        metric = make("lite", backbone=net, layers="all", changes={"terms.moments.layers": "last-1"})
        assert metric.layer_names == ("layer 0", "layer 1", "thumbnail", "chroma")
        assert metric(cat, cat) == 0
        before = metric(cat, noisy(cat, 0.1))
        assert before > 0
        assert metric.describe()["views"]["main"]["backbone"] == "module:Net"
        net.first.weight.data.zero_()  # training goes on
        assert metric(cat, noisy(cat, 0.1)) == before


class TestSeveral:
    def test_they_share_a_network_where_their_windows_are_the_same(self, vit_weights: Path) -> None:
        texts = ["paper", "paper:distance=wsd:layers=last-2", "paper:input=short=448,window=224,stride=100", "lite"]
        changes = {"views.main.backbone": "vit_tiny_patch16_224"}
        made = innersight.create_metrics(texts, changes=changes, weights=vit_weights)
        paper, wsd, larger, lite = (metric for metric in made.values() if isinstance(metric, FeatureMetric))
        assert paper.backbones[0] is wsd.backbones[0] is larger.backbones[0]
        assert paper.comparisons[0].extractor.runtime is wsd.comparisons[0].extractor.runtime
        assert lite.backbones[0] is not paper.backbones[0]  # made for whole images
        assert wsd.comparisons[0].layers == (10, 11)
        assert str(larger.config.views[0].input) == "short=448,window=224,stride=100"
        assert paper.config == resolve("paper", changes)

    def test_they_come_by_the_text_that_asked_for_them_in_order(self) -> None:
        texts = ["lite:distance=l2", "psnr", "lite", "lite:layers=0"]
        assert list(innersight.create_metrics(texts)) == texts

    def test_changes_in_a_metric_s_own_text_take_precedence(self) -> None:
        made = innersight.create_metrics(["lite", "lite:distance=l2:layers=0,1"], distance="channel-cos", layers=[4])
        terms = [metric.config.terms[0] for metric in made.values() if isinstance(metric, FeatureMetric)]
        assert [(term.distance, term.layers) for term in terms] == [("channel-cos", (4,)), ("l2", (0, 1))]

    def test_each_is_named_once(self) -> None:
        with pytest.raises(ArgumentError, match="`metrics` must name each metric once, but got 'lite' twice"):
            innersight.create_metrics(["lite", "lite:distance=l2", "lite"])

    def test_one_name_is_no_list(self) -> None:
        with pytest.raises(ArgumentError, match=r"`metrics` must be a list, but got 'lite'. Use \['lite'\]"):
            innersight.create_metrics("lite")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("papr:distance=cos", r"`metric` must be one of .*, but got 'papr'. Did you mean paper"),
            ("lite:distance=ssim", r"`distance` must be one of"),
            ("lite:distanc=l2", r"`set` must be one of .*but got 'distanc'. Did you mean distance\?"),
            ("lite:weights=a.safetensors", r"`set` must be one of .*but got 'weights'"),
            (
                "lite:layers=0;1",
                r"`terms.features.layers` must be a selection of layers such as 'all', 'last-4' or '0,3,-1', but got '0;1'",
            ),
            ("lite:input=big", r"`input` must be 'native' or a list such as .* but got 'big'"),
            ("psnr:layers=2", "'psnr' has no configuration"),
            ("no.toml", r"The configuration 'no.toml' cannot be read"),
        ],
    )
    def test_a_wrong_value_is_reported_before_a_network_is_loaded(
        self, text: str, message: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr("innersight.metrics.factory.load_backbone")
        with pytest.raises(ArgumentError, match=message):
            innersight.create_metrics(["lite", text])


class TestText:
    def test_a_metric_in_text_is_the_metric_of_the_same_changes(self) -> None:
        text = "paper:distance=swd:terms.features.options.seed=3:layers=0,-1:input=short=448,window=224,stride=200"
        changes = {
            "distance": "swd",
            "terms.features.options.seed": 3,
            "layers": [0, -1],
            "input": "short=448,window=224,stride=200",
        }
        assert resolve(text) == resolve("paper", changes)
        assert resolve("lite") == PRESETS["lite"]

    @pytest.mark.parametrize(
        "text", ["paper:distance", "paper:distance=", "paper:distance=cos:distance=l2", "paper:=1", "paper::scale=log"]
    )
    def test_a_part_that_is_no_path_and_value_is_refused(self, text: str) -> None:
        with pytest.raises(ArgumentError) as error:
            resolve(text)
        assert str(error.value) == (
            "Argument `metric` must be a name and changes of its configuration, such as "
            f"'paper:distance=cos:layers=last-4', but got '{text}'."
        )

    def test_a_metric_of_another_library_has_no_configuration(self) -> None:
        assert resolve("psnr") is None


class TestFile:
    @torch.inference_mode()
    def test_the_file_of_a_preset_gives_its_scores(self, tmp_path: Path, cat: torch.Tensor) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(to_toml(PRESETS["lite"]))
        distorted = noisy(cat, 0.1)
        assert innersight.create_metric(file)(cat, distorted) == innersight.create_metric("lite")(cat, distorted)

    def test_its_values_can_be_changed_in_the_text(self, tmp_path: Path) -> None:
        file = tmp_path / "MINE.TOML"
        file.write_text(to_toml(PRESETS["lite"]))
        changed = resolve(f"{file}:terms.moments.weight=0:scale=linear")
        assert changed == resolve("lite", {"terms.moments.weight": 0, "scale": "linear"})

    def test_a_configuration_is_taken_as_it_is(self) -> None:
        config = PRESETS["lite"]
        assert resolve(config) is config
        assert make(config).config is config


@pytest.mark.thorough
def test_every_paper_alias_can_be_built_from_a_file_of_its_architecture(tmp_path: Path) -> None:
    """Aliases whose architecture the goldens do not cover; the weights are stand-ins, the path is the real one."""
    from standins import write_weights

    openclip = write_weights("vit_base_patch32_clip_224.laion2b", tmp_path)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for alias in ("openclip-vitb32", "tecoa4-vitb32"):
        for options in ({"distance": "wsd"}, {"features": "embedding", "distance": "cos"}):
            metric = make("paper", backbone=alias, weights=openclip, **options)
            with torch.inference_mode():
                assert metric(images[:1], images[1:]) > 0
    options = {"backbone": "openclip-vitb32", "weights": openclip, "distance": "cos", "input": "short=224"}
    with pytest.raises(ArgumentError, match=r"'moments' needs intermediate features.*terms.moments.weight=0"):
        make("lite", features="embedding", **options)
    lite = make("lite", features="embedding", changes={"terms.moments.weight": 0}, **options)
    assert lite.layer_names == ("layer 0", "thumbnail", "chroma")
    with torch.inference_mode():
        assert lite(images[:1], images[:1]) == 0
        assert lite(images[:1], images[1:]) > 0
    imagenet = write_weights("vit_base_patch16_224.orig_in21k_ft_in1k", tmp_path)
    metric = make("paper", backbone="imagenet-vitb16", weights=imagenet)
    assert metric(images[:1], images[:1]) == 0
