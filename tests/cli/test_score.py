"""`innersight score`: what it prints, writes, and how it fails."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Run

import innersight
from innersight.cli.batch import batch
from innersight.cli.score import score
from innersight.metrics.config import MetricConfig
from standins import image_pair, write_weights


def fails(result, *parts: str) -> None:
    """Exit status 2, nothing on stdout, one line on stderr that holds the parts."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("innersight: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_person_reads_the_score_and_what_gave_it(run: Run, files: Path) -> None:
    result = run("score", "ref.png", "dis.jpg", "--per-layer")
    assert result.returncode == 0
    assert result.stderr == ""
    first, *layers, citation = result.stdout.splitlines()
    assert float(first.split()[0]) > 0.01
    assert first.endswith("(0 = identical, lower is more alike)")
    assert len(layers) == 6  # four of the network, the picture, and its tint
    assert citation == innersight.create_metric("lite").citation


def test_json_is_one_object_with_the_whole_configuration(run: Run, files: Path) -> None:
    result = run("score", "ref.png", "dis.jpg", "--json", "--per-layer", "--map", "where.png")
    assert result.returncode == 0
    record = json.loads(result.stdout)
    assert set(record) == {"reference", "distorted", "score", "higher_is_better", "metric", "per_layer"}
    assert (record["reference"], record["distorted"]) == ("ref.png", "dis.jpg")
    assert record["higher_is_better"] is False
    assert record["score"] == pytest.approx(np.sum(record["per_layer"]), rel=1e-6)
    assert record["score"] == pytest.approx(innersight.score(files / "ref.png", files / "dis.jpg"), rel=1e-5)
    assert record["metric"]["weights"]["source"] == "embedded"
    assert record["metric"]["weights"]["digest"].startswith("sha256:579344248a93")
    assert record["metric"] | {"citation": ""} == innersight.create_metric("lite").describe() | {"citation": ""}
    picture = Image.open(files / "where.png")
    assert picture.size == (451, 300)
    assert np.asarray(picture.convert("L")).std() > 5


def test_identical_files_score_zero(run: Run, files: Path) -> None:
    result = run("score", "ref.png", "ref.png", "--json")
    record = json.loads(result.stdout)
    assert record["score"] == 0
    assert "per_layer" not in record


@pytest.mark.parametrize("command", [score, batch])
def test_every_field_of_a_configuration_is_an_option(command) -> None:
    options = set(inspect.signature(command).parameters)
    assert {field.name for field in dataclasses.fields(MetricConfig)} - {"preset"} <= options


def test_every_option_reaches_the_configuration(run: Run, files: Path) -> None:
    result = run(
        "score", "ref.png", "dis.jpg", "--json", "--layers", "0,-1", "--distance", "channel-cos", "--input", "short=128",
        "--normalisation", "backbone", "--position-pooling", "mean", "--layer-pooling", "sum", "--device", "cpu",
        "--precision", "fp64",
    )  # fmt: skip
    said = json.loads(result.stdout)["metric"]
    assert said["layers"] == [0, 4]
    assert said["distance"] == "channel-cos"
    assert said["input"] == "short=128"
    assert said["normalisation"] == "backbone"
    assert (said["position_pooling"], said["layer_pooling"]) == ("mean", "sum")
    assert said["precision"] == "float64"


@pytest.mark.slow
def test_the_papers_scores_come_through_the_command_line_too(run: Run, tmp_path: Path) -> None:
    """Two of the golden scores (see metric/test_goldens.py) from files and a weights file."""
    goldens = json.loads((Path(__file__).parent.parent / "fixtures" / "paper_scores.json").read_text())["scores"]
    for name, image in zip(("ref.png", "dis.png"), image_pair(288, 288, 1), strict=True):
        Image.fromarray(image).save(tmp_path / name)
    for timm_name, distance, column in (
        ("vit_base_patch32_clip_quickgelu_224.openai", "wsd", "wsd"),
        ("resnet50_clip.openai", "cos", "cos_width"),
    ):
        weights = write_weights(timm_name, tmp_path)
        result = run(
            "score", "ref.png", "dis.png", "--metric", "paper", "--backbone", timm_name, "--weights", weights,
            "--distance", distance, "--json",
        )  # fmt: skip
        record = json.loads(result.stdout)
        assert record["score"] == pytest.approx(goldens[timm_name]["288x288:1"][column], rel=1e-5)
        assert record["metric"]["weights"]["source"] == "file"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("missing.png", "dis.jpg"), ("No such file: 'missing.png'",)),
        (
            ("ref.png", "text.png"),
            ("'text.png' is not an image in a format that is read (PNG, JPEG, BMP, WEBP, TIFF)",),
        ),
        (("ref.png", "cut.png"), ("'cut.png' can't be decoded, it is damaged or truncated",)),
        (("ref.png", "other.png"), ("differ in size: 'ref.png' is 451 x 300, 'other.png' is 200 x 200",)),
        (("ref.png", "."), ("is a folder",)),
        (
            ("ref.png", "dis.jpg", "--metric", "light"),
            ("`metric` must be one of (lite, vit, paper, best), but got 'light'", "lite"),
        ),
        (("ref.png", "dis.jpg", "--distance", "skdl"), ("Did you mean skld",)),
        (("ref.png", "dis.jpg", "--distance", "skld"), ("not defined for maps", "Defined for maps: l2, cos")),
        (("ref.png", "dis.jpg", "--backbone", "dinov1-vitb61"), ("Did you mean dinov1-vitb16",)),
        (("ref.png", "dis.jpg", "--layers", "9"), ("`layers`: indices go from -5 to 4", "but got [9]")),
        (("ref.png", "dis.jpg", "--input", "256"), ("`input` must be 'native' or a list such as 'short=256'",)),
        (
            ("ref.png", "dis.jpg", "--device", "gpu"),
            ("`device` must be auto, cpu or cuda (cuda:1, ...), but got 'gpu'",),
        ),
        (("ref.png", "dis.jpg", "--weights", "none.pth"), ("No weights file 'none.pth'",)),
        (("ref.png", "dis.jpg", "--weights", "text.png"), ("is not read because that could run its code",)),
        (("ref.png", "dis.jpg", "--map", "m.jpg"), ("to a name that ends in .png, but got 'm.jpg'",)),
        (("ref.png", "dis.jpg", "--map", "ref.png"), ("would replace the image 'ref.png'",)),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(run: Run, files: Path, arguments: tuple[str, ...], parts) -> None:
    fails(run("score", *arguments), *parts)


def test_a_bomb_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")
    fails(run("score", "bomb.png", "bomb.png"), "12000 x 12000 pixels, more than the 89,478,485 that are read")


def test_an_image_smaller_than_a_window_gets_the_way_out(run: Run, files: Path, vit_weights: Path) -> None:
    result = run(
        "score",
        "other.png",
        "other.png",
        "--metric",
        "paper",
        "--backbone",
        "vit_tiny_patch16_224",
        "--weights",
        vit_weights,
    )
    fails(result, "windows of 224 x 224", "input='short=224,window=224,stride=200'", "metric 'lite'")


def test_without_network_the_error_names_the_model_and_two_ways_out(run: Run, files: Path, tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    for environment in (nowhere, {**nowhere, "HF_HUB_OFFLINE": "1"}):
        fails(
            run("score", "ref.png", "dis.jpg", "--metric", "paper", **environment),
            "The weights of dinov1-vitb16 (hub id timm/vit_base_patch16_224.dino) are not on this machine",
            "hub can't be reached",
            "innersight weights pull dinov1-vitb16",
            "--weights FILE",
        )
