"""`innersight metrics` and `innersight backbones` show every name a user can type."""

from __future__ import annotations

from tests.cli.conftest import Run

from innersight.backbones.catalogue import CATALOGUE
from innersight.distances.registry import DISTANCES
from innersight.metrics.external import RIVALS
from innersight.metrics.presets import PRESETS


def test_metrics_lists_presets_distances_and_rivals(run: Run) -> None:
    result = run("metrics")
    assert result.returncode == 0
    for name in (*PRESETS, *DISTANCES, *RIVALS, "window=224,stride=200", "short=256"):
        assert name in result.stdout


def test_backbones_lists_the_catalogue_without_cutting_a_name(run: Run) -> None:
    result = run("backbones")
    assert result.returncode == 0
    for entry in CATALOGUE:
        assert entry.alias in result.stdout
        assert entry.timm_name in result.stdout
        assert entry.licence in result.stdout


def test_search_finds_any_timm_model(run: Run) -> None:
    result = run("backbones", "--search", "CONVNEXT_BASE.clip")
    assert "openclip-convnext-base" in result.stdout
    assert "convnext_base.clip_laiona" in result.stdout.splitlines()
    assert "dinov1-vitb16" not in result.stdout
    assert "No backbone's name holds 'qqq'." in run("backbones", "--search", "qqq").stdout


def test_help_and_version(run: Run) -> None:
    from innersight import __version__

    assert run("--version").stdout == f"innersight {__version__}\n"
    for command in ("score", "batch", "bench", "evaluate", "verify-paper", "metrics", "backbones", "weights"):
        assert command in run("--help").stdout
