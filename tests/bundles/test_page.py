"""`docs/bundles.md` is enough to score: its program runs without this package, and gives the scores of `Scorer`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import innersight

ROOT = Path(__file__).parents[2]

ONLY_ONNX_RUNTIME = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("innersight", "torch", "timm", "onnx", "scipy"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def program() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "bundles.md").read_text(encoding="utf-8"), re.S)
    return found


def test_the_program_of_the_page_runs_with_onnx_runtime_and_numpy_alone(program: str) -> None:
    more = "\nprint(repr(float(score[0])), differences.min() >= 0, float(differences.max()))"
    done = subprocess.run(
        [sys.executable, "-c", ONLY_ONNX_RUNTIME + program + more], capture_output=True, text=True, cwd=ROOT, check=True
    )
    first, last = done.stdout.strip().splitlines()[0], done.stdout.strip().splitlines()[-1]
    score, from_zero, largest = last.split()
    reference = np.tile(np.linspace(0, 1, 320, dtype=np.float32), (1, 3, 240, 1))[0].transpose(1, 2, 0)
    found = innersight.Scorer("lite").score(reference, np.round(reference * 16) / 16, per_layer=True, map=True)
    assert float(score) == pytest.approx(found.score, rel=1e-6)
    assert from_zero == "True"
    assert found.map is not None
    assert float(largest) == pytest.approx(float(found.map.max()), rel=1e-5)
    assert first.endswith("(240, 320)")


def test_the_page_documents_each_file_input_and_output_of_the_graphs() -> None:
    text = (ROOT / "docs" / "bundles.md").read_text(encoding="utf-8")
    for name in (
        "extract.onnx",
        "compare.onnx",
        "map.onnx",
        "compare_masked.onnx",
        "metric.json",
        "image",
        "first_window",
        "window_count",
    ):
        assert f"`{name}`" in text
    for name in ("score", "per_layer", "map", "size", "weights.NAME", "windows"):
        assert f"`{name}`" in text
