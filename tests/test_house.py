"""What the house promises: light import, public names, one page of architecture that is true."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import innersight

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "innersight").rglob("*.py"))


def test_importing_the_package_loads_no_torch_and_no_other_heavy_library() -> None:
    code = "import innersight, sys; print([m for m in sys.modules if m in ('torch', 'timm', 'numpy', 'PIL', 'typer', 'rich')])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_every_public_name_is_there_and_documented() -> None:
    assert set(innersight.__all__) <= set(dir(innersight))
    for name in innersight.__all__:
        assert getattr(innersight, name) is not None
        if callable(getattr(innersight, name)):
            assert getattr(innersight, name).__doc__


def test_the_public_names_do_not_disappear_unseen() -> None:
    assert set(innersight.__all__) == {
        "ArgumentError", "ChannelMoments", "ChromaRange", "Decoder", "DecodingLimits", "FeatureDistance", "FeatureMetric", "FullReferenceMetric",
        "ImageError", "InnersightError", "InputPolicy", "MetricConfig", "PRESETS", "Reference", "Region", "Scorer",
        "ThumbnailDistance", "Video", "View", "WeightsError", "as_loss", "create_metric", "create_metrics", "create_scorers", "read_image",
        "score", "score_pairs",
    }  # fmt: skip


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'innersight' has no attribute 'lpips'"):
        innersight.lpips  # noqa: B018


def test_the_package_never_checks_input_by_assert() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_test_imports_another() -> None:
    """`python -m pytest` finds such a module, `pytest` need not. What tests share is a module of the folder `tests`."""
    found = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert found == []


def test_architecture_md_names_the_layers_in_the_order_that_the_linter_holds() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = next(contract for contract in contracts if contract["id"] == "one-way")["layers"][::-1]
    text = (ROOT / "docs" / "architecture.md").read_text()
    diagram = text.split("```")[1]
    assert [line.split()[0].rstrip("/") for line in diagram.splitlines()[2:] if line[:1].strip()] == held
    assert len(text.splitlines()) <= 75  # one page


def test_architecture_md_says_where_to_add_what_and_the_places_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [line for line in text.splitlines() if "NAME.py" in line]
    assert len(rows) == 8
    for row in rows:
        folder = row.split("`")[1].removesuffix("/NAME.py")
        assert (ROOT / "src" / "innersight" / folder / "__init__.py").is_file(), row


def test_no_file_is_longer_than_400_lines() -> None:
    files = [
        path
        for folder in ("src", "tests", "research", "benchmarks", "examples", "website")
        for path in (ROOT / folder).rglob("*.py")
    ]
    assert {str(path): lines for path in files if (lines := len(path.read_text().splitlines())) > 400} == {}


def test_every_module_has_tests_that_mirror_it() -> None:
    """Modules whose tests live elsewhere are named here with where."""
    elsewhere = {
        "cli/app": "cli/test_catalogues",
        "cli/console": "cli/test_catalogues",
        "metrics/presets/paper": "metrics/test_goldens",
        "cli/options": "cli/test_score",
        "cli/progress": "cli/test_batch",
        "cli/score_table": "cli/test_plot",
        "bundles/sessions": "bundles/test_bundle",
        "gate/artifacts": "gate/test_run",
        "inference/pair_task": "inference/test_scorer",
        "inference/planned_run": "inference/test_planner",
        "inference/scorers": "inference/test_scorer",
        "inference/torch_sources": "inference/test_torch_backend",
        "io/decoder_process": "io/test_decoder",
        "io/orientation": "io/test_images",
        "io/pictures": "inference/test_pair_images",
        **dict.fromkeys(
            (
                f"io/{module}"
                for module in ("avif", "boxes", "heif", "jpeg_2000", "jpeg_xl", "jpeg_xl_header", "netpbm", "samples")
            ),
            "io/test_file_formats",
        ),
    }
    for path in SOURCES:
        module = path.relative_to(ROOT / "src" / "innersight").with_suffix("")
        if path.name == "__init__.py" or str(module) in ("errors", "_version"):
            continue
        place = elsewhere.get(str(module), str(module.parent / f"test_{module.name}"))
        assert (ROOT / "tests" / f"{place}.py").is_file(), module
