"""Files of weights: every layout is loaded, files are read safely, and errors list what is wrong."""

from __future__ import annotations

import argparse
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from skimage import data

from innersight.backbones.catalogue import BACKBONES
from innersight.backbones.checkpoint import load_weights, why_unusable
from innersight.backbones.entry import EmbeddedWeights
from innersight.backbones.features import load_backbone
from innersight.backbones.hub import WeightsFile
from innersight.errors import WeightsError
from standins import fill


class TestEmbedded:
    """The embedded weights in timm's model classify photographs correctly."""

    @pytest.mark.parametrize(("name", "classes"), [("chelsea", range(281, 286)), ("coffee", [967])])
    def test_it_classifies_real_photographs(self, name: str, classes) -> None:
        backbone = load_backbone("efficientnet-lite0")
        image = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float()
        side = min(image.shape[-2:])
        top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
        square = image[..., top : top + side, left : left + side]
        resized = torch.nn.functional.interpolate(square, size=(224, 224), mode="bicubic", antialias=True)
        with torch.inference_mode():
            by_hand = backbone.model((resized - 127) / 128)
            by_contract = backbone.model(backbone.normalise(resized / 255))
        assert by_hand.argmax().item() in classes
        torch.testing.assert_close(by_contract, by_hand, rtol=1e-3, atol=1e-3)


def vit() -> torch.nn.Module:
    return fill(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0))


def as_file(path: Path) -> WeightsFile:
    return WeightsFile.of(path, "file")


class TestLayouts:
    """Every layout of a checkpoint gives the same tensors in the model."""

    def check(self, path: Path, model: torch.nn.Module, expected: dict[str, torch.Tensor]) -> None:
        load_weights(model, as_file(path))
        for key, value in model.state_dict().items():
            assert torch.equal(value, expected[key]), key

    @pytest.mark.thorough
    @pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "module.", "_orig_mod."])
    def test_timm_in_a_pth(self, tmp_path: Path, wrap: str) -> None:
        state = vit().state_dict()
        prefixed = {f"{wrap}{key}": value for key, value in state.items()}
        saved = state if wrap == "plain" else prefixed if wrap.endswith(".") else {wrap: state}
        torch.save(saved, path := tmp_path / "a.pth")
        self.check(path, timm.create_model("vit_tiny_patch16_224", num_classes=0), state)

    def test_dino_teacher_with_its_head(self, tmp_path: Path) -> None:
        state = vit().state_dict()
        teacher = {f"backbone.{key}": value for key, value in state.items()} | {"head.mlp.0.weight": torch.ones(2)}
        student = {f"module.backbone.{key}": torch.zeros_like(value) for key, value in state.items()}
        torch.save(
            {"student": student, "teacher": teacher, "epoch": 800, "args": argparse.Namespace(arch="vit_tiny")},
            path := tmp_path / "dino.pth",
        )
        self.check(path, timm.create_model("vit_tiny_patch16_224", num_classes=0), state)

    def test_openclip_whole_checkpoint(self, tmp_path: Path) -> None:
        """A file like `open_clip_model.safetensors`: OpenCLIP's names, with the weights of the text encoder."""
        options = {"embed_dim": 64, "depth": 2, "num_heads": 2, "num_classes": 16, "img_size": 64}
        model = fill(timm.create_model("vit_base_patch32_clip_224.laion2b", pretrained=False, **options))
        ours = model.state_dict()
        theirs = {
            "visual.class_embedding": ours["cls_token"][0, 0],
            "visual.positional_embedding": ours["pos_embed"][0],
            "visual.proj": ours["head.weight"].T.contiguous(),
            "visual.conv1.weight": ours["patch_embed.proj.weight"],
            "logit_scale": torch.ones(()),
            "token_embedding.weight": torch.ones(3, 2),
            "transformer.resblocks.0.ln_1.weight": torch.ones(2),
        }
        names = {
            "norm_pre": "ln_pre", "norm": "ln_post", "norm1": "ln_1", "norm2": "ln_2", "attn.qkv": "attn.in_proj_",
            "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
        }  # fmt: skip
        for key, value in ours.items():
            block, _, kind = key.rpartition(".")
            if key.startswith("blocks."):
                _, index, part = block.split(".", 2)
                joint = "" if names[part].endswith("_") else "."
                theirs[f"visual.transformer.resblocks.{index}.{names[part]}{joint}{kind}"] = value
            elif block in ("norm_pre", "norm"):
                theirs[f"visual.{names[block]}.{kind}"] = value
        save_file(theirs, path := tmp_path / "open_clip_model.safetensors")
        fresh = timm.create_model("vit_base_patch32_clip_224.laion2b", pretrained=False, **options)
        expected = ours | {"head.bias": torch.zeros_like(ours["head.bias"])}  # the projection of OpenCLIP has no bias
        self.check(path, fresh, expected)

    def test_openclip_with_a_timm_trunk(self, tmp_path: Path) -> None:
        options = {"depths": (1, 1, 1, 1), "dims": (8, 16, 32, 64), "num_classes": 12}
        model = fill(timm.create_model("convnext_base.clip_laion2b", pretrained=False, **options))
        ours = model.state_dict()
        theirs = {f"visual.trunk.{key}": value for key, value in ours.items() if not key.startswith("head.fc")}
        theirs |= {"visual.head.proj.weight": ours["head.fc.weight"], "logit_scale": torch.ones(())}
        save_file(theirs, path := tmp_path / "a.safetensors")
        fresh = timm.create_model("convnext_base.clip_laion2b", pretrained=False, **options)
        self.check(path, fresh, ours | {"head.fc.bias": torch.zeros_like(ours["head.fc.bias"])})

    def test_a_position_grid_of_another_size_is_interpolated(self, tmp_path: Path) -> None:
        large = fill(timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=384))
        save_file(large.state_dict(), path := tmp_path / "a.safetensors")
        model = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=224)
        load_weights(model, as_file(path))
        assert model.pos_embed.shape == (1, 197, 192)
        assert torch.equal(model.pos_embed[:, 0], large.pos_embed[:, 0])


