"""The versions of what decides a score are those that are installed."""

from __future__ import annotations

import onnxruntime
import PIL
import timm
import torch

import innersight
from innersight.provenance import ONNX, TORCH, version_of, versions


def test_versions_are_those_of_the_imported_libraries() -> None:
    found = versions(TORCH)
    assert found["innersight"] == innersight.__version__
    assert torch.__version__.startswith(found["torch"])
    assert found["timm"] == timm.__version__
    assert found["Pillow"] == PIL.__version__
    assert all(found.values())
    assert versions(ONNX)["onnxruntime"] == onnxruntime.__version__


def test_a_distribution_that_is_not_installed_has_an_unknown_version() -> None:
    assert version_of("no-such-distribution") == "unknown"
