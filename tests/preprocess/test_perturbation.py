"""Perturbed images have the published PSNR, and each kind of perturbation changes an image as documented."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch

from innersight.errors import ArgumentError, ImageError
from innersight.io.images import read_image
from innersight.preprocess.perturbation import Perturbation


def psnr(reference: torch.Tensor, distorted: torch.Tensor) -> float:
    return -10 * math.log10((reference.double() - distorted.double()).square().mean().item() + 1e-8)


@pytest.mark.thorough
def test_psnr_of_every_pair_at_hand_is_the_published_one(shared: Path) -> None:
    """All 310 pairs of TID2013: unperturbed within .002 dB, perturbed within .001 dB."""
    part, published = shared / "data" / "tid2013", shared / "data" / "published"
    said = {}
    for name in ("", "_tra-1", "_sca-1", "_rot-1"):
        with (published / f"tid2013_psnr{name}.csv").open(newline="") as file:
            said[name] = {Path(row["dis"]).stem.lower(): float(row["pred"]) for row in csv.DictReader(file)}
    with (part / "opinions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 310
    references = {row["reference"]: torch.from_numpy(read_image(part / row["reference"])) for row in rows}
    for row in rows:
        reference, distorted = references[row["reference"]], torch.from_numpy(read_image(part / row["distorted"]))
        stem = Path(row["distorted"]).stem.lower()
        assert psnr(reference, distorted) == pytest.approx(said[""][stem], abs=0.002), stem
        for kind in ("tra", "sca", "rot"):
            perturbation = Perturbation(kind)
            found = psnr(perturbation.of_reference(reference), perturbation.of_distorted(distorted))
            assert found == pytest.approx(said[f"_{kind}-1"][stem], abs=0.001), (stem, kind)


def test_a_shift_shows_each_side_of_the_image_once(cat: torch.Tensor) -> None:
    shift = Perturbation("tra", 2)
    columns = math.ceil(451 * 0.02)
    assert torch.equal(shift.of_reference(cat[0]), cat[0, :, :, :-columns])
    assert torch.equal(shift.of_distorted(cat[0]), cat[0, :, :, columns:])


@pytest.mark.parametrize("kind", ["sca", "rot"])
@pytest.mark.parametrize("magnitude", [0.5, 1, 3])
def test_scaling_and_rotation_keep_the_size_and_touch_the_distorted_image_alone(cat, kind: str, magnitude) -> None:
    perturbation = Perturbation(kind, magnitude)
    assert perturbation.of_reference(cat[0]) is cat[0] or torch.equal(perturbation.of_reference(cat[0]), cat[0])
    changed = perturbation.of_distorted(cat[0])
    assert changed.shape == cat[0].shape
    assert not torch.equal(changed, cat[0])


def test_a_rotation_is_clockwise_and_its_corners_are_black() -> None:
    image = torch.ones(3, 101, 101)
    image[:, 50, 60:90] = 0.5  # a bar from the centre to the right
    turned = Perturbation("rot", 10).of_distorted(image)
    assert turned[0, 0, 0] == 0
    rows = (turned[0] - 0.5).abs().lt(0.01).nonzero()[:, 0].float()
    assert rows.min() > 51  # it points down now


def test_a_scaling_keeps_the_middle_where_it_was() -> None:
    image = torch.zeros(3, 101, 101)
    image[:, 50, 50] = 1
    grown = Perturbation("sca", 4).of_distorted(image)
    assert (grown[0] == grown[0].max()).nonzero().tolist() == [[50, 50]]


def test_more_is_more(cat: torch.Tensor) -> None:
    for kind in ("tra", "sca", "rot"):
        found = [
            psnr(p.of_reference(cat[0]), p.of_distorted(cat[0])) for p in (Perturbation(kind, m) for m in (0.5, 2, 8))
        ]
        assert found == sorted(found, reverse=True), kind


def test_wrong_kinds_and_magnitudes_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"Argument `perturbation` must be one of \(tra, sca, rot\), but got 'turn'"
    ):
        Perturbation("turn")
    with pytest.raises(ArgumentError, match="Argument `magnitude` must be above 0 and at most 45"):
        Perturbation("tra", 0)
    with pytest.raises(ImageError, match="leaves no column of an image that is 1 pixels wide"):
        Perturbation("tra", 1).of_reference(torch.rand(3, 4, 1))