class TestRefused:
    def test_all_wrong_keys_are_listed(self, tmp_path: Path, vit_weights: Path) -> None:
        state = load_file(vit_weights)
        del state["norm.bias"]
        state["extra.weight"] = torch.ones(1)
        state["cls_token"] = torch.ones(1, 1, 5)
        save_file(state, path := tmp_path / "a.safetensors")
        model = timm.create_model("vit_tiny_patch16_224")
        with pytest.raises(WeightsError) as error:
            load_weights(model, as_file(path))
        for part in (
            "does not hold the weights of timm's VisionTransformer",
            "1 missing: norm.bias",
            "1 unexpected: extra.weight",
            "1 of another shape: cls_token (1, 1, 5) instead of (1, 1, 192)",
        ):
            assert part in str(error.value)

    def test_another_networks_file_is_said_and_counted(self, cnn_weights: Path) -> None:
        model = timm.create_model("vit_tiny_patch16_224")
        with pytest.raises(WeightsError, match=r"152 missing: cls_token, pos_embed, .* 140 more; 122 unexpected: "):
            load_weights(model, as_file(cnn_weights))

    def test_a_pickle_that_runs_code_is_not_run(self, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "ran",))

        (path := tmp_path / "evil.pth").write_bytes(pickle.dumps({"weight": Evil()}))
        with pytest.raises(
            WeightsError, match=r"evil\.pth' (holds something else than tensors|cannot be read as weights)"
        ):
            load_weights(vit(), as_file(path))
        torch.save({"weight": Evil()}, path)
        with pytest.raises(
            WeightsError,
            match=r"holds something else than tensors\. It is not read, since reading it could run code from the file",
        ):
            load_weights(vit(), as_file(path))
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("reader", ["safetensors.torch.load", "torch.load"])
    def test_too_little_memory_is_no_fault_of_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise MemoryError("no memory is left")

        monkeypatch.setattr(reader, fail)
        (path := tmp_path / ("a.pth" if reader == "torch.load" else "a.safetensors")).write_bytes(b"a")
        with pytest.raises(MemoryError, match="no memory is left"):
            load_weights(vit(), as_file(path))

    @pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
    @pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 half a zip"])
    def test_what_is_no_weights_file(self, tmp_path: Path, name: str, content: bytes) -> None:
        (path := tmp_path / name).write_bytes(content)
        with pytest.raises(
            WeightsError, match=rf"{name}' (cannot be read as weights|holds something else than tensors)"
        ):
            load_weights(vit(), as_file(path))

    def test_numbers_that_are_not_finite(self, tmp_path: Path, vit_weights: Path) -> None:
        state = load_file(vit_weights)
        state["norm.bias"][3] = float("nan")
        save_file(state, path := tmp_path / "a.safetensors")
        with pytest.raises(WeightsError, match=r"numbers that are not finite, in 1: norm\.bias"):
            load_weights(timm.create_model("vit_tiny_patch16_224"), as_file(path))

    def test_keys_that_are_no_names(self, tmp_path: Path) -> None:
        torch.save({1: torch.ones(3)}, path := tmp_path / "a.pth")
        with pytest.raises(WeightsError, match="150 missing"):
            load_weights(vit(), as_file(path))

    def test_a_torchscript_archive_gets_its_own_way_out(self, tmp_path: Path) -> None:
        torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).save(str(path := tmp_path / "a.pt"))
        with pytest.raises(WeightsError, match=r"is a TorchScript archive, .* save the state_dict\(\)"):
            load_weights(vit(), as_file(path))

    def test_a_tensor_is_no_dictionary(self, tmp_path: Path) -> None:
        torch.save(torch.ones(3), path := tmp_path / "a.pth")
        with pytest.raises(WeightsError, match="must hold a dictionary of tensors, but holds a Tensor"):
            load_weights(vit(), as_file(path))

    @pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
    def test_a_file_replaced_after_its_digest_was_taken_fault_40(self, tmp_path: Path, name: str) -> None:
        def save(model: torch.nn.Module) -> None:
            (save_file if path.suffix == ".safetensors" else torch.save)(model.state_dict(), path)

        path = tmp_path / name
        save(vit())
        file = as_file(path)
        save(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0))
        model = vit()
        with pytest.raises(WeightsError, match=rf"{name}' changed while it was being loaded \(it was {file.digest},"):
            load_weights(model, file)
        path.unlink()
        with pytest.raises(WeightsError, match=rf"{name}' cannot be read: "):
            load_weights(model, file)
        for key, value in vit().state_dict().items():
            assert torch.equal(model.state_dict()[key], value), key


