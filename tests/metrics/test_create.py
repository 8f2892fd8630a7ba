"""From names to a metric: overrides one by one, devices, weights, and poolings that follow the distance."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innersight
from innersight.errors import ArgumentError, WeightsError
from innersight.metrics.create import find_device, parse_metric


def test_the_default_is_lite_on_the_cpu() -> None:
    metric = innersight.create_metric()
    assert metric.config == innersight.PRESETS["lite"]
    assert metric.device == torch.device("cpu")
    assert metric.dtype == torch.float32


def test_a_preset_s_unused_pooling_is_dropped_and_said_to_be() -> None:
    metric = innersight.create_metric("lite", distance="cos")  # the paper's, along rows: no number a position
    assert metric.config.position_pooling is None
    assert metric.config.layer_pooling == "mean"
    assert "over positions" not in metric.citation


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "lpips"}, r"`metric` must be one of \(lite, vit, paper, best\), but got 'lpips'"),
        ({"distance": "skld"}, r"'skld' is not defined for maps, which is what efficientnet-lite0 gives"),
        ({"distance": "ssim"}, r"`distance` must be one of \(l2, cos"),
        ({"features": "embedding"}, r"efficientnet-lite0 has no embedding"),
        ({"backbone": "nonesuch"}, r"`backbone` must be one of"),
        ({"layers": [7]}, r"`layers`: indices go from -5 to 4, .* but got \[7\]"),
        ({"precision": "fp8"}, r"`precision` must be one of \(fp32, fp64, fp16, bf16\), but got 'fp8'"),
        ({"device": "tpu9"}, r"`device` must be auto, cpu or cuda \(cuda:1, ...\), but got 'tpu9'"),
        ({"distance": None}, r"`distance` must be one of .* but got None"),
        ({"distance": ["l2"]}, r"`distance` must be one of .* but got \['l2'\]"),
        ({"metric": None}, r"`metric` must be one of \(lite, vit, paper, best\), but got None"),
        ({"backbone": 3}, r"`backbone` must be one of .* but got 3"),
        ({"device": "mps"}, r"`device` must be auto, cpu or cuda"),
        ({"device": None}, r"`device` must be auto, cpu or cuda \(cuda:1, \.\.\.\), but got None"),
        ({"precision": torch.float64}, r"`precision` must be one of \(fp32, fp64, fp16, bf16\)"),
        ({"hue": "grey"}, r"must be one of \(backbone, features"),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        innersight.create_metric(**options)


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
    metric = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="short=130")
    assert metric(cat, cat) == 0
    assert metric.map(cat, cat).shape == (1, 300, 451)
    native = innersight.create_metric("paper", backbone="vit_tiny_patch16_224", weights=vit_weights, input="native")
    with pytest.raises(ArgumentError, match=r"divide by its patch of 16 pixels, but would see 300 x 451"):
        native(cat, cat)
    assert native(cat[..., :288, :448], cat[..., :288, :448]) == 0


def test_normalisation_changes_what_the_network_sees(cat: torch.Tensor) -> None:
    plain, normalised = (innersight.create_metric("lite", normalisation=name) for name in ("none", "backbone"))
    darker = cat * 0.9
    with torch.inference_mode():
        assert plain(cat, darker) != normalised(cat, darker)
        by_hand = [(image - 127 / 255) / (128 / 255) for image in (cat, darker)]
        ours = normalised.backbone.normalise(cat)
    torch.testing.assert_close(ours, by_hand[0])


class TestSeveral:
    def test_they_share_a_network_where_they_look_through_the_same_windows(self, vit_weights: Path) -> None:
        texts = ["paper", "paper:distance=wsd:layers=last-2", "paper:input=short=448,window=224,stride=100", "lite"]
        made = innersight.create_metrics(texts, backbone="vit_tiny_patch16_224", weights=vit_weights)
        paper, wsd, larger, lite = made.values()
        assert paper.backbone is wsd.backbone is larger.backbone
        assert paper.runtime is wsd.runtime
        assert lite.backbone is not paper.backbone  # made for whole images
        assert (wsd.config.distance, wsd.layers, wsd.config.layer_pooling) == ("wsd", (10, 11), None)
        assert str(larger.config.input) == "short=448,window=224,stride=100"
        assert paper.config.distance == "l2"  # as the preset has it

    def test_they_come_by_the_text_they_were_asked_for_with_in_order(self) -> None:
        texts = ["lite:distance=l2", "lite", "lite:layers=0"]
        assert list(innersight.create_metrics(texts)) == texts

    def test_what_is_changed_in_a_metric_s_own_text_comes_before_what_is_changed_for_all(self) -> None:
        made = innersight.create_metrics(["lite", "lite:distance=l2:layers=0,1"], distance="channel-cos", layers=[4])
        assert [(metric.config.distance, metric.layers) for metric in made.values()] == [
            ("channel-cos", (2, 3, 4, 5, 6)),
            ("l2", (0, 1, 2, 3, 4, 5, 6)),
        ]

    def test_each_is_named_once(self) -> None:
        with pytest.raises(ArgumentError, match="`metrics` must name each metric once, but got 'lite' twice"):
            innersight.create_metrics(["lite", "lite:distance=l2", "lite"])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "papr:distance=cos",
                r"`metric` must be one of \(lite, vit, paper, best\), but got 'papr'. Did you mean paper\?",
            ),
            ("lite:distance=ssim", r"`distance` must be one of"),
            ("lite:distanc=l2", r"`overrides` must be one of .*but got 'distanc'. Did you mean distance\?"),
            ("lite:weights=a.safetensors", r"`overrides` must be one of .*but got 'weights'"),
            ("lite:seed=x", r"`seed` must be a whole number from 0 to 2\^63 - 1, but got 'x'"),
            ("lite:layers=0;1", r"`layers` must be such as 'all', 'last-4' or '0,3,-1', but got '0;1'"),
            ("lite:input=big", r"`input` must be 'native' or a list such as .* but got 'big'"),
        ],
    )
    def test_what_a_field_does_not_take_is_said_before_a_network_is_loaded(
        self, text: str, message: str, monkeypatch
    ) -> None:
        monkeypatch.delattr("innersight.metrics.create.load_backbone")
        with pytest.raises(ArgumentError, match=message):
            innersight.create_metrics(["lite", text])


class TestText:
    def test_fields_are_read_one_by_one(self) -> None:
        assert parse_metric("lite") == ("lite", {})
        text = "paper:input=short=448,window=224,stride=200:distance=swd:seed=12:layers=last-4"
        assert parse_metric(text) == (
            "paper",
            {"input": "short=448,window=224,stride=200", "distance": "swd", "seed": 12, "layers": "last-4"},
        )

    def test_a_metric_in_text_is_the_metric_of_the_same_overrides(self, vit_weights: Path) -> None:
        options = {"backbone": "vit_tiny_patch16_224", "weights": vit_weights}
        by_text = innersight.create_metric("paper:distance=swd:seed=3:layers=0,-1", **options)
        assert (
            by_text.config
            == innersight.create_metric("paper", distance="swd", seed=3, layers=[0, -1], **options).config
        )

    @pytest.mark.parametrize(
        "text", ["paper:distance", "paper:distance=", "paper:distance=cos:distance=l2", "paper:", "paper::seed=1"]
    )
    def test_a_part_that_is_no_field_and_value_is_refused(self, text: str) -> None:
        with pytest.raises(ArgumentError) as error:
            parse_metric(text)
        assert str(error.value) == (
            "A metric is a preset's name and fields changed in it, such as 'paper:distance=cos:layers=last-4', "
            f"but got '{text}'."
        )


@pytest.mark.slow
def test_every_paper_alias_can_be_built_from_a_file_of_its_architecture(tmp_path: Path) -> None:
    """Aliases whose architecture the goldens do not cover; the weights are stand-ins, the path is the real one."""
    from standins import write_weights

    openclip = write_weights("vit_base_patch32_clip_224.laion2b", tmp_path)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for alias in ("openclip-vitb32", "tecoa4-vitb32"):
        for options in ({"distance": "wsd"}, {"features": "embedding", "distance": "cos"}):
            metric = innersight.create_metric("paper", backbone=alias, weights=openclip, **options)
            with torch.inference_mode():
                assert metric(images[:1], images[1:]) > 0
    # A preset's layers are of features that an embedding has not: they fall away with them.
    lite = innersight.create_metric(
        "lite", backbone="openclip-vitb32", weights=openclip, features="embedding", distance="cos", input="short=224"
    )
    assert lite.config.layers is None
    imagenet = write_weights("vit_base_patch16_224.orig_in21k_ft_in1k", tmp_path)
    metric = innersight.create_metric("paper", backbone="imagenet-vitb16", weights=imagenet)
    assert metric(images[:1], images[:1]) == 0
