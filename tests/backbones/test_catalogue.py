"""The catalogue agrees with timm, imports no torch, takes new entries, and any timm name resolves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import timm

from innersight.backbones.catalogue import BACKBONES, CATALOGUE, add, find_entry, resolve
from innersight.backbones.entry import BackboneEntry
from innersight.errors import ArgumentError

PAPER = (
    "dinov1-vitb16", "dinov2-vitb14", "clip-vitb32", "clip-rn50", "openclip-vitb32", "openclip-convnext-base",
    "tecoa4-vitb32", "tecoa4-convnext-base", "imagenet-vitb16",
)  # fmt: skip


def test_every_model_of_the_paper_has_its_alias() -> None:
    assert {*PAPER, "efficientnet-lite0", "dinov2-vits14"} == {entry.alias for entry in CATALOGUE}


@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE if not entry.embedded], ids=lambda entry: entry.alias)
def test_an_entry_says_what_timm_says(entry) -> None:
    config = timm.get_pretrained_cfg(entry.timm_name)
    assert entry.mean == pytest.approx(config.mean)
    assert entry.std == pytest.approx(config.std)
    if entry.hub_id.startswith("timm/"):
        assert entry.hub_id == config.hf_hub_id


def test_exactly_the_embedded_entry_has_no_hub_id() -> None:
    assert [entry.alias for entry in CATALOGUE if entry.hub_id is None] == ["efficientnet-lite0"]
    assert [entry.alias for entry in CATALOGUE if entry.embedded is not None] == ["efficientnet-lite0"]


def test_alias_and_timm_name_mean_the_same() -> None:
    assert resolve("clip-rn50") is resolve("resnet50_clip.openai")
    assert resolve("vit_base_patch16_224.dino") is find_entry("dinov1-vitb16")


def test_timms_own_lite0_weights_are_not_the_embedded_ones() -> None:
    assert resolve("tf_efficientnet_lite0").embedded
    assert not resolve("tf_efficientnet_lite0.in1k").embedded


def test_any_timm_name_resolves_with_its_default_tag() -> None:
    entry = resolve("resnet18")
    assert entry.timm_name == "resnet18.a1_in1k"
    assert entry.hub_id == "timm/resnet18.a1_in1k"
    assert resolve("resnet18.tv_in1k").hub_id == "timm/resnet18.tv_in1k"


def test_an_unknown_name_gets_its_nearest_matches() -> None:
    with pytest.raises(
        ArgumentError, match=r"`backbone` must be one of .* but got 'dinov1-vitb61'\. Did you mean dinov1-vitb16"
    ):
        resolve("dinov1-vitb61")
    with pytest.raises(ArgumentError, match=r"Any timm model works too.* The nearest names in timm are \(resnet18\."):
        resolve("resnett18.a1_in1k")


@pytest.mark.parametrize("name", [None, 5, [], ["clip-rn50"], b"clip-rn50", ""])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(ArgumentError, match=rf"`backbone` must be one of .* but got {re.escape(repr(name))}"):
        resolve(name)
    assert find_entry(name) is None


def test_names_and_aliases_agree() -> None:
    assert [entry.alias for entry in CATALOGUE] == list(BACKBONES)


def test_a_timm_name_means_one_entry() -> None:
    counts = Counter(entry.timm_name for entry in CATALOGUE if entry.weights_of_timm_name)
    assert set(counts.values()) == {1}
    for entry in CATALOGUE:
        found = find_entry(entry.timm_name)
        assert found.weights_of_timm_name
        assert (found is entry) == entry.weights_of_timm_name


def test_a_listing_imports_no_torch() -> None:
    code = (
        "import sys; from innersight.backbones.catalogue import CATALOGUE; "
        "print(len(CATALOGUE), [m for m in ('torch', 'timm', 'numpy', 'huggingface_hub') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split(maxsplit=1) == [str(len(CATALOGUE)), "[]\n"]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds to the catalogue is removed afterwards."""
    len(BACKBONES)
    monkeypatch.setattr(BACKBONES, "_items", dict(BACKBONES._items))


def in_a_new_process(code: str, path: Path) -> str:
    """The output of code in a new process, whose catalogue is not filled yet."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def new_entry(alias: str) -> BackboneEntry:
    return replace(find_entry("dinov1-vitb16"), alias=alias, timm_name="resnet18.tv_in1k", note="mine")


def test_one_new_file_adds_an_alias(tmp_path: Path) -> None:
    (tmp_path / "new_family.py").write_text(
        "from dataclasses import replace\n"
        "from innersight.backbones.catalogue import add, find_entry\n"
        "add(replace(find_entry('dinov1-vitb16'), alias='new', timm_name='resnet18.tv_in1k'))\n"
    )
    code = (
        "from innersight.backbones import entries\n"
        f"entries.__path__.append({str(tmp_path)!r})\n"
        "from innersight.backbones.catalogue import CATALOGUE, resolve\n"
        "print(resolve('new') is resolve('resnet18.tv_in1k'), 'new' in [entry.alias for entry in CATALOGUE])"
    )
    assert in_a_new_process(code, tmp_path).split() == ["True", "True"]


def test_the_example_of_the_documentation_adds_an_alias(fresh: None) -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()
    example = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "add(" in block)
    exec(example)
    entry = resolve("my-resnet18")
    config = timm.get_pretrained_cfg(entry.timm_name)
    assert (entry.hub_id, entry.mean, entry.std) == (config.hf_hub_id, config.mean, config.std)
    assert entry.licence.lower() == config.license


def test_an_alias_is_added_once(fresh: None) -> None:
    entry = add(new_entry("new"))
    assert resolve("new") is entry
    with pytest.raises(ArgumentError, match="The backbone 'new' is registered already"):
        add(new_entry("new"))


@pytest.mark.thorough
def test_another_package_adds_a_backbone_and_a_defective_one_is_explained(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from innersight.backbones.entry import BackboneEntry\n"
        "entry = BackboneEntry('theirs', 'resnet18.tv_in1k', None, 'x', 'MIT', (0, 0, 0), (1, 1, 1), None)\n"
        "number = 3\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[innersight.backbones]\ntheirs = theirs:entry\nnumber = theirs:number\nabsent = absent_module:x\n"
    )
    code = (
        "from innersight.backbones.catalogue import resolve\n"
        "from innersight.errors import ArgumentError\n"
        "print(resolve('theirs').family)\n"
        "for name in ('number', 'absent'):\n"
        "    try:\n"
        "        resolve(name)\n"
        "    except ArgumentError as error:\n"
        "        print(error)\n"
    )
    family, number, absent = in_a_new_process(code, tmp_path).splitlines()
    assert family == "x"
    assert re.search(r"'number' of another package .* must be an object of type BackboneEntry", number)
    assert re.search(r"'absent' of another package .* cannot be loaded .*absent_module", absent)


def test_an_unknown_tag_gets_the_tags_there_are() -> None:
    with pytest.raises(
        ArgumentError, match=r"weights that timm has for resnet18, one of \(a1_in1k, .*got 'resnet18\.a9_in1k'"
    ):
        resolve("resnet18.a9_in1k")