def timm_vit() -> torch.nn.Module:
    return timm.create_model("vit_tiny_patch16_224", num_classes=0)


def checked(tensors: dict[str, torch.Tensor], path: Path, message: str) -> None:
    """The file is refused in one error that names its keys, and the model keeps its own weights."""
    torch.save({**vit().state_dict(), **tensors}, path)
    model = timm_vit()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(model, as_file(path))
    assert "\n" not in str(error.value)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key]), key


KINDS = {
    "sparse_coo": lambda: torch.ones(192).to_sparse(),
    "sparse_csr": lambda: torch.ones(192, 192).to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(190), torch.ones(2)]),
    "jagged": lambda: torch.nested.nested_tensor([torch.ones(190), torch.ones(2)], layout=torch.jagged),
    "mkldnn": lambda: torch.ones(192).to_mkldnn(),
    "meta": lambda: torch.ones(192, device="meta"),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(192), 0.1, 0, torch.qint8),
    "complex": lambda: torch.ones(192) * 1j,
}


class TestTensorsThatCannotBeWeights:
    @pytest.mark.filterwarnings("ignore")  # torch warns that these kinds are experimental
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mkldnn"])  # torch.save refuses mkldnn
    def test_they_are_refused_by_name_fault_39(self, kind: str, tmp_path: Path) -> None:
        said = {"jagged": "nested"}.get(kind, kind)
        message = rf"cannot be weights, in 2: norm\.weight \({said}\), norm\.bias \({said}\)\. Save ordinary"
        checked({"norm.weight": KINDS[kind](), "norm.bias": KINDS[kind]()}, tmp_path / "a.pth", message)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_kind_has_a_name_fault_46(self, kind: str) -> None:
        assert why_unusable(KINDS[kind]()) == {"jagged": "nested"}.get(kind, kind)

    def test_complex_tensors_in_safetensors_fault_39(self, tmp_path: Path) -> None:
        save_file({**vit().state_dict(), "norm.bias": KINDS["complex"]()}, path := tmp_path / "a.safetensors")
        with pytest.raises(WeightsError, match=r"cannot be weights, in 1: norm\.bias \(complex\)"):
            load_weights(timm_vit(), as_file(path))


