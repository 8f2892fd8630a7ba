"""A made project: references, and results of which one is right, one is distorted and one is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from skimage import data


@pytest.fixture
def project(tmp_path: Path) -> Path:
    photograph = Image.fromarray(data.coffee()).crop((100, 50, 451, 310))
    for folder in ("golden", "new"):
        (tmp_path / folder).mkdir()
    for name in ("broken", "changed", "same"):
        photograph.save(tmp_path / "golden" / f"{name}.png")
    photograph.save(tmp_path / "new" / "same.png", compress_level=1)
    photograph.save(tmp_path / "new" / "changed.jpg", quality=20)
    (tmp_path / "new" / "broken.png").write_bytes((tmp_path / "golden" / "broken.png").read_bytes()[:5000])
    return tmp_path
