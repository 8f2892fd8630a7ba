"""Files and lists of pairs on a device: scorers, interrupted runs, the command line and a full device."""

from __future__ import annotations

import csv
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import innersight
from gpu_device import DEVICE, cuda_only, difference, frozen, on_device, pair, skip_without_device
from innersight import FeatureMetric, Scorer
from innersight.export.check import distort, photograph
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import open_list

skip_without_device()

KINDS = 5
LIMIT_MEMORY = f"""import torch
total = torch.cuda.mem_get_info({str(DEVICE)!r})[1]
torch.cuda.set_per_process_memory_fraction((128 << 20) / total, {str(DEVICE)!r})"""
"""Allows 128 MiB, less than the network needs for an image of 1920 x 1080 at native size."""


def save(image: torch.Tensor, path: Path) -> None:
    Image.fromarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(path)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of 18 pairs: three references of two sizes, each with five distorted images and with itself."""
    folder = tmp_path_factory.mktemp("list")
    lines = ["reference,distorted"]
    for index in range(3):
        reference = photograph(index, 96 + 16 * (index % 2), 128)
        save(reference, folder / f"r{index}.png")
        for kind in range(KINDS):
            save(distort(kind, reference).clamp(0, 1), folder / f"d{index}-{kind}.png")
        names = [*(f"d{index}-{kind}.png" for kind in range(KINDS)), f"r{index}.png"]
        lines += [f"r{index}.png,{name}" for name in names]
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return folder / "list.csv"


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer("lite", device=str(DEVICE), runtime="torch")


def read(path: Path, column: str = "score") -> np.ndarray:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert not any(row["error"] for row in rows)
    return np.array([float(row[column]) for row in rows])


def innersight_command(*arguments: object, before: str = "", folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"{before}\nfrom innersight.cli.app import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)


def test_a_scorer_has_the_scores_of_the_bundle_also_pickled_and_with_a_kept_reference(
    scorer: Scorer, listed: Path
) -> None:
    paths = listed.parent / "r1.png", listed.parent / "d1-2.png"
    found, wanted = (one.score(*paths, per_layer=True, map=True) for one in (scorer, Scorer("lite", runtime="onnx")))
    assert found.score == pytest.approx(wanted.score, rel=1e-5)
    assert found.per_layer == pytest.approx(wanted.per_layer, abs=1e-4 * wanted.score)
    assert found.map == pytest.approx(wanted.map, abs=1e-3 * wanted.score)
    kept = scorer.reference(paths[0])
    assert scorer(kept, paths[0]) == 0
    assert scorer(kept, paths[1]) == pytest.approx(found.score, rel=1e-6)
    other, moved = pickle.loads(pickle.dumps((scorer, kept)))
    assert other(moved, paths[1]) == pytest.approx(found.score, rel=1e-6)


def test_score_pairs_has_the_scores_of_single_calls(scorer: Scorer, listed: Path) -> None:
    with listed.open(newline="") as file:
        pairs = [(listed.parent / row["reference"], listed.parent / row["distorted"]) for row in csv.DictReader(file)]
    results = list(innersight.score_pairs(pairs, {"lite": scorer}, batch_size=16))
    for result, images in zip(results, pairs, strict=True):
        assert result.scores["lite"] == pytest.approx(scorer(*images), rel=1e-5)


def test_an_interrupted_run_resumes_to_the_scores_of_an_uninterrupted_one(listed: Path, tmp_path: Path) -> None:
    pairs = open_list(listed)
    scorers = innersight.create_scorers(["lite", "psnr"], device=str(DEVICE), runtime="torch")
    assert [scorer.describe()["device"] for scorer in scorers.values()] == [str(DEVICE)] * 2

    def stop(done: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_list(pairs, scorers, tmp_path / "cut.csv", batch_size=4, on_row=stop)
    outcome = score_list(pairs, scorers, tmp_path / "cut.csv", batch_size=4, resume=True)
    assert (outcome.rows, outcome.resumed, outcome.failed) == (18, 7, 0)
    score_list(pairs, scorers, tmp_path / "whole.csv", batch_size=4)
    for column in ("score_lite", "score_psnr"):
        found, wanted = (read(tmp_path / f"{name}.csv", column) for name in ("cut", "whole"))
        assert found == pytest.approx(wanted, rel=1e-5)


def test_the_command_scores_a_list_on_the_device_also_from_a_cache(listed: Path, tmp_path: Path) -> None:
    def run(name: str, *options: object) -> np.ndarray:
        out = tmp_path / f"{name}.csv"
        result = innersight_command("batch", listed, "--out", out, *options, folder=tmp_path)
        assert result.returncode == 0, result.stderr
        return read(out)

    wanted = run("bundle", "--device", "cpu")
    there = ("--device", DEVICE, "--runtime", "torch", "--cache", tmp_path / "cache")
    for scores in (run("new", *there), run("cached", *there, "--batch-size", 5, "--workers", 3)):
        assert scores == pytest.approx(wanted, rel=1e-5)
        assert (scores[KINDS :: KINDS + 1] == 0).all()
    record = json.loads((tmp_path / "new.csv.run.json").read_text())["run"]["metrics"]["lite"]
    assert (record["device"], record["precision"]) == (str(DEVICE), "float32")


def test_the_command_scores_a_pair_on_the_device(listed: Path, tmp_path: Path) -> None:
    paths = listed.parent / "r0.png", listed.parent / "d0-1.png"
    options = ("--device", DEVICE, "--runtime", "torch", "--json", "--map", "map.png")
    result = innersight_command("score", *paths, *options, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["score"] == pytest.approx(Scorer("lite", runtime="onnx")(*paths), rel=1e-5)
    assert (tmp_path / "map.png").is_file()


@cuda_only
def test_a_device_that_is_not_there_is_one_line(listed: Path, tmp_path: Path) -> None:
    image = listed.parent / "r0.png"
    result = innersight_command("score", image, image, "--device", "cuda:99", folder=tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


@cuda_only
@pytest.mark.parametrize("command", ["score", "batch"])
def test_a_full_device_stops_the_command_in_one_line(tmp_path: Path, command: str) -> None:
    for name, image in zip(("r.png", "d.png"), pair(1, (1080, 1920)), strict=True):
        save(image, tmp_path / name)
    (tmp_path / "list.csv").write_text("reference,distorted\nr.png,d.png\n")
    arguments = ("r.png", "d.png") if command == "score" else ("list.csv", "--out", "out.csv", "--quiet")
    options = ("--device", DEVICE, "--runtime", "torch", "--set", "views.main.input=native")
    result = innersight_command(command, *arguments, *options, before=LIMIT_MEMORY, folder=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("innersight: The device failed: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


@cuda_only
def test_a_metric_works_after_the_device_was_full(there: FeatureMetric) -> None:
    wanted = frozen(there, *pair(0))
    images = on_device(*(image.expand(16, -1, -1, -1).contiguous() for image in pair(1, (1080, 1920))))
    total = torch.cuda.mem_get_info(DEVICE)[1]
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(DEVICE) + (1 << 20)) / total, DEVICE)
    try:
        with pytest.raises(torch.OutOfMemoryError), torch.inference_mode():
            there(*images)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, DEVICE)
        torch.cuda.empty_cache()
    assert difference(frozen(there, *pair(0)), wanted) < 1e-6
