"""`innersight export` writes a folder that `--metric` takes, and fails in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from innersight.export import exporter

SMALL = ("paper", "--backbone", "vit_tiny_patch16_224", "--input", "window=64,stride=64", "--layers", "3")


@pytest.mark.thorough
def test_the_written_folder_is_a_metric(
    run_here: Run, run: Run, files: Path, vit_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((64, 64), (101, 203)))
    done = run_here("export", *SMALL, "--weights", vit_weights, "--out", files / "my bundle")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{files / 'my bundle'}: paper, compared with torch on 2 sizes of images"
    assert lines[1].startswith("largest difference: ")
    assert float(lines[1].split()[-1]) <= 1e-5
    with_bundle = run("score", "ref.png", "dis.jpg", "--metric", "my bundle")
    with_torch = run("score", "ref.png", "dis.jpg", "--metric", *SMALL, "--weights", vit_weights)
    assert with_bundle.returncode == with_torch.returncode == 0, with_bundle.stderr + with_torch.stderr
    assert float(with_bundle.stdout.split()[0]) == pytest.approx(float(with_torch.stdout.split()[0]), rel=1e-4)


def test_what_cannot_be_exported_is_one_line_and_status_2(run_here: Run, files: Path) -> None:
    for arguments, said in (
        (("psnr", "--out", files / "new"), "psnr is a metric of another library"),
        (("lite", "--out", files), "exists. Use another folder, or --overwrite to replace a bundle"),
        (("nothing", "--out", files / "new"), "'nothing'"),
    ):
        done = run_here("export", *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert said in done.stderr
    assert not (files / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="NOT RUN: root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line_and_status_2(run_here: Run, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = run_here("export", "lite", "--out", tmp_path / "locked" / "new")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
