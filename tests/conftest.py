"""What several tests share: stand-in weights, real photographs, and the path to development data if it is there."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from browsers import WatchedPage, start_chromium
from standins import write_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores; threads that wait for each other cost ten times as much

settings.register_profile("untimed", deadline=None)  # machines have their load
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the examples in the docstrings of the integration of pyiqa if it is not installed, and say so."""
    if importlib.util.find_spec("pyiqa") is None:
        for item in items:
            if isinstance(item, pytest.DoctestItem) and item.name == "innersight.integrations.pyiqa.register":
                item.add_marker(pytest.mark.skip(reason="NOT RUN: pyiqa is not installed"))


@pytest.fixture(scope="session")
def vit_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in weights of a small transformer, `vit_tiny_patch16_224`."""
    return write_weights("vit_tiny_patch16_224", tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def small_dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in weights of the network of the `vit` preset."""
    return write_weights("vit_small_patch14_dinov2.lvd142m", tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="session")
def cnn_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in weights of a small convolutional network, `resnet18`."""
    return write_weights("resnet18", tmp_path_factory.mktemp("cnn"))


@pytest.fixture(scope="session")
def cat() -> torch.Tensor:
    """scikit-image's photograph of a cat, (1, 3, 300, 451) in [0, 1]."""
    from skimage import data

    return torch.from_numpy(data.chelsea()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(autouse=True)
def _no_weights_folder_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INNERSIGHT_WEIGHTS_DIR", raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data; without it the test is skipped, and says so."""
    folder = Path(os.environ.get("INNERSIGHT_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"NOT RUN: development data not found at {folder} (set INNERSIGHT_SHARED)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium without a window; without it the test is skipped, and says so."""
    yield from start_chromium()


@pytest.fixture
def watched(chromium: Browser) -> Iterator[WatchedPage]:
    """A page of a new profile. The test fails if the page logs an error or loads anything from another origin."""
    with WatchedPage(chromium) as page:
        yield page
