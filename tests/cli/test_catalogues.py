"""`innersight metrics` and `innersight backbones` show every name that a user can type."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run

import innersight
from innersight.backbones.catalogue import CATALOGUE
from innersight.distances.registry import DISTANCES
from innersight.metrics.external.registry import METRICS
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import read_config
from innersight.metrics.terms.base import TERMS


def test_metrics_lists_presets_terms_distances_and_metrics_of_other_libraries(run_here: Run) -> None:
    result = run_here("metrics")
    assert result.returncode == 0, result.stderr
    for name in (*PRESETS, *TERMS, *DISTANCES, *METRICS):
        assert name in result.stdout
    for preset in PRESETS.values():
        for part in (*(view.backbone for view in preset.views), *(str(view.input) for view in preset.views)):
            assert part in result.stdout
        for term in preset.terms:
            assert f"{term.name} ({term.weight:g})" in result.stdout


@pytest.mark.parametrize("name", ["best", "lite"])
def test_show_prints_a_file_that_gives_the_configuration_again(run_here: Run, tmp_path: Path, name: str) -> None:
    result = run_here("metrics", "show", name)
    assert result.returncode == 0, result.stderr
    (tmp_path / "shown.toml").write_text(result.stdout)
    assert read_config(tmp_path / "shown.toml") == PRESETS[name]


def test_the_type_of_a_new_name_adds_a_term(run_here: Run, tmp_path: Path) -> None:
    """The order of the changes does not matter."""
    result = run_here(
        "metrics", "show", "paper", "--set", "terms.small.weight=2", "--set", "terms.small.type=thumbnail"
    )
    (tmp_path / "shown.toml").write_text(result.stdout)
    (features, small) = read_config(tmp_path / "shown.toml").terms
    assert (features.name, small.name, small.weight) == ("features", "small", 2)


def test_show_applies_the_changes(run_here: Run, tmp_path: Path) -> None:
    result = run_here("metrics", "show", "lite:scale=linear", "--set", "terms.moments.order=8")
    (tmp_path / "shown.toml").write_text(result.stdout)
    changes = {"scale": "linear", "terms.moments.order": 8}
    assert read_config(tmp_path / "shown.toml") == innersight.create_metric("lite", changes=changes).config


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("light",), "but got 'light'. Did you mean lite or"),
        (("psnr",), "'psnr' is of another library and has no configuration"),
        (("none.json",), "'none.json' cannot be read"),
        (("lite", "--set", "terms.moments=2"), "but got 'terms.moments'. Did you mean terms.moments."),
        (
            ("lite", "--set", "terms.moment.weight=2"),
            "but got 'terms.moment.weight'. Did you mean terms.moments.weight",
        ),
        (("lite", "--set", "views.mian.chroma=half"), "but got 'views.mian.chroma'. Did you mean views.main.chroma"),
        (("lite", "--set", "order"), "--set takes PATH=VALUE, such as terms.moments.weight=0, but got 'order'"),
    ],
)
def test_bad_input_of_show_is_one_clear_line_and_status_2(run_here: Run, arguments: tuple[str, ...], part: str) -> None:
    result = run_here("metrics", "show", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert part in result.stderr
    assert result.stderr.count("\n") == 1


def test_backbones_lists_the_catalogue_without_cutting_a_name(run_here: Run) -> None:
    result = run_here("backbones")
    assert result.returncode == 0, result.stderr
    for entry in CATALOGUE:
        assert entry.alias in result.stdout
        assert entry.timm_name in result.stdout
        assert entry.licence in result.stdout


def test_search_finds_any_timm_model(run_here: Run) -> None:
    result = run_here("backbones", "--search", "CONVNEXT_BASE.clip")
    assert "openclip-convnext-base" in result.stdout
    assert "convnext_base.clip_laiona" in result.stdout.splitlines()
    assert "dinov1-vitb16" not in result.stdout
    assert "No name of a backbone contains 'qqq'." in run_here("backbones", "--search", "qqq").stdout


def test_help_and_version(run: Run) -> None:
    from innersight import __version__

    assert run("--version").stdout == f"innersight {__version__}\n"
    listed = run("--help").stdout
    for command in ("score", "batch", "bench", "evaluate", "export", "verify-paper", "metrics", "backbones", "weights"):
        assert command in listed
