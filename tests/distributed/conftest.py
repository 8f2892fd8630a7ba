"""Lists of small pairs, and their scores by the local engine."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image
from skimage import data


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of 24 pairs of 4 references in turns, a missing image, and a row without a path."""
    folder = tmp_path / "in"
    folder.mkdir()
    photograph = Image.fromarray(data.coffee())
    for number in range(4):
        photograph.crop((20 * number, 0, 20 * number + 72, 64)).save(folder / f"r{number}.png")
    rows = [["reference", "distorted", "note"]]
    for quality in (10, 25, 40, 55, 70, 85):
        for number in range(4):
            name = f"d{number}-{quality}.jpg"
            Image.open(folder / f"r{number}.png").save(folder / name, quality=quality)
            rows.append([f"r{number}.png", name, f"q, {quality}"])
    rows += [["r0.png", "missing.png", "none"], ["r1.png", "", "empty"]]
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "list.csv"