class TestNumbersOfAnotherType:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float8_e4m3fn], ids=str)
    def test_they_are_refused_where_the_model_has_floats_fault_39(self, dtype: torch.dtype, tmp_path: Path) -> None:
        message = rf"float32 and float64, in 1: norm\.bias \({str(dtype).removeprefix('torch.')}\)"
        checked({"norm.bias": torch.ones(192).to(dtype)}, tmp_path / "a.pth", message)

    def test_a_whole_file_of_integers_is_refused_fault_39(self, tmp_path: Path) -> None:
        state = {key: tensor.mul(100).long() for key, tensor in vit().state_dict().items()}
        checked(state, tmp_path / "a.pth", r"float32 and float64, in 150: cls_token \(int64\), .* 138 more\. Save")

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
    def test_floats_of_other_sizes_are_converted(self, dtype: torch.dtype, tmp_path: Path) -> None:
        state = {key: tensor.to(dtype) for key, tensor in vit().state_dict().items()}
        torch.save(state, path := tmp_path / "a.pth")
        load_weights(model := timm_vit(), as_file(path))
        for key, tensor in model.state_dict().items():
            assert tensor.dtype == torch.float32
            assert torch.equal(tensor, state[key].float()), key

    def test_integers_of_the_model_stay_integers(self, tmp_path: Path) -> None:
        state = fill(timm.create_model("resnet18")).state_dict()
        counts = {key: tensor.int() for key, tensor in state.items() if key.endswith("num_batches_tracked")}
        assert counts
        torch.save({**state, **counts}, path := tmp_path / "a.pth")
        load_weights(model := timm.create_model("resnet18"), as_file(path))
        assert all(model.state_dict()[key].dtype == torch.int64 for key in counts)

    def test_a_number_too_large_for_float32_is_not_finite_fault_39(self, tmp_path: Path) -> None:
        message = r"numbers that are not finite, in 1: norm\.bias"
        checked({"norm.bias": torch.full((192,), 1e300, dtype=torch.float64)}, tmp_path / "a.pth", message)


class TestByPosition:
    """Only the file of the entry's package is matched by position, and only if the entry says so."""

    def renamed(self, path: Path) -> EmbeddedWeights:
        state = vit().state_dict()
        torch.save({f"other{index}": tensor for index, tensor in enumerate(state.values())}, path)
        return EmbeddedWeights("tiny==2.0", "json:loads", as_file(path).digest, by_position=True)

    @pytest.mark.parametrize("source", ["embedded", "file"])
    def test_the_entry_decides_fault_15(self, tmp_path: Path, source) -> None:
        embedded = self.renamed(path := tmp_path / "a.pth")
        load_weights(model := timm_vit(), WeightsFile.of(path, source), embedded)
        for key, tensor in vit().state_dict().items():
            assert torch.equal(model.state_dict()[key], tensor), key

    @pytest.mark.parametrize("change", [{"by_position": False}, {"digest": "sha256:0"}])
    def test_names_count_otherwise_fault_15(self, tmp_path: Path, change) -> None:
        embedded = replace(self.renamed(path := tmp_path / "a.pth"), **change)
        with pytest.raises(WeightsError, match=r"150 missing: cls_token.*150 unexpected: other0"):
            load_weights(timm_vit(), WeightsFile.of(path, "embedded"), embedded)

    def test_another_number_of_tensors_is_said_fault_15(self, tmp_path: Path) -> None:
        embedded = self.renamed(path := tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=r"122 missing: .*150 unexpected: other0"):
            load_weights(timm.create_model("resnet18"), WeightsFile.of(path, "embedded"), embedded)

    def test_timms_own_file_works_for_an_embedded_backbone(self, tmp_path: Path) -> None:
        entry = BACKBONES["efficientnet-lite0"]
        state = fill(timm.create_model(entry.timm_name)).state_dict()
        save_file(state, path := tmp_path / "a.safetensors")
        load_weights(model := timm.create_model(entry.timm_name), as_file(path), entry.embedded)
        for key, tensor in state.items():
            assert torch.equal(model.state_dict()[key], tensor), key
