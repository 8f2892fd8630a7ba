"""`innersight score`: its output, its files, its options and its errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Run

import innersight
from standins import image_pair, write_weights


def fails(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Check that the exit status is 2, and that the only output is one line on stderr that contains the parts."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("innersight: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.mark.thorough
def test_the_score_is_printed_with_its_direction_and_the_citation(run: Run, files: Path) -> None:
    result = run("score", "ref.png", "dis.jpg", "--per-layer")
    assert result.returncode == 0
    assert result.stderr == ""
    first, meaning, *layers, citation = result.stdout.splitlines()
    assert re.fullmatch(r"Photographs of this size have this score at JPEG quality \d+ to \d+\.", meaning)
    assert float(first.split()[0]) > 0.01
    assert first.endswith("(0 = identical, lower is more similar)")
    assert [line.split("  ")[1] for line in layers] == list(innersight.create_metric("lite").layer_names)
    assert citation == innersight.Scorer("lite").citation


@pytest.mark.thorough
def test_json_is_one_object_with_the_whole_configuration(run_here: Run, files: Path) -> None:
    result = run_here("score", "ref.png", "dis.jpg", "--json", "--per-layer", "--map", "map.png")
    assert result.returncode == 0
    record = json.loads(result.stdout)
    pair = {"reference", "distorted", "frame", "region", "transparent", "background"}
    assert set(record) == pair | {"score", "higher_is_better", "metric", "per_layer"}
    assert (record["reference"], record["distorted"]) == ("ref.png", "dis.jpg")
    assert record["higher_is_better"] is False
    assert record["score"] == pytest.approx(np.sum(record["per_layer"]), rel=1e-6)
    assert record["score"] == pytest.approx(innersight.score(files / "ref.png", files / "dis.jpg"), rel=1e-5)
    weights = record["metric"]["views"]["main"]["weights"]
    assert weights["source"] == "embedded"
    assert weights["digest"].startswith("sha256:579344248a93")
    assert record["metric"] == innersight.Scorer("lite").describe()
    heatmap = Image.open(files / "map.png")
    assert heatmap.size == (451, 300)
    assert np.asarray(heatmap.convert("L")).std() > 5


@pytest.mark.thorough
def test_no_sentence_where_nothing_is_known(run_here: Run, files: Path) -> None:
    for options in (("--ignore", "0,0,9,9"), ("--metric", "psnr"), ("--set", "scale=linear")):
        assert "Photographs" not in run_here("score", "ref.png", "dis.jpg", *options).stdout
    assert "Photographs" not in run_here("score", "ref.png", "ref.png").stdout


@pytest.mark.thorough
def test_a_frame_is_chosen(run_here: Run, files: Path) -> None:
    pictures = [Image.open(files / name).convert("RGB") for name in ("ref.png", "dis.jpg")]
    for name, shown in (("a.png", pictures), ("b.png", pictures[:1] * 2)):
        shown[0].save(files / name, save_all=True, append_images=shown[1:])
    fails(run_here("score", "a.png", "b.png"), "has 2 images, but a score needs one", "--frame 0")
    assert run_here("score", "a.png", "b.png", "--frame", "0").stdout.startswith("0.000000")
    record = json.loads(run_here("score", "a.png", "b.png", "--frame", "1", "--json", "--map", "map.png").stdout)
    assert record["frame"] == 1
    assert record["score"] > 1
    fails(run_here("score", "a.png", "b.png", "--frame", "2"), "the file has the frames 0 to 1")


def test_identical_files_score_zero(run_here: Run, files: Path) -> None:
    result = run_here("score", "ref.png", "ref.png", "--json")
    record = json.loads(result.stdout)
    assert record["score"] == 0
    assert "per_layer" not in record
    (files / "copy.png").write_bytes((files / "ref.png").read_bytes())
    result = run_here("score", "ref.png", "copy.png", "--map", "map.png", "--per-layer")
    assert re.match(r"0\.000000 +\(0 = identical", result.stdout)
    assert Image.open(files / "map.png").size == (451, 300)


@pytest.mark.thorough
@pytest.mark.parametrize(("distorted", "absent"), [("copy.png", ("torch", "onnxruntime")), ("dis.jpg", ("torch",))])
def test_only_what_a_pair_needs_is_imported(files: Path, distorted: str, absent: tuple[str, ...]) -> None:
    """Identical files are decoded, and no runtime is loaded; other pairs need no torch."""
    (files / "copy.png").write_bytes((files / "ref.png").read_bytes())
    code = (
        "import sys\n"
        "from innersight.cli.app import main\n"
        f"sys.argv = ['innersight', 'score', 'ref.png', {distorted!r}]\n"
        "try:\n    main()\n"
        "finally:\n    print([name for name in ('torch', 'onnxruntime', 'scipy', 'timm') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=files, timeout=300)
    *_, loaded = done.stdout.splitlines()
    assert not set(absent) & set(loaded.strip("[]").replace("'", "").split(", ")), loaded
    assert "scipy" not in loaded


@pytest.mark.thorough
def test_the_runtime_can_be_chosen(run_here: Run, files: Path) -> None:
    scores = {}
    for runtime in ("torch", "onnx", "auto"):
        result = run_here("score", "ref.png", "dis.jpg", "--json", "--runtime", runtime)
        assert result.returncode == 0, result.stderr
        record = json.loads(result.stdout)
        scores[runtime] = record["score"]
        assert ("onnxruntime" in record["metric"]["runtime"]) == (runtime != "torch")
    assert scores["onnx"] == scores["auto"] == pytest.approx(scores["torch"], rel=1e-5)
    fails(run_here("score", "ref.png", "dis.jpg", "--metric", "psnr", "--runtime", "onnx"), "`innersight export")


def test_a_metric_of_another_library_states_its_direction_fault_49(run_here: Run, files: Path) -> None:
    result = run_here("score", "ref.png", "dis.jpg", "--metric", "vsi")
    assert result.returncode == 0, result.stderr
    first, citation = result.stdout.splitlines()
    assert first.endswith("(higher is more similar)")
    vsi = innersight.create_metric("vsi")
    expected = innersight.score(files / "ref.png", files / "dis.jpg", metric=vsi)
    assert float(first.split()[0]) == pytest.approx(expected, abs=1e-6)
    assert 0.5 < expected < 1
    assert citation == vsi.citation


@pytest.mark.thorough
def test_every_option_reaches_the_configuration(run_here: Run, files: Path) -> None:
    result = run_here(
        "score", "ref.png", "dis.jpg", "--json", "--layers", "0,-1", "--distance", "channel-cos", "--input", "short=128",
        "--set", "views.main.normalisation=backbone", "--set", "terms.features.pooling=mean", "--set", "reduce=sum",
        "--device", "cpu", "--precision", "fp64",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    metric = json.loads(result.stdout)["metric"]
    features, view = metric["terms"]["features"], metric["views"]["main"]
    assert (features["layers"], features["distance"], features["pooling"]) == ([0, 4], "channel-cos", "mean")
    assert (view["input"], view["normalisation"]) == ("short=128", "backbone")
    assert (metric["reduce"], metric["precision"]) == ("sum", "float64")


def test_a_term_whose_weight_is_set_to_0_is_left_out(run_here: Run, files: Path) -> None:
    result = run_here("score", "ref.png", "dis.jpg", "--json", "--set", "terms.moments.weight=0")
    record = json.loads(result.stdout)
    assert list(record["metric"]["terms"]) == ["features", "thumbnail", "chroma"]
    metric = innersight.create_metric("lite", changes={"terms.moments.weight": 0})
    assert record["score"] == pytest.approx(
        innersight.score(files / "ref.png", files / "dis.jpg", metric=metric), rel=1e-6
    )


@pytest.mark.thorough
def test_a_file_that_metrics_show_wrote_gives_the_score_of_the_preset(run_here: Run, files: Path) -> None:
    (files / "mine.toml").write_text(run_here("metrics", "show", "lite").stdout)
    preset, own = (
        json.loads(run_here("score", "ref.png", "dis.jpg", "--json", "--metric", metric).stdout)
        for metric in ("lite", "mine.toml")
    )
    assert own["score"] == pytest.approx(preset["score"], rel=1e-5)  # one is computed by torch, one by a bundle
    for key in ("name", "scale", "reduce", "views", "terms", "per_layer"):
        assert own["metric"][key] == preset["metric"][key], key


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_full_standard_output_is_one_line_fault_39(files: Path) -> None:
    command = [Path(sys.executable).parent / "innersight", "score", "ref.png", "dis.jpg"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=files, timeout=300)
    assert result.returncode == 2
    assert re.fullmatch(r"innersight: A file cannot be read or written: No space left on device\. .*\n", result.stderr)


@pytest.mark.thorough
def test_the_command_line_gives_the_scores_of_the_paper(run_here: Run, tmp_path: Path) -> None:
    """Two of the golden scores (see tests/metrics/test_goldens.py), from image files and a file of weights."""
    goldens = json.loads((Path(__file__).parent.parent / "fixtures" / "paper_scores.json").read_text())["scores"]
    for name, image in zip(("ref.png", "dis.png"), image_pair(288, 288, 1), strict=True):
        Image.fromarray(image).save(tmp_path / name)
    for timm_name, distance, column in (
        ("vit_base_patch32_clip_quickgelu_224.openai", "wsd", "wsd"),
        ("resnet50_clip.openai", "cos", "cos_width"),
    ):
        weights = write_weights(timm_name, tmp_path)
        result = run_here(
            "score", "ref.png", "dis.png", "--metric", "paper", "--backbone", timm_name, "--weights", weights,
            "--distance", distance, "--json",
        )  # fmt: skip
        record = json.loads(result.stdout)
        assert record["score"] == pytest.approx(goldens[timm_name]["288x288:1"][column], rel=1e-5)
        assert record["metric"]["views"]["main"]["weights"]["source"] == "file"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("missing.png", "dis.jpg"), ("No such file: 'missing.png'",)),
        (
            ("ref.png", "text.png"),
            (
                "'text.png' is not an image in a supported format (PNG, JPEG, WebP, AVIF, JPEG XL, JPEG 2000, TIFF, BMP, GIF",
            ),
        ),
        (("ref.png", "cut.png"), ("'cut.png' cannot be decoded. It is damaged or truncated",)),
        (("ref.png", "other.png"), ("differ in size: 'ref.png' is 451 x 300, 'other.png' is 200 x 200",)),
        (("ref.png", "."), ("is a folder",)),
        (
            ("ref.png", "dis.jpg", "--metric", "light"),
            ("`metric` must be one of (best, lite, paper, ", "but got 'light'. Did you mean lite or"),
        ),
        (("ref.png", "dis.jpg", "--distance", "skdl"), ("Did you mean skld",)),
        (("ref.png", "dis.jpg", "--distance", "skld"), ("not defined for maps", "l2, ")),
        (("ref.png", "dis.jpg", "--backbone", "dinov1-vitb61"), ("Did you mean dinov1-vitb16",)),
        (("ref.png", "dis.jpg", "--layers", "9"), ("layers`", "from -5 to 4", "but got [9]")),
        (("ref.png", "dis.jpg", "--input", "256"), ("`input` must be 'native' or a list such as 'short=256'",)),
        (
            ("ref.png", "dis.jpg", "--device", "gpu"),
            ("`device` must be auto, cpu or cuda (cuda:1, ...), but got 'gpu'",),
        ),
        (("ref.png", "dis.jpg", "--weights", "none.pth"), ("No weights file 'none.pth' was found",)),
        (("ref.png", "dis.jpg", "--weights", "text.png"), ("text.png", "could run")),
        (("ref.png", "dis.jpg", "--map", "m.jpg"), ("must end in .png, but got 'm.jpg'",)),
        (("ref.png", "dis.jpg", "--map", "ref.png"), ("would replace the input 'ref.png'",)),
        (("ref.png", "dis.jpg", "--set", "terms.moment.weight=0"), ("Did you mean terms.moments.weight",)),
        (("ref.png", "dis.jpg", "--set", "terms.moments.weight=much"), ("terms.moments.weight", "but got 'much'")),
        (("ref.png", "dis.jpg", "--set", "scale"), ("--set takes PATH=VALUE", "but got 'scale'")),
        (("ref.png", "dis.jpg", "--metric", "none.toml"), ("'none.toml' cannot be read", "No such file")),
        (("ref.png", "dis.jpg", "--metric", "psnr", "--map", "m.png"), ("psnr has no map", "such as 'lite'")),
        (("ref.png", "dis.jpg", "--metric", "psnr", "--per-layer"), ("psnr has no layers", "such as 'lite'")),
        (("ref.png", "dis.jpg", "--metric", "psnr", "--layers", "0"), ("'psnr' has no configuration", "layers")),
        (("ref.png", "dis.jpg", "--features", "embedding"), ("efficientnet-lite0 has no embedding",)),
        (
            ("ref.png", "dis.jpg", "--layers", "\u0663"),
            ("layers` must be a selection of layers such as", "but got '\u0663'"),
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(
    run_here: Run, files: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    fails(run_here("score", *arguments), *parts)


def test_a_decompression_bomb_is_one_clear_line(run_here: Run, tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")
    fails(run_here("score", "bomb.png", "bomb.png"), "12000 x 12000 pixels, more than the limit of 89,478,485")


def test_an_image_smaller_than_a_window_gets_the_way_out(run_here: Run, files: Path, vit_weights: Path) -> None:
    result = run_here(
        "score", "other.png", "other.png", "--metric", "paper", "--backbone", "vit_tiny_patch16_224",
        "--weights", vit_weights,
    )  # fmt: skip
    fails(result, "windows of 224 x 224", "input='short=224,window=224,stride=200'", "the metric 'lite'")


@pytest.mark.thorough
def test_without_network_the_error_names_the_model_and_two_ways_out(run: Run, files: Path, tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    for environment in (nowhere, {**nowhere, "HF_HUB_OFFLINE": "1"}):
        fails(
            run("score", "ref.png", "dis.jpg", "--metric", "paper", **environment),
            "The weights of dinov1-vitb16 (hub id timm/vit_base_patch16_224.dino) are not on this machine",
            "hub cannot be reached",
            "innersight weights pull dinov1-vitb16",
            "--weights FILE",
        )


class TestRegion:
    @pytest.mark.thorough
    def test_an_ignored_rectangle_is_not_scored(self, run_here: Run, files: Path) -> None:
        changed = np.array(Image.open(files / "ref.png"))
        changed[10:40, 20:120] = 255
        Image.fromarray(changed).save(files / "changed.png")
        assert run_here("score", "ref.png", "changed.png", "--ignore", "20,10,100,30").stdout.startswith("0.000000")
        assert not run_here("score", "ref.png", "changed.png", "--ignore", "20,10,100,29").stdout.startswith("0.000000")

    def test_mask_rectangles_and_border_are_in_the_record_and_in_the_score(self, run_here: Run, files: Path) -> None:
        mask = np.zeros((300, 451), np.uint8)
        mask[50:250] = 255
        Image.fromarray(mask).save(files / "mask.png")
        region = ("--mask", "mask.png", "--ignore", "0,60,20,30", "--ignore", "5,6,7,80", "--crop-border", "3")
        record = json.loads(run_here("score", "ref.png", "dis.jpg", "--json", *region).stdout)
        assert record["region"] == {
            "mask": "mask.png",
            "ignore": [[0, 60, 20, 30], [5, 6, 7, 80]],
            "crop_border": 3,
        }
        wanted = innersight.Scorer("lite").score(
            files / "ref.png", files / "dis.jpg", mask=mask, ignore=[(0, 60, 20, 30), (5, 6, 7, 80)], crop_border=3
        )
        assert record["score"] == wanted.score

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--ignore", "1,2,3"), "--ignore takes X,Y,W,H, four whole numbers of pixels such as 0,0,200,40"),
            (("--ignore", "1,2,3,-4"), "but got '1,2,3,-4'"),
            (("--ignore", "0,0,0,4"), "width and height from 1, but got (0, 0, 0, 4)"),
            (("--crop-border", "-1"), "`crop_border` must be a whole number of pixels from 0, but got -1"),
            (("--mask", "none.png"), "No such file: 'none.png'"),
            (("--mask", "other.png"), "'other.png' is 200 x 200"),
            (("--metric", "psnr", "--mask", "ref.png"), "psnr cannot be limited to a mask"),
        ],
    )
    def test_bad_regions_are_one_clear_line_and_status_2(
        self, run_here: Run, files: Path, arguments: tuple[str, ...], message: str
    ) -> None:
        Image.new("L", (200, 200), 255).save(files / "other.png")
        result = run_here("score", "ref.png", "dis.jpg", *arguments)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert message in result.stderr


class TestTransparent:
    @pytest.mark.thorough
    def test_a_note_says_which_background_counts_fault_2(self, run_here: Run, files: Path) -> None:
        white = Image.new("RGBA", (128, 96), (255, 255, 255, 0))
        white.save(files / "none.png")
        white.paste((255, 255, 255, 255), (30, 30, 90, 60))
        white.save(files / "box.png")
        plain = run_here("score", "none.png", "box.png", "--json")
        assert "images have transparent pixels" in plain.stderr
        assert "on white and on black, here on black" in plain.stderr
        record = json.loads(plain.stdout)
        assert record["score"] > 5
        assert (record["transparent"], record["background"]) == (["reference", "distorted"], [0.0, 0.0, 0.0])
        for color in ("white", "#ffffff", "#FFF"):
            chosen = run_here("score", "none.png", "box.png", "--background", color)
            assert chosen.stdout.startswith("0.000000")
            assert "They are scored on white." in chosen.stderr
        for color in ("none", "#ff", "#ffffff80", "1,1,1"):
            refused = run_here("score", "none.png", "box.png", "--background", color)
            assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
            assert f"--background takes a colour such as white or #808080, but got {color!r}" in refused.stderr

    def test_opaque_images_have_no_note_fault_2(self, run_here: Run, files: Path) -> None:
        result = run_here("score", "ref.png", "dis.jpg", "--json")
        assert result.stderr == ""
        assert json.loads(result.stdout)["background"] is None


@pytest.mark.thorough
def test_explain_says_what_the_score_means(run_here: Run, files: Path) -> None:
    text = run_here("score", "ref.png", "dis.jpg", "--explain").stdout.splitlines()[1]
    record = json.loads(run_here("score", "ref.png", "dis.jpg", "--explain", "--json").stdout)
    assert record["explanation"] == text
    quality, sigma = record["jpeg_equivalent"], record["blur_equivalent"]
    assert text == (
        f"As different from the reference as its own JPEG at quality {quality}, or as a Gaussian blur of sigma {sigma:g} "
        "pixels."
    )
    assert json.loads(run_here("score", "ref.png", "ref.png", "--explain", "--json").stdout)["jpeg_equivalent"] is None
